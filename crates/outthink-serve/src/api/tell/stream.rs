//! A reply as server-sent events, sent while the run works.

use super::{Wire, of_run};
use crate::run::{Ended, Heard, Running};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, StreamExt};
use outthink_core::restore_integers;
use outthink_strategy::Update;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// After this long without a byte to the client a comment is sent, so that nobody in between closes the
/// connection. Work that the client does not see does not count.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Bytes of events that are gathered before they are handed on.
pub(super) const PIECE: usize = 16 << 10;

/// A response of events.
pub(super) fn events_of(events: impl futures_util::Stream<Item = String> + Send + 'static) -> Response {
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(events.map(Ok::<_, Infallible>))).into_response()
}

/// A streamed reply in the making. Dropping it drops the run.
pub(super) struct Streaming {
    pub(super) running: Box<Running>,
    pub(super) wire: Box<dyn Wire>,
    pub(super) effort: &'static str,
}

impl Streaming {
    /// The response. It waits for the first piece of text, so that a failure before it has its
    /// proper status; but not for longer than the silence that connections endure.
    pub(super) async fn respond(mut self) -> Response {
        let mut held = Vec::new();
        let mut end = None;
        let first_words = async {
            loop {
                match self.running.next().await {
                    Heard::End(ended) => break end = Some(ended),
                    Heard::Update(update) => {
                        let text = matches!(update, Update::Delta { .. });
                        held.push(update);
                        if text {
                            break;
                        }
                    }
                }
            }
        };
        // When the time is up the stream begins with nothing held back.
        let _ = timeout(KEEP_ALIVE, first_words).await;
        if let Some(Err(failed)) = end.as_deref() {
            let error = of_run(failed, self.effort);
            self.running.answered(error.status.as_u16());
            return error.into_response();
        }
        events_of(self.events(held, end))
    }

    fn events(mut self, held: Vec<Update>, mut end: Option<Ended>) -> impl futures_util::Stream<Item = String> + Send {
        async_stream::stream! {
            let mut out = String::new();
            self.wire.begin(&mut out);
            for update in held {
                self.wire.update(update, &mut out);
            }
            let mut due = Instant::now() + KEEP_ALIVE;
            while end.is_none() {
                // What is ready goes out together.
                let next = if let Some(event) = self.running.next().now_or_never() {
                    event
                } else {
                    if !out.is_empty() {
                        yield restore_integers(std::mem::take(&mut out));
                        due = Instant::now() + KEEP_ALIVE;
                    }
                    let Ok(event) = timeout_at(due, self.running.next()).await else {
                        out.push_str(": keep-alive\n\n");
                        continue;
                    };
                    event
                };
                match next {
                    Heard::End(ended) => end = Some(ended),
                    Heard::Update(update) => self.wire.update(update, &mut out),
                }
                if out.len() >= PIECE {
                    yield restore_integers(std::mem::take(&mut out));
                    due = Instant::now() + KEEP_ALIVE;
                }
            }
            match end.as_deref() {
                Some(Ok(outcome)) => {
                    self.wire.end(outcome, &mut out);
                    if let Some(keeping) = self.wire.keeping() {
                        keeping.await;
                    }
                    self.running.answered(200);
                }
                Some(Err(failed)) => {
                    let error = of_run(failed, self.effort);
                    self.wire.failed(&error, &mut out);
                    self.running.answered(error.status.as_u16());
                }
                None => {}
            }
            // Who has read the end finds the trace.
            drop(end);
            yield restore_integers(out);
        }
    }
}
