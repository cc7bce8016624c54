//! What callers are told is counted in the store, beside what they are granted.

use std::time::Duration;

use anyhow::Result;
use tollgate::{Begin, Call, Decision, Policy, Tollgate};
use tollgate_testkit::{RedisServer, eventually};

/// Ten calls at once, and then one each 50 ms.
const POLICY: &str =
    "namespace = 'shop'\nlimit = [{ name = 'org', per = ['org'], rate = '20/s', burst = 10 }]";

/// All tallies of a bucket added up: refused, waits, waited. A tally is of one minute, and the clock may have passed
/// into another.
fn tallied(server: &RedisServer, bucket: &str) -> Result<(u64, u64, u64)> {
    let script = "local sums = {0, 0, 0} \
        for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do \
            if string.match(field, '^t:%d+:(.*)$') == ARGV[1] then \
                local tally = {cmsgpack.unpack(redis.call('HGET', KEYS[1], field))} \
                for n = 1, 3 do sums[n] = sums[n] + tally[n + 2] end \
            end \
        end return sums";
    let mut command = redis::cmd("EVAL");
    command.arg(script).arg(1).arg("tollgate:{shop}:state").arg(bucket);
    Ok(command.query(&mut server.connection()?)?)
}

/// Every refusal and every wait that a caller was told of is reported within a second or so, also where no call comes
/// afterwards.
#[tokio::test]
async fn refusals_and_waits_are_reported() -> Result<()> {
    let server = RedisServer::start()?;
    let builder = Tollgate::builder("shop").store(server.url().parse()?).begin(Begin::Full);
    let gate = builder.policy(Policy::from_toml(POLICY)?).connect().await?;
    let call = Call::get("/").org("acme");
    let (mut refused, mut granted) = (0_u64, 0_u64);
    while refused < 5 {
        match gate.try_acquire(&call).await? {
            Decision::Granted(_) => granted += 1,
            Decision::Refused(_) => refused += 1,
        }
    }
    let waited = gate.acquire(&call).within(Duration::from_secs(5)).await?.waited();
    assert!(granted >= 10 && waited > Duration::ZERO, "{granted} granted, waited {waited:?}");
    let told = eventually("the reports", Duration::from_secs(10), async || {
        let told = tallied(&server, "org:acme").map_err(|error| format!("{error:#}"))?;
        if told.0 + told.1 == refused + 1 { Ok(told) } else { Err(format!("{told:?}")) }
    });
    let told = told.await?;
    assert_eq!(told, (refused, 1, u64::try_from(waited.as_micros())?));
    Ok(())
}
