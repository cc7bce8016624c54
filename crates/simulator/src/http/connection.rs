//! One connection, which the provider may reset in the midst of a call.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How long a connection may take to send the head of a request, the silence before it included.
const HEAD_WITHIN: Duration = Duration::from_secs(75);

/// By which a call cuts the connection that it came over.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(Arc<Notify>);

impl Line {
    /// Cuts it, and never comes back: nothing more is answered over it.
    pub(super) async fn cut<T>(&self) -> T {
        self.0.notify_one();
        pending().await
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, router: Router) {
    // An answer is one small write; waiting to fill a packet would add up to 40 ms.
    let _ = stream.set_nodelay(true);
    let line = Line::default();
    let service = TowerToHyperService::new(router.layer(Extension(line.clone())));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that ends early is its own affair.
        _ = &mut connection => {}
        () = line.0.notified() => {
            // Without a linger time the socket is not closed but reset, as by a load balancer that lost its way.
            let _ = connection.into_parts().io.into_inner().set_zero_linger();
        }
    }
}
