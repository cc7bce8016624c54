//! The arguments and the reply of `episodes.lua`.

use super::batch::EPISODE;
use super::flat::Malformed;
use super::page::{bucket_name, page_from};
use super::reply::Reply;

/// One page of the throttling episodes that go on.
#[derive(Clone, Debug)]
pub struct EpisodesPage<'a> {
    /// "0" for the first page, then what the last one returned.
    pub cursor: &'a str,
    /// Only those of the buckets of this limit.
    pub limit: Option<&'a str>,
}

/// What a page holds. It may be empty without being the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodesReply {
    /// The namespace's time in microseconds.
    pub now_us: u64,
    /// "0" after the last page.
    pub cursor: String,
    /// The episodes. One may appear on two pages.
    pub episodes: Vec<ListedEpisode>,
}

/// An episode of a bucket. What is counted is what the audit trail has not been told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEpisode {
    /// `limit:key`.
    pub name: String,
    /// When it began, in microseconds of the namespace's time.
    pub began_us: u64,
    /// When something was reported last.
    pub last_us: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls that were granted after they had waited.
    pub waits: u64,
    /// For how long together, in microseconds.
    pub waited_us: u64,
    /// The longest of them, in microseconds.
    pub longest_us: u64,
}

impl EpisodesPage<'_> {
    /// The script's argument.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        page_from(self.cursor, EPISODE, self.limit)
    }

    /// The script's reply.
    pub fn decode(reply: &[u8]) -> Result<Reply<EpisodesReply>, Malformed> {
        Reply::read(reply, |reader| {
            let (now_us, cursor) = (reader.integer()?, reader.text()?.to_owned());
            let mut episodes = Vec::with_capacity(reader.left() / 7);
            while reader.left() > 0 {
                episodes.push(ListedEpisode {
                    name: bucket_name(reader)?.to_owned(),
                    began_us: reader.integer()?,
                    last_us: reader.integer()?,
                    refused: reader.integer()?,
                    waits: reader.integer()?,
                    waited_us: reader.integer()?,
                    longest_us: reader.integer()?,
                });
            }
            Ok(EpisodesReply { now_us, cursor, episodes })
        })
    }
}
