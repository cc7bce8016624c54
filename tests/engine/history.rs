//! A history: the rules a namespace begins with, and what happens to it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::rules::{Allowance, Quantity, Rule, Rules};

/// What happens to one namespace. Numbers that pick something wrap around what there is.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) rules: Rules,
    /// Whether its buckets begin full, as where nothing can have been spent before.
    pub(crate) full: bool,
    pub(crate) events: Vec<Event>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "a few dozen of them at a time")]
pub(crate) enum Event {
    /// A batch of calls on a lane; where the last one has no answer yet, that one again instead.
    Acquire { lane: u8, asks: Vec<Ask>, fate: Fate },
    /// A batch that was held up on its way arrives at last.
    Straggler,
    /// A replica corrects what granted calls have cost; where its last correction has no answer yet, that one again.
    Settle { replica: u8, corrections: Vec<Correction>, fate: Fate },
    /// A replica looks at all buckets there can be.
    Peek { replica: u8 },
    /// Somebody pages through the buckets.
    List { limit: Option<u8> },
    /// Somebody sweeps.
    Sweep,
    /// The server's clock moves.
    Clock(Step),
    /// A replica writes a policy, as the successor of the one it holds or, in vain, of none there ever was.
    Put { replica: u8, rules: Rules, unseen: bool },
    /// Somebody reads a policy.
    Read { version: u8 },
    /// Keys are lost.
    Lose { state: bool, policy: bool },
    /// A copy is made of everything.
    Copy,
    /// Another server process takes over: with everything, or with the copy.
    Failover { to_copy: bool },
}

/// Equal calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) org: u8,
    pub(crate) client: u8,
    pub(crate) export: bool,
    pub(crate) cost: u8,
    pub(crate) calls: u8,
    pub(crate) name: Option<u8>,
    pub(crate) urgent: bool,
    pub(crate) patience_us: u64,
}

/// A correction of one grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Correction {
    pub(crate) grant: u8,
    /// Of what it cost, in quarters; negative: charged in addition.
    pub(crate) quarters: i8,
    /// By an id, as somebody who may come twice.
    pub(crate) by_id: bool,
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives and is answered.
    Answered,
    /// It arrives; its answer is lost.
    AnswerLost,
    /// It is held up on its way.
    HeldUp,
}

/// How the clock moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Forward(u64),
    Back(u64),
    /// To the time that the last refusal named, or a little beside it.
    ToTold(i8),
}

/// Which events a history is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Everything there is.
    Any,
    /// One server, one policy, and not longer than answers and permits are kept.
    Quiet,
}

/// Histories of a kind, of a length.
pub(crate) fn histories(
    kind: Kind,
    length: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = History> {
    let roomy = kind == Kind::Quiet;
    (rules(roomy), any::<bool>(), vec(event(kind), length)).prop_map(|(rules, full, events)| History {
        rules,
        full,
        events,
    })
}

fn event(kind: Kind) -> impl Strategy<Value = Event> {
    let common = prop_oneof![
        12 => (0..3_u8, vec(ask(), 1..=6), fate()).prop_map(|(lane, asks, fate)| Event::Acquire { lane, asks, fate }),
        6 => (0..2_u8, vec(correction(), 1..=3), fate())
            .prop_map(|(replica, corrections, fate)| Event::Settle { replica, corrections, fate }),
        2 => Just(Event::Straggler),
        1 => (0..2_u8).prop_map(|replica| Event::Peek { replica }),
        1 => option::of(0..4_u8).prop_map(|limit| Event::List { limit }),
        3 => Just(Event::Sweep),
        8 => step(kind).prop_map(Event::Clock),
    ];
    let rare = prop_oneof![
        6 => (0..2_u8, rules(false), proptest::bool::weighted(0.1))
            .prop_map(|(replica, rules, unseen)| Event::Put { replica, rules, unseen }),
        1 => (0..4_u8).prop_map(|version| Event::Read { version }),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(state, policy)| Event::Lose { state, policy }),
        2 => Just(Event::Copy),
        3 => any::<bool>().prop_map(|to_copy| Event::Failover { to_copy }),
    ];
    let rarely = u8::from(kind == Kind::Any);
    (0..5_u8, common, rare).prop_map(move |(die, common, rare)| if die < rarely { rare } else { common })
}

fn ask() -> impl Strategy<Value = Ask> {
    let patience = prop_oneof![3 => Just(0_u64), 1 => 1..=5_000_u64, 4 => Just(1 << 52)];
    let who = (0..3_u8, 0..2_u8, any::<bool>(), option::weighted(0.15, 0..3_u8), any::<bool>());
    (who, 1..=3_u8, 0..=4_u8, patience).prop_map(
        |((org, client, export, name, urgent), cost, calls, patience_us)| Ask {
            org,
            client,
            export,
            cost,
            calls,
            name,
            urgent,
            patience_us,
        },
    )
}

fn correction() -> impl Strategy<Value = Correction> {
    (any::<u8>(), -3..=4_i8, any::<bool>()).prop_map(|(grant, quarters, by_id)| Correction {
        grant,
        quarters,
        by_id,
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![6 => Just(Fate::Answered), 1 => Just(Fate::AnswerLost), 1 => Just(Fate::HeldUp)]
}

fn step(kind: Kind) -> impl Strategy<Value = Step> {
    // Quiet histories don't wait for what may be hours away, and their clock does not step back.
    let (told, back) = if kind == Kind::Quiet { (0, 0) } else { (4, 1) };
    let minutes = if kind == Kind::Quiet { 10_000_000_u64 } else { 700_000_000 };
    let days = if kind == Kind::Quiet { 10_000_000_u64 } else { 3 * 86_400_000_000 };
    prop_oneof![
        told => (-1..=1_i8).prop_map(Step::ToTold),
        4 => (1..=30_u64).prop_map(Step::Forward),
        4 => (1..=5_000_u64).prop_map(Step::Forward),
        3 => (1..=3_000_000_u64).prop_map(Step::Forward),
        2 => (1..=minutes).prop_map(Step::Forward),
        1 => (1..=days).prop_map(Step::Forward),
        back => (1..=3_000_u64).prop_map(Step::Back),
        back => (999_998..=1_000_002_u64).prop_map(Step::Back),
        back => (1_000_001..=7_200_000_000_u64).prop_map(Step::Back),
    ]
}

fn rules(roomy: bool) -> impl Strategy<Value = Rules> {
    let limit = move || option::weighted(0.75, rule(roomy));
    [limit(), limit(), limit(), limit()].prop_map(Rules)
}

fn rule(roomy: bool) -> impl Strategy<Value = Rule> {
    let fewest = if roomy { 1_000_u64 } else { 1 };
    let most = option::weighted(0.2, fewest..=fewest + 3);
    (allowance(), option::weighted(0.3, allowance()), proptest::bool::weighted(0.2), most)
        .prop_map(|(allowance, special, observed, max_keys)| Rule { allowance, special, observed, max_keys })
}

fn allowance() -> impl Strategy<Value = Allowance> {
    let span = || {
        proptest::sample::select(vec![
            1_u64,
            7,
            100,
            1_000,
            250_000,
            1_000_000,
            60_000_000,
            3_600_000_000,
            604_800_000_000,
        ])
    };
    let rate = (1..=40_u64, span(), 1..=12_u64).prop_map(|(tokens, span_us, burst)| Allowance {
        quantity: Quantity::Rate { tokens, span_us },
        burst,
    });
    let slack = prop_oneof![Just(0_u64), 1..=500_000_u64];
    let quota = (1..=40_u64, span(), slack, 1..=12_u64).prop_map(|(tokens, window_us, slack_us, burst)| {
        Allowance { quantity: Quantity::Quota { tokens, window_us, slack_us }, burst: burst.min(tokens) }
    });
    prop_oneof![rate, quota]
}
