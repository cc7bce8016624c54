//! Options that can't be meant, told by their name before anybody is asked.

use anyhow::Result;

use super::command::Run;

/// The exit code is that of a wrong command line.
#[tokio::test]
async fn wrong_options_are_told_by_their_name() -> Result<()> {
    for (arguments, said) in [
        (["--timeout", "10"], "timeout: \"10\", expected 100ms to 2m"),
        (["--token-url", "nowhere"], "token_url: \"nowhere\", expected http"),
        (["--reason", "a\nb"], "reason: "),
        (["--ca", "/nowhere/ca.pem"], "/nowhere/ca.pem"),
        (["--ca", "/dev/null"], "BEGIN CERTIFICATE"),
        (["--client-secret", "x"], "unexpected argument"),
    ] {
        let run = Run::new("http://127.0.0.1:1", "http://127.0.0.1:1")?.arguments(&arguments);
        run.end().await?.failed(2, &[said]);
    }
    Ok(())
}
