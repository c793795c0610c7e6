//! A reply as server-sent events, told while the driver works.

use crate::error::ApiError;
use crate::log::RequestLog;
use crate::reply::{self, Envelope};
use crate::running::{Event, Running};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use outthink_core::{Outcome, SampleId};
use outthink_strategy::{DriveError, Update};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::timeout;

/// After this much silence a comment is sent, so that nobody in between closes the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A streamed reply in the making. Dropping it drops the run.
pub(crate) struct Streaming {
    pub(crate) running: Running,
    pub(crate) envelope: Envelope,
    pub(crate) include_usage: bool,
    /// Whether there is one sample whose deltas are the reply; else all text before the end is thought.
    pub(crate) pass_through: bool,
    pub(crate) log: RequestLog,
    /// The sample whose text was sent last.
    pub(crate) shown: Option<SampleId>,
}

impl Streaming {
    /// The response. It waits for the first piece of text, so that a failure before it has its
    /// proper status; but not for longer than the silence that connections endure.
    pub(crate) async fn respond(mut self) -> Response {
        let mut held = Vec::new();
        let mut end = None;
        let first_words = async {
            loop {
                match self.running.next().await {
                    Event::End(result) => break end = Some(result),
                    Event::Update(update) => {
                        self.log.saw(&update);
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
            let error = ApiError::of_run(failed, self.envelope.effort);
            self.log.done(error.status.as_u16(), error.tokens);
            return error.into_response();
        }
        let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
        (headers, Body::from_stream(self.events(held, end))).into_response()
    }

    fn events(
        mut self,
        held: Vec<Update>,
        mut end: Option<Box<Result<Outcome, DriveError>>>,
    ) -> impl futures_util::Stream<Item = Result<String, Infallible>> + Send {
        async_stream::stream! {
            yield Ok(data(&self.envelope.chunk(&json!({ "role": "assistant", "content": "" }), None)));
            for update in held {
                if let Some(chunk) = self.chunk_of(update) {
                    yield Ok(data(&chunk));
                }
            }
            while end.is_none() {
                match timeout(KEEP_ALIVE, self.running.next()).await {
                    Err(_) => yield Ok(": keep-alive\n\n".to_owned()),
                    Ok(Event::End(result)) => end = Some(result),
                    Ok(Event::Update(update)) => {
                        self.log.saw(&update);
                        if let Some(chunk) = self.chunk_of(update) {
                            yield Ok(data(&chunk));
                        }
                    }
                }
            }
            match end.as_deref() {
                Some(Ok(outcome)) => {
                    for chunk in self.last_chunks(outcome) {
                        yield Ok(data(&chunk));
                    }
                    self.log.done(200, outcome.usage.generated());
                }
                Some(Err(failed)) => {
                    let error = ApiError::of_run(failed, self.envelope.effort);
                    yield Ok(data(&error.body()));
                    self.log.done(error.status.as_u16(), error.tokens);
                }
                None => {}
            }
            yield Ok("data: [DONE]\n\n".to_owned());
        }
    }

    fn chunk_of(&mut self, update: Update) -> Option<Value> {
        let Update::Delta { sample, leading: true, delta } = update else { return None };
        if self.pass_through {
            self.shown = Some(sample);
            return Some(self.envelope.chunk(&reply::passed_on(delta)?, None));
        }
        let mut delta = reply::as_thought(delta)?;
        if self.shown.replace(sample).is_some_and(|before| before != sample)
            && let Some(Value::String(text)) = delta.get_mut("reasoning_content")
        {
            // Another sample took the lead: its text is set apart.
            text.insert_str(0, "\n\n");
        }
        Some(self.envelope.chunk(&delta, None))
    }

    /// The chosen reply where it was not streamed as it came, the reason, the usage and the receipt.
    fn last_chunks(&self, outcome: &Outcome) -> Vec<Value> {
        let streamed = self.pass_through && self.shown.is_some();
        let deltas = if streamed { Vec::new() } else { reply::chosen(outcome) };
        let mut chunks: Vec<Value> = deltas.iter().map(|delta| self.envelope.chunk(delta, None)).collect();
        chunks.push(self.envelope.chunk(&json!({}), Some(reply::finish_reason(outcome))));
        if self.include_usage {
            chunks.push(self.envelope.usage_chunk(outcome));
        }
        if let Some(last) = chunks.last_mut() {
            last["outthink"] = crate::receipt::receipt(outcome, self.envelope.effort);
        }
        chunks
    }
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}
