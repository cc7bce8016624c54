//! The body of an answer: looked into at its beginning, complete for the caller, and in flight until its end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use reqwest::{Body, Error};

use crate::in_flight::InFlight;

/// A body whose beginning may have been read already. Whoever reads it gets every frame once, in order, and an error
/// where one came.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    /// What was read and not passed on yet.
    read: VecDeque<Result<Frame<Bytes>, Error>>,
    rest: Body,
    /// Let go of at the body's end.
    in_flight: Option<InFlight>,
}

impl AnswerBody {
    pub(crate) fn new(rest: Body) -> Self {
        Self { read: VecDeque::new(), rest, in_flight: None }
    }

    /// Reads at least `bytes` of the body, or all there is. Dropped before it is done, what was read is kept.
    pub(crate) async fn read(&mut self, bytes: usize) {
        let mut missing = bytes;
        while missing > 0 {
            let Some(frame) = self.rest.frame().await else {
                self.rest = Body::default();
                return;
            };
            let is_broken = frame.is_err();
            let length = frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
            missing = missing.saturating_sub(length);
            self.read.push_back(frame);
            if is_broken {
                self.rest = Body::default();
                return;
            }
        }
    }

    /// What was read, up to so many bytes.
    pub(crate) fn beginning(&self, bytes: usize) -> Bytes {
        let mut data = self.read.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
        let first = data.next().cloned().unwrap_or_default();
        let Some(second) = data.next().filter(|_| first.len() < bytes) else {
            return first.slice(..first.len().min(bytes));
        };
        let mut joined = BytesMut::from(first);
        for data in [second].into_iter().chain(data) {
            joined.extend_from_slice(data);
        }
        joined.truncate(bytes);
        joined.freeze()
    }

    /// From here on the call is in flight until the body has ended or is dropped.
    pub(crate) fn hold(mut self, in_flight: Option<InFlight>) -> Self {
        self.in_flight = in_flight;
        self.let_go_at_end();
        self
    }

    fn let_go_at_end(&mut self) {
        if self.is_end_stream() {
            self.in_flight = None;
        }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let frame = match this.read.pop_front() {
            Some(frame) => Some(frame),
            None => ready!(Pin::new(&mut this.rest).poll_frame(context)),
        };
        match &frame {
            Some(Ok(_)) => this.let_go_at_end(),
            Some(Err(_)) | None => this.in_flight = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
        let read: u64 = read.map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(read.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper() {
            hint.set_upper(read.saturating_add(upper));
        }
        hint
    }
}
