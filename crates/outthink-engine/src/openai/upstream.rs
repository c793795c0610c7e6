//! One HTTP request, from its place in the queue to its last event.

use super::assemble::{Assembler, Queue};
use super::http::{Client, Place, Reply, Wanted};
use super::think::Before;
use super::{Secret, Timeouts, error, repair};
use crate::{retry, sse};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName};
use outthink_core::{EngineError, Origin, SampleEvent};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// Bytes of one event at most.
const EVENT_LIMIT: usize = 8 << 20;
/// Bytes of a reply that is no stream at most.
const BODY_LIMIT: usize = 32 << 20;
/// Bytes of an error's body at most.
const ERROR_LIMIT: usize = 64 << 10;
/// How long the usage may come after the last finish reason.
const USAGE_WAIT: Duration = Duration::from_secs(2);
/// How long the end of the body may come after `[DONE]`, so that the connection can serve again.
const TAIL_WAIT: Duration = Duration::from_millis(10);

/// What all requests of one engine share.
pub(super) struct Wire {
    pub(super) client: Client,
    pub(super) endpoint: String,
    /// Where chat completions are.
    pub(super) chat: Place,
    pub(super) key: Option<Secret>,
    pub(super) timeouts: Timeouts,
    pub(super) max_retries: u32,
    pub(super) permits: Arc<Semaphore>,
}

/// The error that a reply with a failing status stands for, and when to come back.
pub(super) async fn refusal(mut response: Reply, wire: &Wire) -> (EngineError, Option<Duration>) {
    let status = response.status().as_u16();
    let header = |name: &'static str| response.header(HeaderName::from_static(name));
    let after = retry::asked(header, SystemTime::now());
    let body = timeout(wire.timeouts.idle, response.text(ERROR_LIMIT)).await;
    let body = body.ok().and_then(Result::ok).unwrap_or_default();
    let error = error::of_status(status, &body, wire.key.as_ref());
    let after = after.or(error.retry_after);
    (EngineError { retry_after: after, ..error }, after)
}

struct Failure {
    error: EngineError,
    retry: bool,
    after: Option<Duration>,
}

impl Failure {
    /// One that is not tried again here, whatever the caller may do.
    const fn last(error: EngineError) -> Self {
        Self { error, retry: false, after: None }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self { retry: error.retryable, error, after: None }
    }
}

struct Open {
    response: Reply,
    decoder: sse::Decoder,
    is_stream: bool,
    seen: bool,
    /// When the next event must have come.
    due: Instant,
}

enum Phase {
    Waiting,
    Open(Box<Open>),
    Ended,
}

/// How large a request is.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Samples.
    pub(super) n: usize,
    /// Characters of the prompt.
    pub(super) prompt_chars: u64,
    /// Where the reply begins.
    pub(super) before: Before,
}

/// A request for `n` samples as it runs. Dropping it closes the connection.
pub(super) struct Run {
    wire: Arc<Wire>,
    body: Bytes,
    seed: u64,
    n: usize,
    prompt_chars: u64,
    before: Before,
    phase: Phase,
    assembler: Assembler,
    queue: Queue,
    permit: Option<OwnedSemaphorePermit>,
    deadline: Instant,
    attempt: u32,
}

impl Run {
    pub(super) fn new(wire: Arc<Wire>, body: String, seed: u64, shape: Shape) -> Self {
        let Shape { n, prompt_chars, before } = shape;
        Self {
            assembler: Assembler::new(n, prompt_chars, before),
            wire,
            body: body.into(),
            seed,
            n,
            prompt_chars,
            before,
            phase: Phase::Waiting,
            queue: Queue::new(),
            permit: None,
            deadline: Instant::now(),
            attempt: 0,
        }
    }

    /// The next event and the choice that it belongs to; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<(usize, Result<SampleEvent, EngineError>)> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            let result = match self.phase {
                Phase::Ended => return None,
                Phase::Waiting => self.open().await,
                Phase::Open(_) => self.read().await,
            };
            if let Err(failure) = result {
                self.retry_or_fail(failure).await;
            }
        }
    }

    async fn retry_or_fail(&mut self, failure: Failure) {
        let may = failure.retry && !self.assembler.passed_on() && self.attempt < self.wire.max_retries;
        // The failed connection is closed before the wait.
        self.phase = Phase::Waiting;
        self.attempt += 1;
        let after = failure.after.or(failure.error.retry_after);
        let next = retry::wait(self.seed, self.attempt, after).map(|wait| Instant::now() + wait);
        if let Some(next) = next.filter(|next| may && *next < self.deadline) {
            self.assembler = Assembler::new(self.n, self.prompt_chars, self.before);
            sleep_until(next).await;
        } else {
            self.assembler.fail(&failure.error, &mut self.queue);
            self.end();
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.permit = None;
    }

    async fn open(&mut self) -> Result<(), Failure> {
        let timeouts = self.wire.timeouts;
        if self.permit.is_none() {
            let permit = Arc::clone(&self.wire.permits).acquire_owned().await;
            let closed = |_| EngineError::new(Origin::Internal, "the engine was closed");
            self.permit = Some(permit.map_err(closed)?);
            self.deadline = Instant::now() + timeouts.total;
        }
        let request = self.wire.client.post(&self.wire.chat, Wanted::Events, self.body.clone());
        let due = Instant::now() + timeouts.first_token;
        let reply = timeout_at(due.min(self.deadline), request);
        let response = match reply.await {
            Err(_) => return Err(self.late(false)),
            Ok(Err(e)) => return Err(error::of_transport(e, false).into()),
            Ok(Ok(response)) => response,
        };
        if !response.status().is_success() {
            let (error, after) = refusal(response, &self.wire).await;
            return Err(Failure { after, ..error.into() });
        }
        let kind = response.header(CONTENT_TYPE).unwrap_or_default();
        if kind.starts_with("text/html") {
            return Err(error::not_a_stream("an HTML page").into());
        }
        self.phase = Phase::Open(Box::new(Open {
            is_stream: !kind.starts_with("application/json"),
            response,
            decoder: sse::Decoder::new(EVENT_LIMIT),
            seen: false,
            due,
        }));
        Ok(())
    }

    /// The failure of a phase that took too long.
    fn late(&self, seen: bool) -> Failure {
        let (timeouts, passed_on) = (self.wire.timeouts, self.assembler.passed_on());
        Failure::last(if Instant::now() >= self.deadline {
            error::timeout("the sample did not end", timeouts.total, passed_on)
        } else if seen {
            error::timeout("nothing more came from the engine", timeouts.idle, passed_on)
        } else {
            error::timeout("no first token came from the engine", timeouts.first_token, passed_on)
        })
    }

    /// Reads one chunk of the body.
    async fn read(&mut self) -> Result<(), Failure> {
        let Phase::Open(open) = &mut self.phase else {
            return Ok(());
        };
        let limit = open.due.min(self.deadline);
        if !open.is_stream {
            let text = timeout_at(limit, open.response.text(BODY_LIMIT)).await;
            let text = match text {
                Err(_) => return Err(self.late(false)),
                Ok(Err(e)) => return Err(error::of_transport(e, false).into()),
                Ok(Ok(text)) => text,
            };
            self.assembler.push_whole(&text, self.wire.key.as_ref(), &mut self.queue)?;
            return self.close();
        }
        let bytes = match timeout_at(limit, open.response.chunk()).await {
            Ok(Ok(Some(bytes))) => bytes,
            Ok(Ok(None)) => {
                let rest = open.decoder.finish_named();
                let rest = rest.map_err(|e| error::not_a_stream(&e.to_string()))?;
                if !open.seen && rest.is_none() {
                    return Err(error::not_a_stream("nothing").into());
                }
                // Half an event is what a connection that broke leaves.
                if let Some((name, data)) = rest.filter(|(name, data)| name == "error" || repair::parse(data).is_some())
                {
                    self.assembler.push(&name, &data, self.wire.key.as_ref(), &mut self.queue)?;
                }
                return self.close();
            }
            // Only the usage was missing.
            Err(_) | Ok(Err(_)) if self.assembler.all_finished() => return self.close(),
            Err(_) => {
                let seen = open.seen;
                return Err(self.late(seen));
            }
            Ok(Err(e)) => return Err(error::of_transport(e, self.assembler.passed_on()).into()),
        };
        let (assembler, queue, key) = (&mut self.assembler, &mut self.queue, self.wire.key.as_ref());
        let (mut any, mut pushed) = (false, Ok(()));
        let fed = open.decoder.feed_named(&bytes, |name, data| {
            any = true;
            if pushed.is_ok() {
                pushed = assembler.push(name, data, key, queue);
            }
        });
        open.seen |= any;
        pushed?;
        if self.assembler.is_done() {
            self.tail().await;
            return self.close();
        }
        fed.map_err(|e| error::not_a_stream(&e.to_string()))?;
        if any {
            let idle = self.wire.timeouts.idle;
            let wait = if self.assembler.all_finished() { idle.min(USAGE_WAIT) } else { idle };
            open.due = Instant::now() + wait;
        }
        Ok(())
    }

    /// Reads the end of the body, so that the connection can serve again.
    async fn tail(&mut self) {
        if let Phase::Open(open) = &mut self.phase {
            let _ = timeout(TAIL_WAIT, open.response.chunk()).await;
        }
    }

    /// The reply is over: retries where nothing came of it.
    fn close(&mut self) -> Result<(), Failure> {
        self.assembler.finish(&mut self.queue)?;
        self.end();
        Ok(())
    }
}
