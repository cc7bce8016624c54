//! What a fleet does to be granted calls.

use std::fmt::Write;
use std::rc::Rc;

use tollgate::engine::{self, AcquireReply, Repeated, Reply, Script};
use tollgate::policy::Bucket;

use crate::fleet::{Called, Fleet};
use crate::head::{Value, values};
use crate::history::{Ask, Fate};
use crate::replica::{Calls, Held, Straggler};
use crate::rules::{CLIENTS, Errand, ORGS};

impl Fleet {
    /// A lane sends its next batch, or again the one that has no answer yet, with fewer calls in it.
    pub(crate) fn acquire(&mut self, lane: usize, asks: &[Ask], fate: Fate) -> Result<(), String> {
        let again = self.lanes[lane].pending.take();
        let repeated = if again.is_some() { Repeated::Yes } else { Repeated::No };
        let calls = match again {
            Some(mut calls) => {
                if asks[0].cost == 1 {
                    let fewer = calls.batch.entries()[0].calls.count / 2;
                    calls.batch.ask_for_fewer(0, fewer, repeated);
                }
                calls
            }
            None => match self.gather(lane, asks) {
                Some(calls) => calls,
                None => return Ok(()),
            },
        };
        let argument = calls.argument(&self.lanes[lane].answer, &self.server, repeated);
        if fate == Fate::HeldUp {
            self.trace.aside(format!("batch {} of lane {lane} is held up on its way", calls.number));
            self.lanes[lane].pending = Some(calls.clone());
            self.stragglers.push(Straggler { lane, calls, argument, repeated });
            return Ok(());
        }
        let reply = self.deliver(lane, &calls, argument, repeated)?;
        if fate == Fate::AnswerLost {
            self.trace.aside("its answer is lost".to_owned());
            self.lanes[lane].pending = Some(calls);
            return Ok(());
        }
        match reply {
            Reply::Done(reply) => {
                self.keep_tickets(lane, &calls, &reply);
                Ok(())
            }
            Reply::Lost | Reply::Stale { .. } => self.renew(self.lanes[lane].replica),
            Reply::Superseded => Err("MEMORY: the last batch of its lane was superseded".to_owned()),
        }
    }

    fn gather(&mut self, lane: usize, asks: &[Ask]) -> Option<Calls> {
        let held = Rc::clone(&self.replicas[self.lanes[lane].replica].held);
        let mut batch = engine::AcquireBatch::default();
        let (mut errands, mut costs) = (Vec::new(), Vec::new());
        for ask in asks {
            // A name belongs to one call.
            let named = ask.name.map(|name| Ask {
                org: name,
                client: name,
                export: name == 0,
                cost: 1 + name,
                ..*ask
            });
            let ask = named.as_ref().unwrap_or(ask);
            let errand = Errand {
                org: ORGS[usize::from(ask.org) % ORGS.len()],
                client: CLIENTS[usize::from(ask.client) % CLIENTS.len()],
                export: ask.export,
                urgent: ask.urgent,
            };
            let cost = u32::from(ask.cost);
            let Some(path) = held.path(errand, cost) else {
                continue;
            };
            let name = ask.name.map(|name| format!("request-{name}").into());
            // All calls of one name are one call.
            let calls = if name.is_some() { 1.min(ask.calls) } else { ask.calls };
            let calls = engine::Calls::trying(calls.into()).named(name);
            let tickets = self.tickets.remove(&(lane, errand, cost)).unwrap_or_default();
            batch.push(&path, engine::Calls { patience_us: ask.patience_us, tickets, ..calls });
            errands.push(errand);
            costs.push(cost);
        }
        self.lanes[lane].number += 1;
        let number = self.lanes[lane].number;
        (!errands.is_empty()).then_some(Calls { batch, errands, costs, held, number })
    }

    /// What the calls of a lane were left with, to be brought when they come again.
    fn keep_tickets(&mut self, lane: usize, calls: &Calls, reply: &AcquireReply) {
        for ((entry, errand), cost) in reply.entries.iter().zip(&calls.errands).zip(&calls.costs) {
            self.tickets.insert((lane, *errand, *cost), entry.tickets.clone());
        }
    }

    /// A batch that was held up arrives. Its lane does not wait for it any more.
    pub(crate) fn straggler_arrives(&mut self) -> Result<(), String> {
        let Some(Straggler { lane, calls, argument, repeated }) = self.stragglers.pop() else {
            return Ok(());
        };
        self.deliver(lane, &calls, argument, repeated).map(drop)
    }

    fn deliver(
        &mut self,
        lane: usize,
        calls: &Calls,
        argument: Vec<u8>,
        repeated: Repeated,
    ) -> Result<Reply<AcquireReply>, String> {
        let owed = self.owed(calls.batch.buckets(), &calls.held)?;
        let called = self.call(Script::ACQUIRE, argument)?;
        let reply = calls.batch.decode(&called.reply).map_err(|error| error.to_string())?;
        self.tell(told(lane, calls, repeated, &reply));
        let answer = format!("a:{}", self.lanes[lane].answer);
        if self.recalled(&called, &answer, calls.number, reply == Reply::Superseded)? {
            return Ok(reply);
        }
        let fence = called.before.head().map(|head| head.fence);
        match &reply {
            Reply::Done(done) => {
                if fence.as_ref() != Some(&calls.held.fence) {
                    return Err(format!(
                        "FENCE: {} was served while {fence:?} is in force",
                        calls.held.fence
                    ));
                }
                self.time_is(&called.before, done.now_us)?;
                self.served(lane, calls, repeated, done, &called.before, &owed)?;
            }
            Reply::Stale { fence: told } => {
                if fence.as_ref() != Some(told) || *told == calls.held.fence {
                    return Err(format!("FENCE: stale by {told} while {fence:?} is in force"));
                }
                self.unchanged_since(&called.before, "a stale batch")?;
            }
            Reply::Lost => self.unchanged_since(&called.before, "a batch for nobody")?,
            Reply::Superseded => {}
        }
        Ok(reply)
    }

    /// Whether the batch was answered before, or a later one was: then nothing may have been charged, and what was
    /// answered is answered again.
    pub(crate) fn recalled(
        &self,
        called: &Called,
        answer: &str,
        number: u64,
        superseded: bool,
    ) -> Result<bool, String> {
        let remembered = called.before.get(answer).map(values);
        let Some([_, Value::Integer(last), _, Value::Text(reply)]) = remembered.as_deref() else {
            return if superseded { Err("MEMORY: superseded by nothing".to_owned()) } else { Ok(false) };
        };
        if number > *last {
            return if superseded {
                Err("MEMORY: superseded by an earlier batch".to_owned())
            } else {
                Ok(false)
            };
        }
        if superseded != (number < *last) || (!superseded && *reply != called.reply) {
            return Err(format!("MEMORY: batch {number} after {last} was not answered from memory"));
        }
        self.unchanged_since(&called.before, "a batch that was answered before")?;
        Ok(true)
    }

    /// What the buckets owe, looked at beside the history; nothing where the policy is another one.
    fn owed(&mut self, buckets: &[Bucket], held: &Held) -> Result<Vec<u64>, String> {
        let mut question = engine::Peek::default();
        for bucket in buckets {
            question.push(bucket);
        }
        let argument = question.encode(&held.policy, &held.fence, &self.server);
        let reply = self.lab.ask(Script::PEEK, &argument, self.clock_us)?;
        match question.decode(&reply).map_err(|error| error.to_string())? {
            Reply::Done(reply) => Ok(reply.buckets.iter().map(|standing| standing.debt).collect()),
            _ => Ok(Vec::new()),
        }
    }
}

fn told(lane: usize, calls: &Calls, repeated: Repeated, reply: &Reply<AcquireReply>) -> String {
    let again = if repeated == Repeated::Yes { " again" } else { "" };
    let mut story = format!("batch {} of lane {lane}{again}:", calls.number);
    let Reply::Done(reply) = reply else {
        return format!("{story} {reply:?}");
    };
    for (index, (asked, entry)) in calls.batch.entries().iter().zip(&reply.entries).enumerate() {
        let Errand { org, client, export, urgent } = calls.errands[index];
        let route = if export { " export" } else { "" };
        let urgent = if urgent { " urgent" } else { "" };
        let name = asked.calls.permit.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        let _ = write!(
            story,
            " [{org}/{client}{route}{urgent}{name} {}x{} -> {}",
            asked.calls.count, calls.costs[index], entry.granted
        );
        if let Some(by) = entry.by {
            let _ = write!(story, ", {} us by {}", entry.wait_us, calls.batch.buckets()[by].name());
        }
        if !entry.tickets.is_empty() {
            let tags: Vec<_> = entry.tickets.iter().map(|ticket| (ticket.place, ticket.tag)).collect();
            let _ = write!(story, ", tickets {tags:?}");
        }
        story.push(']');
    }
    story + &format!(" now {} epoch {}", reply.now_us, reply.epoch)
}
