//! What all providers' answers are made of, and who gives which.

use std::time::Duration;

use serde_json::json;

use super::answer::Answer;
use super::{genesys, hubspot, ietf, salesforce, shopify, slack, x_ratelimit, zendesk};
use crate::config::{RetryAfter, Shape, Throttle};
use crate::counter::Standing;
use crate::limit::Limit;
use crate::time::{Time, micros, whole_seconds};

/// How a provider speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Voice {
    pub(crate) shape: Shape,
    pub(crate) throttle: Throttle,
    /// Seconds from 1970 to the start: some tell times by the calendar.
    pub(crate) epoch: u64,
}

/// A call that a limit has refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) limit: &'a Limit,
    pub(crate) standing: Standing,
    pub(crate) wait: Duration,
    pub(crate) now: Time,
    /// What the call would have counted.
    pub(crate) cost: u64,
    pub(crate) context: &'a str,
}

/// A call that was done, and the limit that it has left least of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed<'a> {
    pub(crate) tightest: Option<(&'a Limit, Standing)>,
    pub(crate) now: Time,
    pub(crate) cost: u64,
    pub(crate) context: &'a str,
}

impl Voice {
    pub(crate) fn refuse(&self, refusal: Refusal<'_>) -> Answer {
        match self.shape {
            Shape::GenesysCloud => genesys::refused(self, refusal),
            Shape::Ietf => ietf::refused(self, refusal),
            Shape::XRatelimit => x_ratelimit::refused(self, refusal),
            Shape::Github => x_ratelimit::refused_by_github(self, refusal),
            Shape::Hubspot => hubspot::refused(self, refusal),
            Shape::Salesforce => salesforce::refused(refusal),
            Shape::Zendesk => zendesk::refused(self, refusal),
            Shape::ShopifyRest => shopify::refused(self, refusal),
            Shape::ShopifyGraphql => shopify::throttled(refusal),
            Shape::Slack => slack::refused(self, refusal),
        }
    }

    pub(crate) fn done(&self, passed: Passed<'_>) -> Answer {
        let answer = Answer { status: 200, headers: Vec::new(), body: "{}".to_owned() };
        if self.shape == Shape::GenesysCloud {
            return answer.with(genesys::CORRELATION, passed.context);
        }
        let Some((limit, standing)) = passed.tightest else { return answer };
        match self.shape {
            Shape::GenesysCloud | Shape::Slack => answer,
            Shape::Ietf => ietf::remaining(answer, limit, standing),
            Shape::XRatelimit => x_ratelimit::remaining(answer, self, standing, passed.now),
            Shape::Github => x_ratelimit::remaining_at_github(answer, self, (limit, standing), passed.now),
            Shape::Hubspot => hubspot::remaining(answer, limit, standing),
            Shape::Salesforce => salesforce::remaining(answer, standing),
            Shape::Zendesk => zendesk::remaining(answer, standing),
            Shape::ShopifyRest => shopify::remaining(answer, standing),
            Shape::ShopifyGraphql => shopify::done(limit, standing, passed.cost),
        }
    }

    /// An error of the provider itself, told in the same way by all.
    pub(crate) fn error(status: u16, context: &str) -> Answer {
        let body = json!({"message": "internal error", "code": "internal.server.error", "status": status, "contextId": context});
        Answer::json(status, &body).with(genesys::CORRELATION, context)
    }

    /// Adds the header that most send, in whole seconds.
    pub(super) fn retry_after(&self, answer: Answer, wait: Duration) -> Answer {
        self.retry_after_as(answer, whole_seconds(wait).to_string())
    }

    pub(super) fn retry_after_as(&self, answer: Answer, text: String) -> Answer {
        match self.throttle.retry_after {
            RetryAfter::Sent => answer.with("Retry-After", text),
            RetryAfter::Missing => answer,
        }
    }

    /// Seconds since 1970 at the end of `length` from now on, rounded up.
    pub(super) fn epoch_after(&self, now: Time, length: Duration) -> u64 {
        self.epoch + micros((now + length).since(Time::START)).div_ceil(1_000_000)
    }
}
