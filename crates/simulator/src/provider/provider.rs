//! A provider without a clock: it is told what arrives when, and decides, answers and notes.

use std::sync::Arc;
use std::time::Duration;

use super::number::Numbered;
use super::turnstiles::{Decision, Turnstiles};
use crate::answer::{Answer, Passed, Refusal, Voice};
use crate::arrival::Arrival;
use crate::background::Background;
use crate::config::{Config, Faults, Latency, Shape};
use crate::ledger::{Ledger, Origin, Record};
use crate::limit::{Rules, TOKEN_PATH};
use crate::limits_api::{Asker, Question};
use crate::oauth::{self, Caller, TokenRequest, Tokens};
use crate::outcome::{CallId, Fault, Outcome, Verdict};
use crate::random::{Random, Seed};
use crate::time::Time;

/// 2026-01-01: when a provider in virtual time started, for those that tell times by the calendar.
const EPOCH_DEFAULT: u64 = 1_767_225_600;

/// What is drawn for which purpose.
const CHANCE: u64 = 1;
const IDENTIFIERS: u64 = 2;
const TOKENS: u64 = 3;
const OTHERS: u64 = 1_000;

/// A provider with hidden limits.
///
/// Time is a parameter and only goes forwards: what arrives "earlier" than something before arrives with it. The same
/// seed, configuration and calls make the same run, to the byte.
#[derive(Debug)]
pub struct Provider {
    rules: Arc<Rules>,
    voice: Voice,
    latency: Latency,
    faults: Faults,
    turnstiles: Turnstiles,
    background: Background,
    tokens: Tokens,
    chance: Random,
    identifiers: Random,
    ledger: Ledger,
    now: Time,
}

/// What was decided about a call, before it is answered.
struct Decided {
    verdict: Verdict,
    decision: Option<Decision>,
}

impl Provider {
    /// A provider on which nothing has arrived yet.
    #[must_use]
    pub fn new(config: Config, seed: Seed) -> Self {
        let rules = Arc::new(config.rules);
        Self {
            voice: Voice { shape: config.shape, throttle: config.throttle, epoch: EPOCH_DEFAULT },
            latency: config.latency,
            faults: config.faults,
            turnstiles: Turnstiles::new(Arc::clone(&rules)),
            background: Background::new(&config.background, seed, OTHERS),
            tokens: Tokens::new(config.oauth, &config.clients, Random::new(seed, TOKENS)),
            chance: Random::new(seed, CHANCE),
            identifiers: Random::new(seed, IDENTIFIERS),
            ledger: Ledger::new(Arc::clone(&rules)),
            now: Time::START,
            rules,
        }
    }

    /// The same provider, started so many seconds after 1970.
    #[must_use]
    pub(crate) fn started_at(mut self, epoch_seconds: u64) -> Self {
        self.voice.epoch = epoch_seconds;
        self
    }

    /// A call arrives. All limits that count it are asked together; it passes all of them or none.
    ///
    /// Where the configuration has limits on calls in flight, [`Provider::finish`] has to be told when it is over.
    pub fn arrive(&mut self, now: Time, arrival: &Arrival) -> Outcome {
        let now = self.advance(now);
        let call = Numbered::new(arrival, &mut self.ledger.symbols);
        let fault = self.draw_fault();
        let decided = match fault {
            Some(fault) if !self.faults.counted => {
                self.turnstiles.arrived(now);
                Decided { verdict: Verdict::Failed(fault), decision: None }
            }
            fault => self.decide(now, call, fault),
        };
        self.conclude(now, arrival, call, decided)
    }

    /// A call is over: it was answered, or its sender hung up. To say so twice changes nothing.
    pub fn finish(&mut self, now: Time, call: CallId) {
        self.now = now.max(self.now);
        // What ends in a microsecond makes room for what others send in it.
        self.let_others_call(Time::from_micros(self.now.as_micros().saturating_sub(1)));
        self.turnstiles.finish(call);
        self.ledger.finish(call, self.now);
    }

    /// A client asks for a token.
    pub fn token(&mut self, now: Time, request: &TokenRequest) -> Outcome {
        let now = self.advance(now);
        let checked = self.tokens.check(request);
        let org = checked.as_ref().map_or("", |caller| caller.org.as_str());
        let arrival = Arrival::post(TOKEN_PATH).org(org).client(&request.client);
        let call = Numbered::new(&arrival, &mut self.ledger.symbols);
        let (decided, answer) = match checked {
            Err(answer) => (self.turned_away(now), answer),
            Ok(caller) => match self.decide(now, call, None) {
                decided @ Decided { verdict: Verdict::Done, .. } => (decided, self.tokens.give(now, caller)),
                decided => (decided, oauth::throttled()),
            },
        };
        let outcome = self.conclude(now, &arrival, call, decided);
        Outcome { answer: Some(answer), ..outcome }
    }

    /// Whose token it is, unless it is unknown or too old.
    #[must_use]
    pub fn caller(&self, now: Time, token: &str) -> Option<Caller> {
        self.tokens.caller(now.max(self.now), token)
    }

    /// A call arrives whose token is of no use. No limit counts it.
    pub fn turn_away(&mut self, now: Time, arrival: &Arrival) -> Outcome {
        let now = self.advance(now);
        let call = Numbered::new(arrival, &mut self.ledger.symbols);
        let decided = self.turned_away(now);
        self.conclude(now, arrival, call, decided)
    }

    /// Lets time pass: others call meanwhile. Every arrival does so by itself. Returns the time that it is then.
    pub fn advance(&mut self, now: Time) -> Time {
        self.now = now.max(self.now);
        self.let_others_call(self.now);
        self.now
    }

    /// Every call that has arrived.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn let_others_call(&mut self, until: Time) {
        while let Some((at, arrival)) = self.background.next_by(until) {
            let call = Numbered::new(&arrival, &mut self.ledger.symbols);
            let decided = self.decide(at, call, None);
            let id = self.note(at, call, &decided, Origin::Others);
            if let Some(Decision::Passed { places, .. }) = decided.decision {
                self.turnstiles.hold(id, places);
            }
            // A call of others is over at once: they are here to use up windows.
            self.turnstiles.finish(id);
            self.ledger.finish(id, at);
        }
    }

    fn draw_fault(&mut self) -> Option<Fault> {
        let Faults { reset, error, .. } = self.faults;
        let drawn = self.chance.fraction();
        if drawn < reset { Some(Fault::Reset) } else { (drawn < reset + error).then_some(Fault::Error) }
    }

    fn turned_away(&mut self, now: Time) -> Decided {
        self.turnstiles.arrived(now);
        Decided { verdict: Verdict::Unauthorized, decision: None }
    }

    /// Asks the limits. A fault strikes what has passed them.
    fn decide(&mut self, now: Time, call: Numbered, fault: Option<Fault>) -> Decided {
        self.turnstiles.arrived(now);
        let decision = self.turnstiles.decide(now, call, &self.ledger.symbols);
        let verdict = match (&decision, fault) {
            (Decision::Refused { .. }, _) => Verdict::Refused,
            (Decision::Passed { .. }, None) => Verdict::Done,
            (Decision::Passed { .. }, Some(fault)) => Verdict::FailedLate(fault),
        };
        Decided { verdict, decision: Some(decision) }
    }

    /// Writes it down.
    fn note(&mut self, now: Time, call: Numbered, decided: &Decided, origin: Origin) -> CallId {
        let refused_by = match &decided.decision {
            Some(Decision::Refused { standing, .. }) => u16::try_from(standing.limit).ok(),
            _ => None,
        };
        let cost = self.turnstiles.cost(call.route, &self.ledger.symbols);
        self.ledger.add(Record {
            at: now,
            finished: Time::NEVER,
            key: call.key,
            method: call.route.method,
            path: call.route.path,
            query: call.route.query,
            cost: u32::try_from(cost).unwrap_or(u32::MAX),
            verdict: decided.verdict,
            origin,
            refused_by,
        })
    }

    /// Writes it down and answers.
    fn conclude(&mut self, now: Time, arrival: &Arrival, call: Numbered, decided: Decided) -> Outcome {
        let id = self.note(now, call, &decided, Origin::Callers);
        let answer = self.answer(now, arrival, call, &decided);
        let (refused_by, wait) = match decided.decision {
            Some(Decision::Refused { standing, wait, .. }) => {
                (Some(self.rules.limits[standing.limit].name.clone()), wait)
            }
            Some(Decision::Passed { places, .. }) => {
                self.turnstiles.hold(id, places);
                (None, Duration::ZERO)
            }
            None => (None, Duration::ZERO),
        };
        let latency = self.latency.base + self.chance.part_of(self.latency.jitter);
        Outcome { call: id, verdict: decided.verdict, refused_by, wait, answer, latency }
    }

    fn answer(&mut self, now: Time, arrival: &Arrival, call: Numbered, decided: &Decided) -> Option<Answer> {
        let context = self.identifiers.uuid();
        let context = context.as_str();
        let answer = match (decided.verdict, &decided.decision) {
            (Verdict::Failed(Fault::Reset) | Verdict::FailedLate(Fault::Reset), _) => return None,
            (Verdict::Unauthorized, _) => oauth::unauthorized(context),
            (_, Some(Decision::Refused { standing, wait, cost })) => self.voice.refuse(Refusal {
                limit: &self.rules.limits[standing.limit],
                standing: *standing,
                wait: *wait,
                now,
                cost: *cost,
                context,
            }),
            (Verdict::Done, Some(Decision::Passed { tightest, .. })) => {
                let told = tightest.map(|standing| (&self.rules.limits[standing.limit], standing));
                let cost = self.turnstiles.cost(call.route, &self.ledger.symbols);
                let done = self.voice.done(Passed { tightest: told, now, cost, context });
                self.asked_of_limits_api(now, arrival, call)
                    .map_or(done.clone(), |asked| Answer { headers: done.headers, ..asked })
            }
            _ => Voice::error(self.faults.status, context),
        };
        Some(answer)
    }

    /// What the limits API says, where the provider has one and it was asked.
    fn asked_of_limits_api(&self, now: Time, arrival: &Arrival, call: Numbered) -> Option<Answer> {
        if self.voice.shape != Shape::GenesysCloud {
            return None;
        }
        let question = Question::of(&arrival.method, &arrival.path)?;
        Some(question.answer(&self.rules, Asker { now, key: call.key, symbols: &self.ledger.symbols }))
    }
}
