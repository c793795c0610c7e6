//! One HTTP request, from its place in the queue to its last event.

use super::ask::Order;
use super::assemble::{Assembler, Queue};
use super::grant::Grant;
use super::http::{Accept, Connection, Reply};
use super::learned::{Complaint, Refused};
use super::wire::{Wire, mark_elsewhere, refusal};
use super::{Secret, error, repair};
use crate::bedrock::EVENT_STREAM;
use crate::frames::{AwsDecoder, Frames};
use crate::{retry, sse};
use hyper::header::CONTENT_TYPE;
use outthink_core::{EngineError, Finish, FinishReason, Origin, SampleEvent, Usage};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// Bytes of one event at most.
const EVENT_LIMIT: usize = 8 << 20;
/// Bytes of a reply that is no stream at most.
const BODY_LIMIT: usize = 32 << 20;
/// How long the usage may come after the last finish reason.
const USAGE_WAIT: Duration = Duration::from_secs(2);
/// How long the end of the body may come after `[DONE]`, so that the connection can serve again.
const TAIL_WAIT: Duration = Duration::from_millis(10);

struct Failure {
    error: EngineError,
    retry: bool,
}

impl Failure {
    /// One that is not tried again here, whatever the caller may do.
    const fn last(error: EngineError) -> Self {
        Self { error, retry: false }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self { retry: error.retryable, error }
    }
}

struct Open {
    response: Reply,
    decoder: Frames,
    is_stream: bool,
    /// Whether any event came.
    seen: bool,
    /// When the first token, or later the next event, must have come.
    due: Instant,
}

enum Phase {
    Waiting,
    /// There is a connection; the next step sends the request.
    Ready(Connection),
    Open(Box<Open>),
    Ended,
}

/// The events of one piece of the body, on their way to the samples.
struct Feed<'a> {
    assembler: &'a mut Assembler,
    queue: &'a mut Queue,
    key: Option<&'a Secret>,
    /// Whether there was any.
    any: bool,
    pushed: Result<(), EngineError>,
}

impl sse::Events for Feed<'_> {
    fn event(&mut self, name: &str, data: &str) {
        self.any = true;
        if self.pushed.is_ok() {
            self.pushed = self.assembler.push(name, data, self.key, self.queue);
        }
    }

    fn take_whole(&mut self, bytes: &[u8]) -> usize {
        let taken = if self.pushed.is_ok() { self.assembler.push_alike(bytes, self.queue) } else { 0 };
        self.any |= taken > 0;
        taken
    }
}

/// A request as it runs. Dropping it closes the connection.
pub(super) struct Run {
    wire: Arc<Wire>,
    order: Order,
    phase: Phase,
    assembler: Assembler,
    grant: Grant,
    queue: Queue,
    permit: Option<OwnedSemaphorePermit>,
    deadline: Instant,
    attempt: u32,
    /// Whether it was reported that the server works on this attempt.
    is_started: bool,
    /// Whether the server has read the prompt in this attempt, as far as is known.
    is_read: bool,
    /// Tokens of the prompt and those of them from a cache, where the server said so.
    prompt: Option<(u64, u64)>,
    /// Whether the server refused to draw several samples at once.
    refuses_n: bool,
}

impl Run {
    pub(super) fn new(wire: Arc<Wire>, order: Order) -> Self {
        Self {
            assembler: order.assembler(),
            // Several samples share one reply, which cannot be cut for one of them.
            grant: Grant::new(order.max_tokens.filter(|_| order.n == 1)),
            wire,
            order,
            phase: Phase::Waiting,
            queue: Queue::new(),
            permit: None,
            deadline: Instant::now(),
            attempt: 0,
            is_started: false,
            is_read: false,
            prompt: None,
            refuses_n: false,
        }
    }

    /// Whether it ended without an event because the server draws one sample a request.
    pub(super) const fn refuses_n(&self) -> bool {
        self.refuses_n
    }

    /// The next event and the choice that it belongs to; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<(usize, Result<SampleEvent, EngineError>)> {
        loop {
            if let Some((index, event)) = self.queue.pop_front() {
                match &event {
                    Ok(SampleEvent::Prompt { tokens, cached }) => self.prompt = Some((*tokens, *cached)),
                    Ok(SampleEvent::Delta(delta)) if self.grant.is_exceeded_by(delta) => self.cut(),
                    _ => {}
                }
                return Some((index, event));
            }
            if matches!(self.phase, Phase::Open(_))
                && let Some(usages) = self.assembler.news()
            {
                self.queue.extend(usages.into_iter().map(SampleEvent::Used).map(Ok).enumerate());
                continue;
            }
            let result = match self.phase {
                Phase::Ended => return None,
                Phase::Waiting => self.connect().await,
                Phase::Ready(_) => self.send().await,
                Phase::Open(_) => self.read().await,
            };
            if let Err(failure) = result {
                self.retry_or_fail(failure).await;
            }
        }
    }

    async fn retry_or_fail(&mut self, failure: Failure) {
        let passed_on = self.assembler.passed_on();
        if self.is_read && !passed_on && self.is_amended(&failure.error, &failure.error.message) {
            if !self.refuses_n {
                self.phase = Phase::Waiting;
                self.lose(false);
            }
            self.is_read = false;
            self.assembler = self.order.assembler();
            return;
        }
        let after = failure.error.retry_after;
        let may = failure.retry
            && !self.order.has_other
            && !passed_on
            && self.attempt < self.wire.max_retries
            && self.wire.waits(after);
        // The failed connection is closed before the wait.
        self.phase = Phase::Waiting;
        // What was refused was not read, whichever way the server says so.
        let was_refused = failure.error.status.is_some_and(|status| (400..500).contains(&status));
        let was_read = std::mem::take(&mut self.is_read) && !was_refused;
        if !passed_on {
            self.lose(was_read);
        }
        self.attempt += 1;
        let wait = retry::delay(self.order.seed, self.attempt, after);
        let next = Instant::now() + wait;
        if may && next < self.deadline {
            self.assembler = self.order.assembler();
            sleep_until(next).await;
        } else {
            let error = if passed_on { failure.error } else { mark_elsewhere(failure.error) };
            self.assembler.fail(&error, &mut self.queue);
            self.end();
        }
    }

    /// Gives every choice an event.
    fn emit(&mut self, event: impl Fn(usize) -> SampleEvent) {
        self.queue.extend((0..self.order.n).map(|index| (index, Ok(event(index)))));
    }

    /// Reports what the attempt had spent: what the server counted, or else the prompt if that was read, which choices
    /// after the first share.
    fn lose(&mut self, was_read: bool) {
        let known = self.prompt.take();
        if let Some(usages) = self.assembler.take_reported() {
            self.queue.extend(usages.into_iter().map(SampleEvent::Lost).map(Ok).enumerate());
            self.is_started = false;
            return;
        }
        if !was_read {
            return;
        }
        let (prompt, cached) = known.unwrap_or((self.order.prompt_chars.div_ceil(4), 0));
        self.emit(|index| {
            let cached = if index == 0 { cached } else { prompt };
            SampleEvent::Lost(Usage { prompt, cached, estimated: true, ..Usage::default() })
        });
        self.is_started = false;
    }

    /// Ends a sample that went past its limit, and the server's work on it.
    fn cut(&mut self) {
        let is_stream = matches!(&self.phase, Phase::Open(open) if open.is_stream);
        let Some(limit) = self.order.max_tokens.filter(|_| is_stream && !self.assembler.all_finished()) else { return };
        let (prompt, cached) = self.prompt.unwrap_or((self.order.prompt_chars.div_ceil(4), 0));
        let (completion, reasoning) = self.grant.seen();
        let seen = Usage { prompt, cached, completion, reasoning, estimated: true, ..Usage::default() };
        // It has generated more than what was passed on.
        let reported = self.assembler.take_reported().and_then(|usages| usages.into_iter().next());
        let usage = reported.map_or(seen, |usage| Usage { estimated: true, ..usage });
        let note = format!("the engine exceeded the limit of {limit} tokens and was cut off");
        self.queue.clear();
        self.queue.push_back((0, Ok(SampleEvent::Note(note))));
        self.queue.push_back((0, Ok(SampleEvent::Finish(Finish::new(FinishReason::Length, usage)))));
        self.end();
    }

    fn end(&mut self) {
        self.phase = Phase::Ended;
        self.permit = None;
    }

    /// Waits for a place and a connection.
    async fn connect(&mut self) -> Result<(), Failure> {
        if self.permit.is_none() {
            let permit = Arc::clone(&self.wire.permits).acquire_owned().await;
            let closed = |_| EngineError::new(Origin::Internal, "the engine was closed");
            self.permit = Some(permit.map_err(closed)?);
            self.deadline = Instant::now() + self.wire.timeouts.total;
        }
        let connection = match timeout_at(self.deadline, self.wire.client.connect()).await {
            Err(_) => return Err(self.late(false)),
            Ok(Err(broken)) => {
                self.wire.reachability.failed();
                return Err(error::of_transport(broken, false).into());
            }
            Ok(Ok(connection)) => connection,
        };
        if !std::mem::replace(&mut self.is_started, true) {
            let source = Arc::clone(&self.order.source);
            self.emit(|_| SampleEvent::Started(Arc::clone(&source)));
        }
        self.phase = Phase::Ready(connection);
        Ok(())
    }

    /// Sends the request, and waits for the head of the reply.
    async fn send(&mut self) -> Result<(), Failure> {
        let Phase::Ready(connection) = std::mem::replace(&mut self.phase, Phase::Waiting) else { return Ok(()) };
        // The first token of a whole reply comes with its last.
        let is_stream = self.order.ask.is_stream;
        let due = if is_stream { Instant::now() + self.wire.timeouts.first_token } else { self.deadline };
        let accept = if is_stream { Accept::Events } else { Accept::Anything };
        let place = if self.order.is_completion { &self.wire.completions } else { &self.wire.chat };
        let request = self.wire.client.send(connection, place, accept, self.order.ask.body.clone());
        let response = match self.wire.first(due, self.deadline, request).await {
            None => {
                self.is_read = true;
                return Err(self.late(false));
            }
            Some(Err(broken)) => {
                if broken.connect {
                    self.wire.reachability.failed();
                }
                return Err(error::of_transport(broken, false).into());
            }
            Some(Ok(response)) => response,
        };
        self.wire.reachability.reached();
        let status = response.status();
        if !status.is_success() {
            let (error, body) = refusal(response, &self.wire).await;
            // Once more at once, without what was refused.
            if self.is_amended(&error, &body) {
                return Ok(());
            }
            self.assembler.report_in(&body);
            return Err(error.into());
        }
        for refused in self.order.ask.learned() {
            self.wire.learned.remember(refused);
        }
        for note in std::mem::take(&mut self.order.ask.notes) {
            self.emit(|_| SampleEvent::Note(note.clone()));
        }
        let kind = response.header(CONTENT_TYPE).unwrap_or_default();
        if kind.starts_with("text/html") {
            return Err(error::not_a_stream("an HTML page").into());
        }
        self.is_read = true;
        let decoder = if kind.starts_with(EVENT_STREAM) {
            Frames::Aws(AwsDecoder::new(EVENT_LIMIT))
        } else {
            Frames::Events(sse::Decoder::new(EVENT_LIMIT))
        };
        self.phase = Phase::Open(Box::new(Open {
            is_stream: !kind.starts_with("application/json"),
            response,
            decoder,
            seen: false,
            due,
        }));
        Ok(())
    }

    /// Whether the server refused something that can be left out or said otherwise; the request is changed.
    fn is_amended(&mut self, error: &EngineError, body: &str) -> bool {
        if !matches!(error.status, Some(400 | 422)) {
            return false;
        }
        let complaint = Complaint::new(error, body);
        if self.order.ask.amend(&complaint) {
            return true;
        }
        if self.order.n > 1 && complaint.names("n") {
            self.wire.learned.remember(Refused { field: "n".into(), value: None });
            self.refuses_n = true;
            self.queue.clear();
            self.end();
            return true;
        }
        false
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
        if !open.is_stream {
            let text = self.wire.first(open.due, self.deadline, open.response.text(BODY_LIMIT)).await;
            let text = match text {
                None => return Err(self.late(false)),
                Some(Err(e)) => return Err(error::of_transport(e, false).into()),
                Some(Ok(text)) => text,
            };
            self.wire.pulse.beat(Instant::now());
            self.assembler.push_whole(&text, self.wire.key.as_ref(), &mut self.queue)?;
            return self.close();
        }
        let chunk = open.response.chunk();
        let chunk = if self.assembler.passed_on() || self.assembler.all_finished() {
            timeout_at(open.due.min(self.deadline), chunk).await.ok()
        } else {
            self.wire.first(open.due, self.deadline, chunk).await
        };
        let bytes = match chunk {
            Some(Ok(Some(bytes))) => bytes,
            Some(Ok(None)) => {
                let rest = open.decoder.finish().map_err(|words| error::not_a_stream(&words))?;
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
            None | Some(Err(_)) if self.assembler.all_finished() => return self.close(),
            None => return Err(self.late(self.assembler.passed_on())),
            Some(Err(e)) => return Err(error::of_transport(e, self.assembler.passed_on()).into()),
        };
        let (assembler, queue, key) = (&mut self.assembler, &mut self.queue, self.wire.key.as_ref());
        let mut feed = Feed { assembler, queue, key, any: false, pushed: Ok(()) };
        let fed = open.decoder.feed(&bytes, &mut feed);
        let Feed { any, pushed, .. } = feed;
        open.seen |= any;
        pushed?;
        if self.assembler.is_done() {
            self.tail().await;
            return self.close();
        }
        fed.map_err(|words| error::not_a_stream(&words))?;
        let idle = self.wire.timeouts.idle;
        // A role, a keep-alive or an empty event is not the first token.
        if self.assembler.all_finished() {
            open.due = Instant::now() + idle.min(USAGE_WAIT);
        } else if any && self.assembler.passed_on() {
            let now = Instant::now();
            self.wire.pulse.beat(now);
            open.due = now + idle;
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
        if let Some(habit) = self.assembler.habit() {
            self.wire.habits.learn(self.order.manner, habit);
        }
        self.end();
        Ok(())
    }
}
