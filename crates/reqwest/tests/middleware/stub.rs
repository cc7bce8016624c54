//! A small server that answers as it is told to, for what the simulator never does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Makes one answer.
pub(crate) type Make = Box<dyn Fn() -> Response<Body> + Send + Sync>;

/// A server on a port of its own, until this is dropped.
#[derive(Clone)]
pub(crate) struct Stub {
    shared: Arc<Shared>,
    address: String,
    _serving: Arc<Serving>,
}

struct Serving(JoinHandle<()>);

struct Shared {
    /// Each request is answered by the next, the last one answers all further ones.
    answers: Mutex<VecDeque<Make>>,
    requests: Mutex<Vec<Request<Vec<u8>>>>,
    /// A request is answered when it gets one of these.
    open: Semaphore,
}

/// Enough for every test.
const ALL: usize = 1 << 20;

impl Stub {
    /// Answers at once.
    pub(crate) async fn start(answers: Vec<Make>) -> Self {
        let stub = Self::shut(answers).await;
        stub.open(ALL);
        stub
    }

    /// Keeps its answers until it is opened for them.
    pub(crate) async fn shut(answers: Vec<Make>) -> Self {
        let shared = Arc::new(Shared {
            answers: Mutex::new(answers.into()),
            requests: Mutex::default(),
            open: Semaphore::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address").to_string();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { shared, address, _serving: Arc::new(Serving(serving)) }
    }

    /// Lets so many more requests have their answers.
    pub(crate) fn open(&self, requests: usize) {
        self.shared.open.add_permits(requests);
    }

    pub(crate) fn url(&self, path: &str) -> reqwest::Url {
        format!("http://{}{path}", self.address).parse().expect("a URL")
    }

    /// How many requests have come.
    pub(crate) fn count(&self) -> usize {
        self.shared.requests.lock().expect("no test panics in it").len()
    }

    /// A header field of every request, in the order in which they came.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let requests = self.shared.requests.lock().expect("no test panics in it");
        let text = |request: &Request<Vec<u8>>| {
            request.headers().get(name).map(|value| value.to_str().expect("text").to_owned())
        };
        requests.iter().map(|request| text(request).unwrap_or_default()).collect()
    }

    /// The body of every request.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        let requests = self.shared.requests.lock().expect("no test panics in it");
        requests.iter().map(|request| request.body().clone()).collect()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, ALL).await.unwrap_or_default().to_vec();
    let number = {
        let mut requests = shared.requests.lock().expect("no test panics in it");
        requests.push(Request::from_parts(parts, body));
        requests.len()
    };
    shared.open.acquire().await.expect("it is never closed").forget();
    let answers = shared.answers.lock().expect("no test panics in it");
    answers[(number - 1).min(answers.len() - 1)]()
}

/// An answer of this status, with these header fields and this body.
pub(crate) fn says(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> Make {
    Box::new(move || {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Body::from(body)).expect("an answer")
    })
}

/// `200 done`.
pub(crate) fn done() -> Make {
    says(200, &[], "done")
}

/// A token of this text, good for so many seconds.
pub(crate) fn token(text: &'static str, seconds: u64) -> Make {
    let body = format!(r#"{{"access_token":"{text}","token_type":"bearer","expires_in":{seconds}}}"#);
    Box::new(move || Response::new(Body::from(body.clone())))
}
