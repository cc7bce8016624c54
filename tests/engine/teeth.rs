//! Teeth: scripts with one line changed for the worse are found out.

use std::fmt::Write;
use std::thread;

use anyhow::{Result, ensure};
use tollgate_testkit::Seed;

use crate::campaign::Campaign;
use crate::fleet::{Fleet, Watch};
use crate::history::Kind;
use crate::program::Programs;
use crate::regressions::STORIES;

/// A change for the worse: what it does, and the text that another text replaces in a script.
struct Mutant {
    what: &'static str,
    script: &'static str,
    text: &'static str,
    becomes: &'static str,
}

/// Random histories that a mutant may survive.
const HISTORIES: usize = 1_000;

/// The mutants, and by how much the product would be wrong with each.
const MUTANTS: [Mutant; 29] = [
    Mutant {
        what: "time goes back with the clock",
        script: "prelude",
        text: "  now = max(now, head.seen)\n",
        becomes: "",
    },
    Mutant {
        what: "after a long step back time stands still",
        script: "prelude",
        text: "    head.offset = head.offset + head.seen - now",
        becomes: "",
    },
    Mutant {
        what: "a wait is rounded down",
        script: "acquire",
        text: "+ ceil((bucket.debt + cost * bucket.terms.credit",
        becomes: "+ floor((bucket.debt + cost * bucket.terms.credit",
    },
    Mutant {
        what: "a bucket is full a microsecond early",
        script: "prelude",
        text: "  local left = debt - elapsed * refill",
        becomes: "  local left = debt - (elapsed + 1) * refill",
    },
    Mutant {
        what: "a refused batch is written",
        script: "acquire",
        text: "if any_charged or waiting or head.changed or repeated or #writes > 0 then",
        becomes: "if true then",
    },
    Mutant {
        what: "the last bucket on a path refuses nothing",
        script: "acquire",
        text: "  for p = first, last, 2 do\n    place = place + 1\n    local bucket, claim =",
        becomes: "  for p = first, last - 2, 2 do\n    place = place + 1\n    local bucket, claim =",
    },
    Mutant {
        what: "the first bucket on a path is not charged",
        script: "acquire",
        text: "  for p = first, last, 2 do\n    place = place + 1\n    if not needed or needed[place] then\n      local bucket, cost,",
        becomes: "  for p = first + 2, last, 2 do\n    place = place + 1\n    if not needed or needed[place] then\n      local bucket, cost,",
    },
    Mutant {
        what: "calls are granted together for which there is no room together",
        script: "acquire",
        text: "if bucket.leases or debt > terms.capacity then",
        becomes: "if bucket.leases or bucket.debt > terms.capacity then",
    },
    Mutant {
        what: "calls with a name are granted with all others",
        script: "acquire",
        text: "  if permit_count > 0 or any_queue or",
        becomes: "  if any_queue or",
    },
    Mutant {
        what: "any policy will do",
        script: "acquire",
        text: "if head.fence ~= fence then return pack({STALE, head.fence}) end",
        becomes: "",
    },
    Mutant {
        what: "a repeated batch is charged again",
        script: "prelude",
        text: "  if answered == number then return reply end",
        becomes: "",
    },
    Mutant {
        what: "a batch that was given up is charged",
        script: "prelude",
        text: "  if answered > number then return pack({SUPERSEDED}) end",
        becomes: "",
    },
    Mutant {
        what: "a call with a name is charged each time",
        script: "acquire",
        text: "    if named.is_made then needs[n] = places_ended(named, first, last) end",
        becomes: "",
    },
    Mutant {
        what: "buckets come back full after a loss",
        script: "prelude",
        text: "  if head.since == 0 then return 0 end",
        becomes: "  if true then return 0 end",
    },
    Mutant {
        what: "another server process is taken for the old one",
        script: "prelude",
        text: "  if head.server ~= server then begin_epoch(head, server, now) end",
        becomes: "",
    },
    Mutant {
        what: "epochs are counted",
        script: "prelude",
        text: "max(head.epoch + 1, now)",
        becomes: "head.epoch + 1",
    },
    Mutant {
        what: "buckets are not counted",
        script: "acquire",
        text: "limit.buckets + 1, true, false",
        becomes: "limit.buckets, true, false",
    },
    Mutant {
        what: "what is given back counts in full",
        script: "settle",
        text: "    credits = max(0, credits - (now - granted_at) * terms.refill)\n",
        becomes: "",
    },
    Mutant {
        what: "a permit is settled twice",
        script: "settle",
        text: "    if used_up or permits[permit] then",
        becomes: "    if false then",
    },
    Mutant {
        what: "what was granted before a change is given back",
        script: "settle",
        text: " or granted_at <= known_since(bucket) then",
        becomes: " then",
    },
    Mutant {
        what: "a change counts from the next grant on",
        script: "prelude",
        text: "    at = max(at, head.ruled)\n",
        becomes: "    at = now\n",
    },
    Mutant {
        what: "a permit that is used up gives back the next one",
        script: "settle",
        text: " or epoch < charged_in or granted_at < charged_at",
        becomes: "",
    },
    Mutant {
        what: "a name is swept while it may be settled",
        script: "sweep",
        text: "local PERMIT_US = 1200000000",
        becomes: "local PERMIT_US = 600000000",
    },
    Mutant {
        what: "a turn is taken though the bucket is empty",
        script: "acquire",
        text: "while n < calls and (n + 1) * cost <= free do",
        becomes: "while n < calls do",
    },
    Mutant {
        what: "the sweep removes buckets in debt",
        script: "sweep",
        text: "pay_off(bucket.debt, bucket.refill, now - bucket.at) == 0",
        becomes: "true",
    },
    Mutant { what: "an epoch is not told", script: "prelude", text: "  head.begun = kept\n", becomes: "" },
    Mutant {
        what: "an epoch is told again and again",
        script: "sweep",
        text: "  head.begun = nil\n",
        becomes: "",
    },
    Mutant {
        what: "a policy is not told",
        script: "policy",
        text: "  tell(trail, now, how == \"put\" and \"policy\" or \"restored\", told)\n",
        becomes: "",
    },
    Mutant {
        what: "two entries have the same id",
        script: "policy",
        text: "  if not is_above(ms, sequence, trail.ms, trail.sequence) then",
        becomes: "  if false then",
    },
];

impl Mutant {
    fn programs(&self) -> Programs {
        Programs::edited(|name, source| {
            // The prelude stands in front of all of them.
            if self.script != "prelude" && self.script != name {
                return source.to_owned();
            }
            let found = source.matches(self.text).count();
            assert_eq!(found, 1, "{}: {:?} is there {found} times", self.what, self.text);
            source.replace(self.text, self.becomes)
        })
    }

    /// By which of the judge's words it was found out, and in which history.
    fn caught(&self, campaign: &Campaign) -> Option<String> {
        let programs = self.programs();
        let drawn = (0..campaign.count).find_map(|number| {
            let lived = campaign.one(number, |history| {
                Fleet::live(&programs, history, Watch::Everything)
                    .map(drop)
                    .map_err(|failure| failure.complaint.clone())
            });
            let complaint = lived.err()?;
            let word = complaint.split(':').next().unwrap_or_default().to_owned();
            Some(format!("{word:<9} in history {number}"))
        });
        // What random histories meet rarely was met once, and is kept.
        drawn.or_else(|| {
            let (name, failure) = STORIES.iter().find_map(|(name, story)| {
                let failure = Fleet::live(&programs, &story(), Watch::Everything).err()?;
                Some((name, failure))
            })?;
            let word = failure.complaint.split(':').next().unwrap_or_default().to_owned();
            Some(format!("{word:<9} in {name:?}"))
        })
    }
}

/// The judge is worth its name: lives through histories under each mutant until one goes wrong.
#[test]
fn every_mutant_is_found_out() -> Result<()> {
    let campaign = Campaign {
        // Fixed: a mutant is found or it is not, today as tomorrow.
        seed: Seed::fixed(1),
        kind: Kind::Any,
        count: HISTORIES,
        length: 15..=40,
        threads: 1,
        shrinks: 0,
    };
    let (front, back) = MUTANTS.split_at(MUTANTS.len() / 2);
    let hunt = |mutants: &'static [Mutant]| {
        let campaign = &campaign;
        move || mutants.iter().map(|mutant| (mutant.what, mutant.caught(campaign))).collect::<Vec<_>>()
    };
    let caught = thread::scope(|scope| {
        let hunts = [scope.spawn(hunt(front)), scope.spawn(hunt(back))];
        hunts.map(|hunt| hunt.join().expect("a hunt that ends")).concat()
    });
    let mut table = String::new();
    for (what, caught) in &caught {
        let _ = writeln!(table, "{:<50} {}", what, caught.as_deref().unwrap_or("SURVIVED"));
    }
    println!("{table}");
    ensure!(caught.iter().all(|(_, caught)| caught.is_some()), "{table}");
    Ok(())
}
