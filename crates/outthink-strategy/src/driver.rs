//! Carries decisions out: the one place that talks to engines and verifiers.

use crate::{DriveError, DriveRequest, End, Table, Update};
use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use futures_util::stream::{FuturesUnordered, SelectAll, StreamExt};
use outthink_core::{
    Engine, EngineError, Origin, Outcome, Sample, SampleEvent, SampleId, SampleRequest, SampleStatus, SampleStream,
    Step, StopReason, Strategy, Verdict, Verifier,
};
use outthink_verify::Comparison;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// Carries strategies out on one engine.
#[derive(Clone)]
pub struct Driver {
    engine: Arc<dyn Engine>,
    verifier: Option<Arc<dyn Verifier>>,
}

type Tagged = futures_util::stream::Map<Abortable<SampleStream>, Tag>;
type Tag = Box<dyn FnMut(Result<SampleEvent, EngineError>) -> (SampleId, Result<SampleEvent, EngineError>) + Send>;
type Scoring = BoxFuture<'static, (SampleId, Result<Verdict, EngineError>)>;

/// What one request holds while it runs. Dropping it drops the engine's streams, and with them all
/// work in the engine.
struct Run<'a> {
    driver: &'a Driver,
    request: DriveRequest,
    table: Table,
    streams: SelectAll<Tagged>,
    aborts: Vec<Option<AbortHandle>>,
    logprobs: Vec<(f64, u32)>,
    scoring: FuturesUnordered<Scoring>,
    first_error: Option<EngineError>,
    updates: UnboundedSender<Update>,
    began: Instant,
}

impl Driver {
    /// A driver of `engine`.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, verifier: None }
    }

    /// Has samples judged by `verifier` where a strategy asks for it.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Arc<dyn Verifier>) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Carries `strategy` out to its end.
    ///
    /// If the receiver of `updates` is dropped, or this future is, all work in the engine is
    /// cancelled at once; in the first case the outcome says so and holds the bill.
    ///
    /// # Errors
    /// If every sample failed, or the budget does not pay for one.
    pub async fn run(
        &self,
        request: DriveRequest,
        mut strategy: Box<dyn Strategy>,
        updates: UnboundedSender<Update>,
    ) -> Result<Outcome, DriveError> {
        let table = Table::new(
            &request,
            self.engine.model(),
            self.engine.capabilities(),
            Comparison::Math,
            self.verifier.is_some(),
        );
        let mut run = Run {
            driver: self,
            request,
            table,
            streams: SelectAll::new(),
            aborts: Vec::new(),
            logprobs: Vec::new(),
            scoring: FuturesUnordered::new(),
            first_error: None,
            updates,
            began: Instant::now(),
        };
        let end = run.drive(strategy.as_mut()).await;
        run.close(strategy.name(), end)
    }
}

/// What woke the run.
enum Woken {
    Event(SampleId, Result<SampleEvent, EngineError>),
    Scored(SampleId, Result<Verdict, EngineError>),
    Idle,
    TimeUp,
    CallerGone,
}

impl Run<'_> {
    async fn drive(&mut self, strategy: &mut dyn Strategy) -> End {
        loop {
            let decision = strategy.step(&self.table.state);
            let event = self.table.decided(self.began.elapsed().as_secs_f64(), decision);
            let _ = self.updates.send(Update::Decision(event.clone()));
            for step in event.decision.steps {
                if let Some(end) = self.carry_out(step) {
                    return end;
                }
            }
            if let Some(end) = self.until_something_ended().await {
                return end;
            }
        }
    }

    fn carry_out(&mut self, step: Step) -> Option<End> {
        match step {
            Step::Sample { count, max_tokens } => {
                let count = count.min(self.table.state.room.affordable(max_tokens));
                let max_tokens = self.table.state.room.cap(max_tokens);
                let request = self.sample_request(count, max_tokens);
                let ids = (0..count).map(|_| self.table.start(None, max_tokens)).collect();
                self.launch(request, ids);
            }
            Step::Continue { sample, append, max_tokens } => self.go_on(sample, &append, max_tokens),
            Step::Score { sample } => self.judge(sample),
            Step::Cancel { samples } => {
                for id in samples {
                    self.cancel(id);
                }
            }
            Step::Wait => {}
            Step::Stop { sample, reason } => return Some(End { chosen: Some(sample), reason }),
            Step::Abstain { reason } => return Some(End { chosen: None, reason }),
        }
        None
    }

    fn sample_request(&self, count: u32, max_tokens: u64) -> SampleRequest {
        let next = self.table.state.samples.len() as u64;
        let seeds =
            (next..next + u64::from(count)).map(|index| outthink_core::derive_seed(self.request.seed, index)).collect();
        SampleRequest {
            prompt: self.request.prompt.clone(),
            prefix: None,
            seeds,
            max_tokens,
            sampling: self.request.sampling.clone(),
            logprobs: self.request.logprobs,
        }
    }

    fn launch(&mut self, request: SampleRequest, ids: Vec<SampleId>) {
        if ids.is_empty() {
            return;
        }
        let mut streams = self.driver.engine.start(request).into_iter();
        for id in ids {
            self.aborts.resize_with(id as usize + 1, || None);
            self.logprobs.resize(id as usize + 1, (0.0, 0));
            let Some(stream) = streams.next() else {
                let error =
                    EngineError::new(Origin::Internal, "the engine gave fewer streams than samples were asked for");
                self.failed(id, error);
                continue;
            };
            let (handle, registration) = AbortHandle::new_pair();
            self.aborts[id as usize] = Some(handle);
            let tag: Tag = Box::new(move |event| (id, event));
            self.streams.push(Abortable::new(stream, registration).map(tag));
        }
    }

    /// Goes on from a finished sample. An engine that continues text gets it as the beginning of
    /// its reply; any other gets it as a turn of its own, followed by the appended words.
    fn go_on(&mut self, from: SampleId, append: &str, max_tokens: u64) {
        let Some(parent) = self.table.state.sample(from).cloned() else { return };
        if self.table.state.room.affordable(max_tokens) == 0 {
            return;
        }
        let max_tokens = self.table.state.room.cap(max_tokens);
        let mut request = self.sample_request(1, max_tokens);
        let (reasoning, mut content) = (parent.reasoning.clone(), parent.content.clone());
        if self.driver.engine.capabilities().continuation {
            content.push_str(append);
            let thought =
                if reasoning.is_empty() { String::new() } else { format!("<think>\n{reasoning}\n</think>\n\n") };
            request.prefix = Some(format!("{thought}{content}"));
        } else {
            request.prompt.messages.push(json!({"role": "assistant", "content": whole_text(&parent)}));
            request.prompt.messages.push(json!({"role": "user", "content": append.trim()}));
            content.push_str("\n\n");
        }
        let id = self.table.start(Some(from), max_tokens);
        self.table.inherit(id, reasoning, content);
        self.launch(request, vec![id]);
    }

    fn judge(&mut self, id: SampleId) {
        let (Some(verifier), Some(sample)) = (self.driver.verifier.clone(), self.table.state.sample(id).cloned())
        else {
            return;
        };
        let prompt = self.request.prompt.clone();
        self.scoring.push(Box::pin(async move {
            let verdict = verifier.score(&prompt, &sample).await;
            (id, verdict)
        }));
    }

    fn cancel(&mut self, id: SampleId) {
        if let Some(handle) = self.aborts.get_mut(id as usize).and_then(Option::take) {
            handle.abort();
        }
        self.table.cancel(id);
    }

    fn failed(&mut self, id: SampleId, error: EngineError) {
        self.table.fail(id, error.to_string());
        self.first_error.get_or_insert(error);
    }

    /// Waits until a sample ended or a score came, passing text on meanwhile.
    async fn until_something_ended(&mut self) -> Option<End> {
        loop {
            match self.wake().await {
                Woken::Event(id, event) => {
                    if self.take_in(id, event) {
                        self.tell_vote();
                        return None;
                    }
                }
                Woken::Scored(id, verdict) => {
                    // A verifier that fails is left out; its failure is never a score.
                    let (score, tokens) = match verdict {
                        Ok(v) if v.score.is_finite() => (Some(v.score.clamp(0.0, 1.0)), v.tokens),
                        Ok(v) => (None, v.tokens),
                        Err(_) => (None, 0),
                    };
                    self.table.score(id, score, tokens);
                    return None;
                }
                Woken::TimeUp => return Some(End { chosen: self.table.best_so_far(), reason: StopReason::TimeUp }),
                Woken::CallerGone => {
                    return Some(End { chosen: self.table.best_so_far(), reason: StopReason::Cancelled });
                }
                Woken::Idle => {
                    // Nothing runs and nothing could be started: the strategy can only repeat itself.
                    return Some(End { chosen: self.table.best_so_far(), reason: StopReason::BudgetSpent });
                }
            }
        }
    }

    async fn wake(&mut self) -> Woken {
        let most = self.table.state.budget.max_seconds.map(Duration::from_secs_f64);
        let time_up = async {
            match most {
                Some(most) => tokio::time::sleep_until(self.began + most).await,
                None => std::future::pending().await,
            }
        };
        let idle = self.streams.is_empty() && self.scoring.is_empty();
        tokio::select! {
            biased;
            () = self.updates.closed() => Woken::CallerGone,
            () = time_up => Woken::TimeUp,
            Some((id, verdict)) = self.scoring.next(), if !self.scoring.is_empty() => Woken::Scored(id, verdict),
            Some((id, event)) = self.streams.next(), if !self.streams.is_empty() => Woken::Event(id, event),
            () = std::future::ready(()), if idle => Woken::Idle,
            else => Woken::Idle,
        }
    }

    /// Takes an event in; whether its sample ended.
    fn take_in(&mut self, id: SampleId, event: Result<SampleEvent, EngineError>) -> bool {
        let running = self.table.state.sample(id).is_some_and(|s| s.status == SampleStatus::Running);
        if !running {
            return false;
        }
        match event {
            Ok(SampleEvent::Prompt { tokens, cached }) => self.table.prompt(id, tokens, cached),
            Ok(SampleEvent::Delta(delta)) => {
                self.table.delta(id, &delta, &mut self.logprobs[id as usize]);
                let leading = self.leading() == Some(id);
                let _ = self.updates.send(Update::Delta { sample: id, leading, delta });
            }
            Ok(SampleEvent::Finish(finish)) => {
                self.table.finish(id, finish);
                self.aborts[id as usize] = None;
                return true;
            }
            Err(error) => {
                self.failed(id, error);
                self.aborts[id as usize] = None;
                return true;
            }
        }
        false
    }

    /// The sample whose thought is shown: the first that did not fail. Another one's text is never
    /// mixed into it.
    fn leading(&self) -> Option<SampleId> {
        self.table.state.samples.iter().find(|s| s.status != SampleStatus::Failed && s.parent.is_none()).map(|s| {
            // A continued sample goes on where its parent left off.
            let mut last = s.id;
            while let Some(child) = self.table.state.samples.iter().find(|c| c.parent == Some(last)) {
                last = child.id;
            }
            last
        })
    }

    fn tell_vote(&mut self) {
        self.table.refresh();
        let state = &self.table.state;
        let update = Update::Vote {
            votes: self.table.votes(),
            finished: state.done().count() as u32,
            running: state.running(),
            tokens: state.usage.generated(),
        };
        let _ = self.updates.send(update);
    }

    fn close(mut self, strategy: &str, end: End) -> Result<Outcome, DriveError> {
        for id in 0..self.table.state.samples.len() as SampleId {
            self.cancel(id);
        }
        drop(self.streams);
        let seconds = self.began.elapsed().as_secs_f64();
        let outcome = self.table.outcome(strategy, end, seconds);
        if outcome.chosen.is_some() || end.reason == StopReason::Cancelled {
            return Ok(outcome);
        }
        let error = self.first_error.unwrap_or_else(|| match end.reason {
            StopReason::TimeUp => EngineError::new(Origin::Caller, "the time was up before the first word")
                .with_hint("allow more seconds"),
            _ => EngineError::new(Origin::Caller, "the budget does not pay for one sample")
                .with_hint("raise the budget in tokens or dollars"),
        });
        Err(DriveError { error, outcome: Box::new(outcome) })
    }
}

/// A sample's text for a turn of its own: the content, or the thought where it has none yet.
fn whole_text(sample: &Sample) -> &str {
    if sample.content.trim().is_empty() { &sample.reasoning } else { &sample.content }
}
