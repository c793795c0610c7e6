//! The books of one request: what is running, what was spent, what is left. Pure: the driver and
//! the replay keep the same books, so that a strategy sees the same state in both.

use crate::DriveRequest;
use outthink_core::{
    Capabilities, Confidence, Cost, Decision, Delta, Finish, ModelInfo, Outcome, Room, Sample, SampleId, SampleStatus,
    State, StopReason, TraceEvent, Usage, derive_seed,
};
use outthink_verify::{Comparison, Grouper, find_answer, find_json_answer, find_tool_call_answer};

/// What the decisions come to at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    /// The sample whose text is the reply.
    pub chosen: Option<SampleId>,
    /// Why.
    pub reason: StopReason,
}

/// The books of one request.
#[derive(Debug)]
pub struct Table {
    /// What strategies see.
    pub state: State,
    model: ModelInfo,
    classes: Grouper,
    json_reply: bool,
    /// Reserved tokens of each sample, by its number; 0 once it ended.
    reserved: Vec<u64>,
    prompt_tokens: Option<u64>,
    /// No prompt has more tokens than bytes.
    prompt_bytes: u64,
    seed: u64,
    trace: Vec<TraceEvent>,
    trace_id: String,
}

impl Table {
    /// Opens the books.
    pub fn new(
        request: &DriveRequest,
        model: &ModelInfo,
        capabilities: Capabilities,
        comparison: Comparison,
        has_verifier: bool,
    ) -> Self {
        let wants_json = |v: &serde_json::Value| v["type"].as_str().is_some_and(|t| t.starts_with("json"));
        let text: usize = request.prompt.messages.iter().map(|m| m.to_string().len() + 16).sum();
        let tools: usize = request.prompt.extra.get("tools").map_or(0, |t| t.to_string().len());
        let mut table = Self {
            state: State {
                budget: request.budget,
                has_verifier,
                can_continue: capabilities.continuation,
                ..State::default()
            },
            model: model.clone(),
            classes: Grouper::new(comparison),
            json_reply: request.prompt.extra.get("response_format").is_some_and(wants_json),
            reserved: Vec::new(),
            prompt_tokens: None,
            prompt_bytes: (text + tools) as u64,
            seed: request.seed,
            trace: Vec::new(),
            trace_id: request.trace_id.clone(),
        };
        table.refresh();
        table
    }

    /// Seed of the next sample.
    pub fn next_seed(&self) -> u64 {
        derive_seed(self.seed, self.state.samples.len() as u64)
    }

    /// Enters a sample that starts now and reserves what it may spend.
    pub fn start(&mut self, parent: Option<SampleId>, max_tokens: u64) -> SampleId {
        let id = self.state.samples.len() as SampleId;
        let seed = self.next_seed();
        self.state.samples.push(Sample { id, parent, seed, ..Sample::default() });
        self.reserved.push(max_tokens);
        self.refresh();
        id
    }

    /// Enters the text that a continued sample begins with.
    pub fn inherit(&mut self, id: SampleId, reasoning: String, content: String) {
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.reasoning = reasoning;
            sample.content = content;
        }
    }

    /// Enters how long the prompt was.
    pub fn prompt(&mut self, id: SampleId, tokens: u64, cached: u64) {
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.usage.prompt = tokens;
            sample.usage.cached = cached;
            self.prompt_tokens = Some(self.prompt_tokens.unwrap_or(0).max(tokens));
            self.refresh();
        }
    }

    /// Enters a piece of text.
    pub fn delta(&mut self, id: SampleId, delta: &Delta, logprob_sum: &mut (f64, u32)) {
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        sample.content.push_str(&delta.content);
        sample.reasoning.push_str(&delta.reasoning);
        sample.usage.completion += delta.tokens;
        if !delta.reasoning.is_empty() {
            sample.usage.reasoning += delta.tokens;
        }
        for &logprob in &delta.logprobs {
            logprob_sum.0 += f64::from(logprob);
            logprob_sum.1 += 1;
        }
        if logprob_sum.1 > 0 {
            sample.mean_logprob = Some(logprob_sum.0 / f64::from(logprob_sum.1));
        }
        if let Some(calls) = delta.extra.get("tool_calls") {
            crate::tool_calls::merge(&mut sample.tool_calls, calls);
        }
    }

    /// Enters the end of a sample: its bill, its answer, its class.
    pub fn finish(&mut self, id: SampleId, finish: Finish) {
        let json_reply = self.json_reply;
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        sample.usage = finish.usage;
        sample.status = SampleStatus::Done;
        sample.finish = Some(finish.reason);
        sample.answer = match &sample.tool_calls {
            Some(calls) => find_tool_call_answer(calls),
            None if json_reply => find_json_answer(&sample.content),
            None => find_answer(&sample.content),
        };
        self.classify(id);
        self.close(id);
    }

    /// Enters a recorded sample whose answer is known, in place of [`Table::finish`].
    pub fn finish_recorded(
        &mut self,
        id: SampleId,
        answer: Option<outthink_core::Answer>,
        score: Option<f64>,
        finish: Finish,
    ) {
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        sample.usage = finish.usage;
        sample.status = SampleStatus::Done;
        sample.finish = Some(finish.reason);
        sample.score = score;
        sample.answer = answer;
        self.classify(id);
        self.close(id);
    }

    fn classify(&mut self, id: SampleId) {
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.class = sample.answer.as_ref().map(|answer| self.classes.class_of(answer));
        }
    }

    /// Enters that a sample was stopped; what it generated stays on the bill.
    pub fn cancel(&mut self, id: SampleId) {
        self.end_early(id, SampleStatus::Cancelled, None);
    }

    /// Enters that a sample failed.
    pub fn fail(&mut self, id: SampleId, error: String) {
        self.end_early(id, SampleStatus::Failed, Some(error));
    }

    fn end_early(&mut self, id: SampleId, status: SampleStatus, error: Option<String>) {
        let known = self.prompt_tokens;
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        if sample.status != SampleStatus::Running {
            return;
        }
        if sample.usage.prompt == 0 && sample.usage.completion > 0 {
            // The engine had no chance to say how long the prompt was.
            sample.usage.prompt = known.unwrap_or(self.prompt_bytes / 4);
            sample.usage.estimated = true;
        }
        sample.status = status;
        sample.error = error;
        self.close(id);
    }

    /// Enters a verifier's score and its tokens.
    pub fn score(&mut self, id: SampleId, score: Option<f64>, tokens: u64) {
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.score = score;
            sample.usage.verifier += tokens;
        }
        self.refresh();
    }

    fn close(&mut self, id: SampleId) {
        if let Some(reserved) = self.reserved.get_mut(id as usize) {
            *reserved = 0;
        }
        let prompt = self.state.samples.get(id as usize).map_or(0, |s| s.usage.prompt);
        if prompt > 0 {
            self.prompt_tokens = Some(self.prompt_tokens.unwrap_or(0).max(prompt));
        }
        self.refresh();
    }

    /// Brings the sums up to date.
    pub fn refresh(&mut self) {
        let price = self.model.price;
        let usage: Usage = self.state.samples.iter().fold(Usage::default(), |sum, s| sum + s.usage);
        let prompt_tokens = self.prompt_tokens.unwrap_or(self.prompt_bytes);
        let prompt_cost = price.cost(&Usage { prompt: prompt_tokens, ..Usage::default() });
        // What ended counts as spent; what runs counts at its full length.
        let (mut tokens, mut cost) = (0, Cost::ZERO);
        for (sample, &reserved) in self.state.samples.iter().zip(&self.reserved) {
            tokens += sample.usage.generated().max(reserved);
            let mut held = sample.usage;
            if reserved > 0 {
                held.completion = held.completion.max(reserved);
                held.prompt = held.prompt.max(prompt_tokens);
            }
            cost += price.cost(&held);
        }
        let budget = &self.state.budget;
        self.state.room = Room {
            tokens: budget.max_tokens.map(|most| most.saturating_sub(tokens)),
            cost: budget.max_cost.map(|most| most.saturating_sub(cost)),
            samples: budget.max_samples.map(|most| most.saturating_sub(self.state.samples.len() as u32)),
            prompt_cost,
            price,
        };
        self.state.cost = price.cost(&usage);
        self.state.usage = usage;
    }

    /// Enters a decision.
    pub fn decided(&mut self, seconds: f64, decision: Decision) -> TraceEvent {
        let event = TraceEvent {
            seconds,
            finished: self.state.done().count() as u32,
            votes: self.state.tally().classes.iter().map(|c| c.1).collect(),
            decision,
        };
        self.trace.push(event.clone());
        event
    }

    /// The votes with the text of each class's answer, most first.
    pub fn votes(&self) -> Vec<(String, u32)> {
        let name = |class| self.state.samples.iter().find(|s| s.class == Some(class)).and_then(|s| s.answer.as_ref());
        self.state
            .tally()
            .classes
            .iter()
            .map(|&(class, n)| (name(class).map_or_else(String::new, |a| a.text.clone()), n))
            .collect()
    }

    /// The best answer at hand: the leader of the vote, else a finished text, else the longest
    /// unfinished one.
    pub fn best_so_far(&self) -> Option<SampleId> {
        let by_vote = self.state.tally().leader().and_then(|class| self.state.representative(class));
        let longest = || {
            self.state
                .samples
                .iter()
                .filter(|s| !s.content.trim().is_empty())
                .max_by_key(|s| (s.content.len(), std::cmp::Reverse(s.id)))
        };
        by_vote.or_else(|| self.state.first_usable()).or_else(|| longest().map(|s| s.id))
    }

    /// Closes the books.
    pub fn outcome(mut self, strategy: &str, end: End, seconds: f64) -> Outcome {
        let chosen = end.chosen.and_then(|id| self.state.sample(id)).cloned();
        let mut wanted = Vec::new();
        let mut next = end.chosen;
        while let Some(id) = next {
            wanted.push(id);
            next = self.state.sample(id).and_then(|s| s.parent);
        }
        for sample in &mut self.state.samples {
            if !wanted.contains(&sample.id) {
                match sample.status {
                    SampleStatus::Done => sample.usage.discarded = sample.usage.completion,
                    SampleStatus::Cancelled | SampleStatus::Failed => sample.usage.cancelled = sample.usage.completion,
                    SampleStatus::Running => {}
                }
            }
        }
        self.refresh();
        let tally = self.state.tally();
        let voted = chosen.as_ref().and_then(|s| s.class).and_then(|class| tally.classes.iter().find(|c| c.0 == class));
        let finished = tally.votes() + tally.blank;
        let confidence = Confidence {
            vote_share: voted.filter(|_| finished > 1).map(|c| f64::from(c.1) / f64::from(finished)),
            posterior_leader: self.trace.iter().rev().find_map(|event| event.decision.posterior),
        };
        let sample = chosen.unwrap_or_default();
        Outcome {
            trace_id: self.trace_id,
            strategy: strategy.to_owned(),
            model: self.model.id,
            chosen: end.chosen,
            answer: sample.answer,
            content: sample.content,
            reasoning: sample.reasoning,
            tool_calls: sample.tool_calls,
            finish: sample.finish,
            stop: end.reason,
            confidence,
            samples_drawn: self.state.samples.len() as u32,
            usage: self.state.usage,
            cost: self.state.cost,
            seconds,
            trace: self.trace,
            samples: self.state.samples,
        }
    }
}
