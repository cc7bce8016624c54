//! Nothing wasted: whoever always asks again as soon as told gets all that a limit lets pass.

use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use proptest::prop_assert;
use proptest::test_runner::TestCaseError;
use tollgate::Call;

use crate::namespace::Namespace;

/// How often somebody comes back.
const TIMES: usize = 60;

/// Asks for more than there is, again and again at the very time told. Returns what was granted when, from 0 on.
fn greedy(limit: &str) -> Vec<(u64, u64)> {
    let mut namespace = Namespace::new(&format!("limit = [{{ name = \"all\", per = [], {limit} }}]"));
    let began_us = namespace.clock_us;
    let call = Call::get("/");
    (0..TIMES)
        .map(|_| {
            let reply = namespace.acquire(&call, 1_000_000);
            let at_us = reply.now_us - began_us;
            namespace.clock_us += reply.entries[0].wait_us;
            (at_us, u64::from(reply.entries[0].granted))
        })
        .collect()
}

fn span_us() -> impl Strategy<Value = u64> {
    prop_oneof![1..=50_u64, 1..=5_000_000_u64, Just(60_000_000_u64), Just(86_400_000_000_u64)]
}

proptest! {
    /// After any time, a rate has granted its burst and all that came since, to the last whole token. It takes a burst
    /// of two, and a token a microsecond at most: what comes between two microseconds needs room to be kept.
    #[test]
    fn a_rate_grants_its_burst_and_every_token_that_comes(tokens in 1..=500_u64, span_us in span_us(), burst in 2..=100_u64) {
        let tokens = tokens.min(span_us);
        let grants = greedy(&format!("rate = \"{tokens}/{span_us}us\", burst = {burst}"));
        let mut total = 0;
        for (at_us, granted) in grants {
            total += granted;
            let due = u128::from(burst) + u128::from(tokens) * u128::from(at_us) / u128::from(span_us);
            if u128::from(total) != due {
                return Err(TestCaseError::fail(format!("{total} granted in {at_us} us, {due} were due")));
            }
        }
    }

    /// In every stretch of a quota's window and slack nearly all of it is granted: it gives back what it has kept from
    /// those who came before, but for the one call that whole microseconds may cost.
    #[test]
    fn a_quota_grants_all_but_one_call_in_its_window(tokens in 2..=300_u64, window_us in 2_000..=5_000_000_u64, slack_us in 0..=2_000_u64, part in 0..=100_u64) {
        let burst = (tokens * part / 100).clamp(2, tokens);
        let grants = greedy(&format!("quota = \"{tokens}/{window_us}us\", slack = \"{slack_us}us\", burst = {burst}"));
        let length_us = window_us + slack_us;
        let last_us = grants.last().map_or(0, |(at_us, _)| *at_us);
        let mut busiest = 0;
        for &(from_us, _) in grants.iter().filter(|(at_us, _)| at_us + length_us <= last_us) {
            let within = |&&(at_us, _): &&(u64, u64)| (from_us..=from_us + length_us).contains(&at_us);
            let total: u64 = grants.iter().filter(within).map(|(_, granted)| granted).sum();
            prop_assert!(total <= tokens, "{total} in a window of {tokens}");
            busiest = busiest.max(total);
        }
        prop_assert!(busiest == 0 || busiest + 1 >= tokens, "at most {busiest} of {tokens} in a window: {grants:?}");
    }
}
