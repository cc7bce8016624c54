//! The books of a fleet: every run in the trace, the time for the judge, which rules are in force.

use std::collections::BTreeMap;
use std::rc::Rc;

use tollgate::embedded::Reply;
use tollgate::engine::Script;

use crate::fleet::{Called, Fleet};
use crate::lab::{State, keys_of};
use crate::replica::Held;
use crate::trace::Run;

impl Fleet {
    /// Makes what is stored something else, on every side.
    pub(crate) fn replace(&mut self, state: &State, story: &str) -> Result<(), String> {
        let keys = self.lab.keys().clone();
        let (was, is) = (self.state.put_back(&keys), state.put_back(&keys));
        for (_, (program, key, args)) in was.iter().zip(is).filter(|(was, is)| *was != is) {
            let borrowed: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            let reply = self.lab.run(program, &[key], &borrowed, self.clock_us)?;
            let after = self.lab.state();
            self.trace.runs.push(Run {
                program,
                keys: vec![key.to_owned()],
                args,
                clock_us: self.clock_us,
                reply,
                after,
                story: format!("{key} is {story}"),
            });
        }
        let before = std::mem::replace(&mut self.state, self.lab.state());
        match (before.head(), self.state.head()) {
            (was, Some(is)) if was.as_ref() != Some(&is) => {
                self.begin_again(is.tell(self.clock_us).0);
                self.rules_in_force(&is.fence);
            }
            _ => {}
        }
        Ok(())
    }

    /// Runs a script and keeps the books: the trace, the time, which rules are in force.
    pub(crate) fn call(&mut self, script: &'static Script, argument: Vec<u8>) -> Result<Called, String> {
        let name = script.name();
        let reply = self.lab.ask(script, &argument, self.clock_us)?;
        let before = std::mem::replace(&mut self.state, self.lab.state());
        let keys = keys_of(name, self.lab.keys()).into_iter().map(str::to_owned).collect();
        self.trace.runs.push(Run {
            program: name,
            keys,
            args: vec![argument],
            clock_us: self.clock_us,
            reply: Reply::Bulk(reply.clone()),
            after: self.state.clone(),
            story: String::new(),
        });
        match (before.head(), self.state.head()) {
            (None, Some(head)) => {
                self.begin_again(head.seen_us);
                self.rules_in_force(&head.fence);
            }
            (Some(was), Some(is)) if was != is => {
                if was.tell(self.clock_us) != (is.seen_us, is.offset_us) {
                    return Err(format!("TIME: {was:?} became {is:?} at {}", self.clock_us));
                }
                if was.epoch != is.epoch {
                    self.begin_again(is.seen_us);
                }
                self.judged(is.seen_us);
                if was.fence != is.fence {
                    self.rules_in_force(&is.fence);
                }
            }
            _ => {}
        }
        self.trail_is_right(&before)?;
        Ok(Called { before, reply })
    }

    /// Says what the last run was.
    pub(crate) fn tell(&mut self, story: String) {
        if let Some(run) = self.trace.runs.last_mut() {
            run.story = story;
        }
    }

    /// Where something was lost and time begins again at `now_us`, nothing is taken to have passed meanwhile.
    fn begin_again(&mut self, now_us: u64) {
        self.shift_us = self.judged_us.cast_signed() - now_us.cast_signed();
    }

    /// The judge's time for a time of the namespace.
    pub(crate) fn judged(&mut self, now_us: u64) -> u64 {
        let judged_us = now_us.saturating_add_signed(self.shift_us);
        self.judged_us = self.judged_us.max(judged_us);
        judged_us
    }

    /// That a script told the time it had to.
    pub(crate) fn time_is(&mut self, before: &State, now_us: u64) -> Result<(), String> {
        let expected_us = before.head().map(|head| head.tell(self.clock_us).0);
        if expected_us != Some(now_us) {
            return Err(format!("TIME: told {now_us}, expected {expected_us:?} at {}", self.clock_us));
        }
        self.judged(now_us);
        Ok(())
    }

    fn rules_in_force(&mut self, fence: &str) {
        let held = Rc::clone(&self.library[fence]);
        self.judge.rules_changed(self.judged_us, held.rules.clone());
    }

    pub(crate) fn keep(&mut self, held: &Rc<Held>) {
        self.library.insert(held.fence.clone(), Rc::clone(held));
    }

    pub(crate) fn known(&self, fence: &str) -> Rc<Held> {
        Rc::clone(&self.library[fence])
    }

    /// That nothing was written.
    pub(crate) fn unchanged_since(&self, before: &State, what: &str) -> Result<(), String> {
        if self.state == *before {
            return Ok(());
        }
        Err(format!("WRITTEN: {what} changed what is stored"))
    }

    /// That every limit's counter says how many buckets it has.
    pub(crate) fn counters_are_right(&self) -> Result<(), String> {
        let mut counted: BTreeMap<String, u64> = BTreeMap::new();
        let mut written: BTreeMap<String, u64> = BTreeMap::new();
        for (field, value) in &self.state.state {
            let field = String::from_utf8_lossy(field);
            if let Some((limit, _)) = field.strip_prefix("b:").and_then(|name| name.split_once(':')) {
                *counted.entry(limit.to_owned()).or_default() += 1;
            } else if let Some(limit) = field.strip_prefix("n:") {
                let number =
                    String::from_utf8_lossy(value).parse().map_err(|_| format!("COUNTER: {value:?}"))?;
                written.insert(limit.to_owned(), number);
            }
        }
        if counted == written {
            Ok(())
        } else {
            Err(format!("COUNTER: {written:?}, but there are {counted:?}"))
        }
    }
}
