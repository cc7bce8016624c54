//! How far a run is, on standard error, if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::watch;
use tollgate_demo::Progress;

const TEMPLATE: &str = "{prefix:12} {bar:40} {msg}";

/// Shows how far the present run is, until there is nobody any more who tells.
pub(super) async fn follow(mut watched: watch::Receiver<Progress>) {
    // Elsewhere than on a terminal it draws nothing.
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
        bar.set_style(style);
    }
    while watched.changed().await.is_ok() {
        let progress = *watched.borrow_and_update();
        let Some(client) = progress.client else { continue };
        bar.set_length(milliseconds(progress.length));
        bar.set_prefix(client.to_string());
        bar.set_message(message(progress));
        bar.set_position(milliseconds(progress.passed.min(progress.length)));
    }
    bar.finish_and_clear();
}

fn message(progress: Progress) -> String {
    let Progress { done, refused, passed, length, .. } = progress;
    let rest = if passed > length { ", waiting for the last" } else { "" };
    format!("{} s, {done} done, {refused} refused{rest}", passed.as_secs())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
