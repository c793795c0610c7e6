//! Several runs as one reply, each a choice of it.

use super::stream::{KEEP_ALIVE, PIECE, events_of};
use super::{Receipt, of_run};
use crate::error::ApiError;
use crate::run::{Begun, Ended, Heard, Running};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::select_all;
use outthink_core::{Outcome, restore_integers};
use outthink_strategy::Update;
use serde_json::json;
use tokio::time::{Instant, timeout, timeout_at};

/// One way to send several runs. Streams call [`Choices::begin`], [`Choices::update`] and [`Choices::end_one`] as the runs
/// go on, and then [`Choices::end`] or [`Choices::failed`]; whole replies call [`Choices::hear`] and then
/// [`Choices::whole`].
pub(crate) trait Choices: Send {
    /// Hears an update of a reply that is sent at its end.
    fn hear(&mut self, index: usize, update: &Update);

    /// The whole reply.
    fn whole(&mut self, outcomes: &[&Outcome]) -> String;

    /// Events before the first words.
    fn begin(&mut self, out: &mut String);

    /// The events of an update, if it has any.
    fn update(&mut self, index: usize, update: Update, out: &mut String);

    /// The last events of one choice. The last of the choices to end has all `outcomes` with it.
    fn end_one(&mut self, index: usize, outcome: &Outcome, outcomes: Option<&[&Outcome]>, out: &mut String);

    /// The last events of the reply.
    fn end(&mut self, outcomes: &[&Outcome], out: &mut String);

    /// The last events of a reply that failed on the way.
    fn failed(&mut self, error: &ApiError, out: &mut String);
}

/// Runs what was begun and sends it as one reply, as a stream or whole. Where one of the runs fails, so does the reply, and
/// the others end with it.
pub(crate) async fn respond_several(begun: Vec<Begun>, wire: Box<dyn Choices>) -> Response {
    let stream = begun.iter().any(|begun| begun.stream);
    let effort = begun.first().map_or("", |begun| begun.effort);
    let runs = begun.into_iter().map(|begun| (begun.running, None)).collect();
    let together = Together { runs, effort };
    if stream { Box::pin(together.stream(wire)).await } else { together.whole(wire).await }
}

/// The runs of one reply, each with its end once it has come.
struct Together {
    runs: Vec<(Box<Running>, Option<Ended>)>,
    effort: &'static str,
}

/// What happens next.
enum Next {
    Update(usize, Update),
    /// A run has ended well, and whether it was the last.
    Ended(usize, bool),
    Failed(ApiError),
}

impl Together {
    /// What happens next in one of those that have not ended, of which there must be one. Safe to cancel.
    async fn next(&mut self) -> Next {
        let open = self.runs.iter_mut().enumerate().filter(|(_, (_, end))| end.is_none());
        let heard = open.map(|(index, (running, _))| running.next().map(move |heard| (index, heard)).boxed());
        let (index, heard) = select_all(heard).await.0;
        match heard {
            Heard::Update(update) => Next::Update(index, update),
            Heard::End(end) => {
                let error = end.as_ref().err().map(|failed| of_run(failed, self.effort));
                self.runs[index].1 = Some(end);
                match error {
                    Some(error) => Next::Failed(self.fail(error)),
                    None => Next::Ended(index, self.runs.iter().all(|(_, end)| end.is_some())),
                }
            }
        }
    }

    /// The outcomes of those that have ended well.
    fn outcomes(&self) -> Vec<&Outcome> {
        self.runs.iter().filter_map(|(_, end)| end.as_ref()?.as_ref().ok()).collect()
    }

    /// The error of the whole reply, with the bills of the choices that have ended.
    fn fail(&mut self, error: ApiError) -> ApiError {
        let receipts: Vec<Receipt<'_>> =
            self.outcomes().into_iter().map(|outcome| Receipt::of(outcome, self.effort)).collect();
        let choices = json!(receipts);
        let mut bill = error.bill.as_deref().cloned().unwrap_or_else(|| json!({}));
        bill["choices"] = choices;
        self.answered(error.status.as_u16());
        error.with_bill(bill)
    }

    fn answered(&mut self, status: u16) {
        for (running, _) in &mut self.runs {
            running.answered(status);
        }
    }

    /// The reply in one piece.
    async fn whole(mut self, mut wire: Box<dyn Choices>) -> Response {
        loop {
            match self.next().await {
                Next::Update(index, update) => wire.hear(index, &update),
                Next::Failed(error) => return error.into_response(),
                Next::Ended(_, false) => {}
                Next::Ended(_, true) => break,
            }
        }
        let body = restore_integers(wire.whole(&self.outcomes()));
        self.answered(200);
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    }

    /// The reply as events. It waits for the first piece of text, so that a failure before it has its proper status.
    async fn stream(mut self, wire: Box<dyn Choices>) -> Response {
        let (mut held, mut failed) = (Vec::new(), None);
        let first_words = async {
            loop {
                match self.next().await {
                    Next::Failed(error) => break failed = Some(error),
                    next => {
                        let text = matches!(next, Next::Update(_, Update::Delta { .. }) | Next::Ended(_, true));
                        held.push(next);
                        if text {
                            break;
                        }
                    }
                }
            }
        };
        let _ = timeout(KEEP_ALIVE, first_words).await;
        match failed {
            Some(error) => error.into_response(),
            None => events_of(self.events(wire, held)),
        }
    }

    /// Writes what happened; whether the reply is at its end.
    fn write(&mut self, next: Next, wire: &mut dyn Choices, out: &mut String) -> bool {
        match next {
            Next::Update(index, update) => wire.update(index, update, out),
            Next::Ended(index, last) => {
                let outcomes = self.outcomes();
                if let Some(Ok(outcome)) = self.runs[index].1.as_deref() {
                    wire.end_one(index, outcome, last.then_some(outcomes.as_slice()), out);
                }
                if last {
                    wire.end(&outcomes, out);
                    self.answered(200);
                    return true;
                }
            }
            Next::Failed(error) => {
                wire.failed(&error, out);
                return true;
            }
        }
        false
    }

    fn events(
        mut self,
        mut wire: Box<dyn Choices>,
        held: Vec<Next>,
    ) -> impl futures_util::Stream<Item = String> + Send {
        async_stream::stream! {
            let (mut out, mut ended) = (String::new(), false);
            wire.begin(&mut out);
            for next in held {
                ended = self.write(next, &mut *wire, &mut out);
            }
            let mut due = Instant::now() + KEEP_ALIVE;
            while !ended {
                // What is ready goes out together.
                let next = if let Some(next) = self.next().now_or_never() {
                    next
                } else {
                    if !out.is_empty() {
                        yield restore_integers(std::mem::take(&mut out));
                        due = Instant::now() + KEEP_ALIVE;
                    }
                    let Ok(next) = timeout_at(due, self.next()).await else {
                        out.push_str(": keep-alive\n\n");
                        continue;
                    };
                    next
                };
                ended = self.write(next, &mut *wire, &mut out);
                if out.len() >= PIECE {
                    yield restore_integers(std::mem::take(&mut out));
                    due = Instant::now() + KEEP_ALIVE;
                }
            }
            // Who has read the end finds the traces.
            drop(self);
            yield restore_integers(out);
        }
    }
}
