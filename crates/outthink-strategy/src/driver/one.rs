//! One sample from its start to its bill: what the driver makes of the strategy `single`, without the
//! table, the queue of updates and the second look of every event that several samples need.
//!
//! A property holds it to the driver: the same events and the same outcome.

use crate::table::prompt_bytes;
use crate::{DriveError, DriveRequest, Update, tool_calls};
use futures_util::StreamExt;
use outthink_core::{
    ArmBill, ClassId, Confidence, Cost, Decision, Delta, Engine, EngineError, Finish, Origin, Outcome, Prompt, Room,
    Sample, SampleEvent, SampleRequest, SampleStatus, SampleStream, Span, Step, StopReason, TraceEvent, Usage,
    derive_seed,
};
use outthink_verify::{ReplyShape, find_answer};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::time::Instant;

/// What happens next.
#[derive(Debug)]
pub enum Next {
    /// Something is told.
    Update(Update),
    /// The end; nothing comes after it.
    End(Box<Result<Outcome, DriveError>>),
}

/// A run of one sample. Dropping it cancels the sample.
pub struct OneSample {
    engine: Arc<dyn Engine>,
    stream: Option<SampleStream>,
    /// What the answer is looked for by, and what the prompt weighs if the engine does not say.
    prompt: Prompt,
    sample: Sample,
    error: Option<EngineError>,
    trace: Vec<TraceEvent>,
    trace_id: String,
    began: Instant,
    told: VecDeque<Update>,
    over: bool,
}

impl OneSample {
    /// Starts a sample of at most `max_tokens` tokens. `Err` gives the request back, where it needs the
    /// driver: it is limited in time, asks for log-probabilities, or its budget does not pay for a sample.
    ///
    /// # Errors
    /// With the request.
    pub fn start(engine: &Arc<dyn Engine>, request: DriveRequest, max_tokens: Option<u64>) -> Result<Self, Box<DriveRequest>> {
        let budget = &request.budget;
        let price = engine.model().price;
        let prompt_cost = match budget.max_cost {
            Some(_) => price.cost(&Usage { prompt: prompt_bytes(&request.prompt), ..Usage::default() }),
            None => Cost::ZERO,
        };
        let (tokens, cost) = (budget.max_tokens, budget.max_cost);
        let room = Room { tokens, cost, samples: budget.max_samples, prompt_cost, price };
        if budget.max_seconds.is_some() || request.logprobs || room.affordable(max_tokens) == 0 {
            return Err(Box::new(request));
        }
        let seed = derive_seed(request.seed, 0);
        let asked = SampleRequest {
            prompt: request.prompt.clone(),
            seeds: vec![seed],
            max_tokens: room.cap(max_tokens, 1),
            seeded: request.seeded,
            thinking: request.thinking,
            sampling: request.sampling,
            ..SampleRequest::default()
        };
        let mut one = Self {
            engine: Arc::clone(engine),
            stream: None,
            prompt: request.prompt,
            sample: Sample { seed, ..Sample::default() },
            error: None,
            trace: Vec::with_capacity(2),
            trace_id: request.trace_id,
            began: Instant::now(),
            told: VecDeque::new(),
            over: false,
        };
        let step = Step::Sample { arm: 0, count: 1, span: Span::whole(max_tokens) };
        one.decided(Decision::new(step, "one sample was asked for"));
        one.stream = engine.start(asked).into_iter().next();
        if one.stream.is_none() {
            let words = "the engine gave fewer streams than samples were asked for";
            one.failed(EngineError::new(Origin::Internal, words));
        }
        Ok(one)
    }

    /// The next update, or the end once all are told. Safe to cancel.
    pub async fn next(&mut self) -> Next {
        loop {
            if let Some(update) = self.told.pop_front() {
                return Next::Update(update);
            }
            if self.over {
                // Asked again after the end.
                return std::future::pending().await;
            }
            let Some(stream) = &mut self.stream else { return Next::End(Box::new(self.end())) };
            match stream.next().await {
                Some(Ok(SampleEvent::Started(_) | SampleEvent::Lost(_) | SampleEvent::Note(_))) => {}
                Some(Ok(SampleEvent::Prompt { tokens, cached })) => {
                    (self.sample.usage.prompt, self.sample.usage.cached) = (tokens, cached);
                }
                Some(Ok(SampleEvent::Delta(delta))) => {
                    self.take_in(&delta);
                    return Next::Update(Update::Delta { sample: 0, leading: true, delta });
                }
                Some(Ok(SampleEvent::Finish(finish))) => self.finished(finish),
                Some(Err(error)) => self.failed(error),
                // A stream that says nothing of its end: the driver's books would go on until nothing runs.
                None => self.stream = None,
            }
        }
    }

    /// Ends it because its caller is gone: the bill until now.
    ///
    /// # Errors
    /// If the sample had failed before.
    pub fn leave(&mut self) -> Result<Outcome, DriveError> {
        if self.stream.is_none() {
            return self.end();
        }
        self.stop_early(SampleStatus::Cancelled);
        // As the driver has it: what was said so far is the best that there is.
        let some = !self.sample.content.trim().is_empty();
        Ok(self.close(StopReason::Cancelled, some.then_some(0)))
    }

    fn take_in(&mut self, delta: &Delta) {
        let sample = &mut self.sample;
        sample.content.push_str(&delta.content);
        sample.reasoning.push_str(&delta.reasoning);
        sample.usage.completion += delta.tokens;
        if !delta.reasoning.is_empty() {
            sample.usage.reasoning += delta.tokens;
        }
        if let Some(calls) = delta.extra.get("tool_calls") {
            tool_calls::merge(&mut sample.tool_calls, calls);
        }
    }

    fn finished(&mut self, finish: Finish) {
        self.stream = None;
        let shape = ReplyShape::of_request(&self.prompt.extra);
        let sample = &mut self.sample;
        sample.usage = finish.usage;
        sample.finish = Some(finish.reason);
        sample.answer = match &sample.tool_calls {
            Some(calls) => shape.call_answer(calls),
            None if shape.is_json() => shape.json_answer(&sample.content),
            None => find_answer(&sample.content),
        };
        sample.malformed = sample.answer.is_none() && (sample.tool_calls.is_some() || shape.is_json());
        sample.class = sample.answer.as_ref().map(|_| 0 as ClassId);
        sample.place = Some(1);
        sample.status = SampleStatus::Done;
        self.tell_end();
        let stop = Step::Stop { sample: 0, reason: StopReason::Single };
        self.decided(Decision::new(stop, "the one sample is here"));
    }

    fn failed(&mut self, error: EngineError) {
        self.stream = None;
        self.sample.error = Some(error.to_string());
        self.stop_early(SampleStatus::Failed);
        self.error = Some(error);
        self.tell_end();
        let step = Step::Abstain { reason: StopReason::EngineFailed };
        self.decided(Decision::new(step, "every sample failed"));
    }

    /// What it generated stays on the bill.
    fn stop_early(&mut self, status: SampleStatus) {
        self.stream = None;
        let sample = &mut self.sample;
        if sample.status != SampleStatus::Running {
            return;
        }
        if sample.usage.prompt == 0 && sample.usage.completion > 0 {
            // The engine had no chance to say how long the prompt was.
            sample.usage.prompt = prompt_bytes(&self.prompt) / 4;
            sample.usage.estimated = true;
        }
        sample.status = status;
    }

    fn tell_end(&mut self) {
        let sample = &self.sample;
        let (status, class, tokens) = (sample.status, sample.class, sample.usage.completion);
        self.told.push_back(Update::Ended { sample: 0, parent: None, status, class, tokens });
        let votes = sample.answer.iter().map(|answer| (answer.text.clone(), 1)).collect();
        let finished = u32::from(sample.is_done());
        self.told.push_back(Update::Vote { votes, finished, running: 0, tokens: sample.usage.generated() });
    }

    fn decided(&mut self, decision: Decision) {
        let event = TraceEvent {
            seconds: self.began.elapsed().as_secs_f64(),
            finished: u32::from(self.sample.is_done()),
            votes: self.sample.class.map(|_| 1).into_iter().collect(),
            notes: Vec::new(),
            decision,
        };
        self.trace.push(event.clone());
        self.told.push_back(Update::Decision(event));
    }

    fn end(&mut self) -> Result<Outcome, DriveError> {
        self.over = true;
        if self.sample.is_done() {
            return Ok(self.close(StopReason::Single, Some(0)));
        }
        let reason = if self.error.is_some() { StopReason::EngineFailed } else { StopReason::BudgetSpent };
        // What was said so far is an answer where nothing failed.
        let some = self.error.is_none() && !self.sample.content.trim().is_empty();
        self.stop_early(SampleStatus::Cancelled);
        let outcome = self.close(reason, some.then_some(0));
        if outcome.chosen.is_some() {
            return Ok(outcome);
        }
        let error = self.error.take().unwrap_or_else(|| {
            EngineError::new(Origin::Caller, "the budget does not pay for one sample")
                .with_hint("raise the budget in tokens or dollars")
        });
        Err(DriveError { error, outcome: Box::new(outcome) })
    }

    fn close(&mut self, stop: StopReason, chosen: Option<u32>) -> Outcome {
        self.over = true;
        let model = self.engine.model();
        let mut sample = std::mem::take(&mut self.sample);
        if chosen.is_none() {
            match sample.status {
                SampleStatus::Done | SampleStatus::Paused => sample.usage.discarded = sample.usage.completion,
                SampleStatus::Cancelled | SampleStatus::Failed => sample.usage.cancelled = sample.usage.completion,
                SampleStatus::Running => {}
            }
        }
        let (usage, cost) = (sample.usage, model.price.cost(&sample.usage));
        let arm = ArmBill { name: model.id.clone(), model: model.id.clone(), samples: 1, usage, cost };
        let said = if chosen.is_some() { sample.clone() } else { Sample::default() };
        Outcome {
            trace_id: std::mem::take(&mut self.trace_id),
            strategy: "single".to_owned(),
            model: model.id.clone(),
            chosen,
            answer: said.answer,
            content: said.content,
            reasoning: said.reasoning,
            tool_calls: said.tool_calls,
            extra: said.extra,
            finish: said.finish,
            finish_word: said.finish_word,
            stop,
            confidence: Confidence::default(),
            samples_drawn: 1,
            samples_failed: u32::from(sample.status == SampleStatus::Failed),
            notes: Vec::new(),
            usage,
            cost,
            arms: vec![arm],
            seconds: self.began.elapsed().as_secs_f64(),
            trace: std::mem::take(&mut self.trace),
            samples: vec![sample],
        }
    }
}

impl std::fmt::Debug for OneSample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneSample").field("sample", &self.sample.id).field("over", &self.over).finish_non_exhaustive()
    }
}
