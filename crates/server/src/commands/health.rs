//! `tollgate health`: asks a running service whether it is ready; for container health checks.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http_body_util::Empty;
use hyper::http::uri::Authority;
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{connection, failed, run_to_end};

/// Less than the time limit that container engines commonly set.
const WITHIN: Duration = Duration::from_secs(3);

/// Ask a running service whether it is ready
///
/// It needs no API key, and says something only if it is not. Exit codes: 0 it is, 1 it is not or does not answer
/// within 3s.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// What to ask: /readyz whether it can grant anything, which is asked where there is no path; /healthz whether it
    /// is up
    #[arg(long, env = "TOLLGATE_HEALTH_URL", default_value = "http://127.0.0.1:8080/readyz")]
    url: String,
    /// The authorities, in PEM, one of which has issued the certificate of an https:// service; nobody else is trusted
    /// then [default: Mozilla's roots]
    #[arg(long, env = "TOLLGATE_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Says on standard error why it is not.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match run_to_end(ask(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error.context(format!("{} is not healthy", arguments.url)), 1),
    }
}

/// One request on a connection of its own.
async fn ask(Arguments { url, ca }: &Arguments) -> Result<()> {
    let expected = "expected http(s)://HOST:PORT/PATH";
    let uri: Uri = url.parse().context(expected)?;
    ensure!(uri.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme)), expected);
    let authorities_pem = connection::read_authorities(ca.as_deref())?;
    let asked = async {
        let stream = connection::open(&uri, authorities_pem.as_deref()).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path == "/" { "/readyz" } else { path };
        let request = Request::builder().uri(path);
        let request = request.header(header::HOST, uri.authority().map_or("", Authority::as_str));
        let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await;
        anyhow::Ok(connection::answered(answer)?.status())
    };
    match timeout(WITHIN, asked).await.context("no answer within 3s")?? {
        status if status.is_success() => Ok(()),
        status => bail!("it answers {}", status.as_u16()),
    }
}
