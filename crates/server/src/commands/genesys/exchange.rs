//! One request and its whole answer, within a time and a size.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::HeaderMap;
use reqwest_middleware::RequestBuilder;
use serde::de::DeserializeOwned;

/// Largest answer: a policy has 1 MiB at most, and what lists of limits have is far from it.
const BODY_BYTES_MAX: usize = 4 << 20;

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("it does not answer within {within:?}; --timeout gives it longer")]
    Late { within: Duration },
    #[error("it can't be reached")]
    Unreachable(#[source] reqwest_middleware::Error),
    #[error("its answer breaks off")]
    Broken(#[source] reqwest::Error),
    #[error("its answer has more than {BODY_BYTES_MAX} bytes")]
    TooLong,
}

/// Sends a request and reads the answer, both within this time together.
pub(super) async fn send(request: RequestBuilder, within: Duration) -> Result<Answered, NoAnswer> {
    let answered = async {
        // Its address may hold what is nobody's business; whoever calls names the host.
        let response = request.send().await.map_err(|error| NoAnswer::Unreachable(error.without_url()))?;
        read(response).await
    };
    tokio::time::timeout(within, answered).await.unwrap_or(Err(NoAnswer::Late { within }))
}

async fn read(mut response: Response) -> Result<Answered, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| NoAnswer::Broken(error.without_url()))? {
        if body.len() + chunk.len() > BODY_BYTES_MAX {
            return Err(NoAnswer::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answered { status: response.status().as_u16(), headers: response.headers().clone(), body })
}

impl Answered {
    /// A header field, if it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON. The error tells the place alone: what stands there is not ours to show.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("line {}, column {}", error.line(), error.column()))
    }
}
