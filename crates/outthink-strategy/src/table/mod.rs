//! The books of one request: what is running, what was spent, what is left. Pure: the driver and
//! the replay keep the same books, so that a strategy sees the same state in both.

mod close;

use crate::DriveRequest;
use crate::confidence;
use outthink_core::{
    Answer, AnswerKind, Arm, ArmId, Bill, Capabilities, ClassId, Cost, Decision, Delta, Finish, FinishReason,
    ModelInfo, Needs, Prompt, Room, Sample, SampleId, SampleStatus, Score, Span, State, StopReason, TraceEvent, Usage,
    derive_seed,
};
use outthink_verify::{Comparison, Grouper, ReplyShape, find_answer, find_text_answer};
use std::collections::HashMap;

/// What the decisions come to at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct End {
    /// The sample whose text is the reply.
    pub chosen: Option<SampleId>,
    /// Why.
    pub reason: StopReason,
}

/// An arm as the books know it.
#[derive(Debug, Clone)]
pub struct ArmInfo {
    /// Its name in traces.
    pub name: String,
    /// Its model.
    pub model: ModelInfo,
    /// What its engine can do.
    pub capabilities: Capabilities,
    /// What it is asked: the request's prompt, perhaps with a system message of its own.
    pub prompt: Prompt,
}

/// What the books are opened with.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// The request.
    pub request: &'a DriveRequest,
    /// The arms; at least one.
    pub arms: Vec<ArmInfo>,
    /// How answers are compared.
    pub comparison: Comparison,
    /// Verifiers at hand.
    pub verifiers: u32,
    /// Whether somebody can compare texts.
    pub has_comparer: bool,
    /// What the strategy needs.
    pub needs: Needs,
}

/// A sample that is about to start.
#[derive(Debug, Clone)]
pub struct Start {
    /// The arm.
    pub arm: ArmId,
    /// The sample that it goes on from.
    pub parent: Option<SampleId>,
    /// The user's turn in between, if it is a reply of its own.
    pub turn: Option<String>,
    /// How far it goes; its tokens are reserved.
    pub span: Span,
    /// Prompt tokens at most beyond those of the arm's prompt.
    pub extra_prompt: u64,
}

/// What a judgement was to cost at most, and what it cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What was reserved.
    pub most: Bill,
    /// What was spent.
    pub bill: Bill,
}

/// What an arm's prompt costs.
#[derive(Debug)]
struct ArmBooks {
    info: ArmInfo,
    /// Tokens of its prompt, once an engine told them.
    prompt_tokens: Option<u64>,
    /// No prompt has more tokens than bytes.
    prompt_bytes: u64,
}

impl ArmBooks {
    fn prompt_bound(&self) -> u64 {
        self.prompt_tokens.unwrap_or(self.prompt_bytes)
    }
}

/// What the books know of a sample beside what strategies see.
#[derive(Debug, Default)]
struct Held {
    /// Reserved tokens; 0 once it ended.
    tokens: u64,
    extra_prompt: u64,
    pause_at: Option<String>,
    /// Bytes of text that it inherited.
    inherited: usize,
    logprob_sum: f64,
    logprob_count: u32,
    confidence: confidence::Running,
}

/// The books of one request.
#[derive(Debug)]
pub struct Table {
    /// What strategies see.
    pub state: State,
    arms: Vec<ArmBooks>,
    classes: Grouper,
    merged: HashMap<ClassId, ClassId>,
    shape: ReplyShape,
    needs: Needs,
    held: Vec<Held>,
    /// Reserved for judgements that are on their way.
    judging: Bill,
    finished: u32,
    notes: Vec<String>,
    seed: u64,
    trace: Vec<TraceEvent>,
    trace_id: String,
}

impl Table {
    /// Opens the books.
    pub fn new(opening: Opening<'_>) -> Self {
        let request = opening.request;
        let arms: Vec<ArmBooks> = opening
            .arms
            .into_iter()
            .map(|info| ArmBooks { prompt_bytes: prompt_bytes(&info.prompt), prompt_tokens: None, info })
            .collect();
        let seen = |arm: &ArmBooks| Arm {
            name: arm.info.name.clone(),
            capabilities: arm.info.capabilities,
            room: Room::default(),
        };
        let mut table = Self {
            state: State {
                budget: request.budget,
                arms: arms.iter().map(seen).collect(),
                verifiers: opening.verifiers,
                has_comparer: opening.has_comparer,
                ..State::default()
            },
            arms,
            classes: Grouper::new(opening.comparison),
            merged: HashMap::new(),
            shape: ReplyShape::of_request(&request.prompt.extra),
            needs: opening.needs,
            held: Vec::new(),
            judging: Bill::default(),
            finished: 0,
            notes: Vec::new(),
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

    /// The room for samples on an arm whose prompt has up to `extra_prompt` tokens more than the
    /// arm's own.
    pub fn room(&self, arm: ArmId, extra_prompt: u64) -> Room {
        let room = self.state.room(arm);
        let Some(books) = self.arms.get(arm as usize) else { return room };
        let usage = Usage { prompt: books.prompt_bound() + extra_prompt, ..Usage::default() };
        room.with_prompt_cost(books.info.model.price.cost(&usage))
    }

    /// Enters a sample that starts now and reserves what it may spend.
    pub fn start(&mut self, start: Start) -> SampleId {
        let id = self.state.samples.len() as SampleId;
        let seed = self.next_seed();
        self.state.samples.push(Sample {
            id,
            parent: start.parent,
            turn: start.turn,
            arm: start.arm,
            seed,
            ..Sample::default()
        });
        self.held.push(Held {
            tokens: start.span.max_tokens.unwrap_or(0),
            extra_prompt: start.extra_prompt,
            pause_at: start.span.pause_at,
            confidence: confidence::Running::new(self.needs.confidence.unwrap_or(1)),
            ..Held::default()
        });
        self.refresh();
        id
    }

    /// Enters the text that a continued sample begins with.
    pub fn inherit(&mut self, id: SampleId, reasoning: String, content: String) {
        if let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get_mut(id as usize)) {
            held.inherited = reasoning.len() + content.len();
            sample.reasoning = reasoning;
            sample.content = content;
        }
    }

    /// Enters how long the prompt was.
    pub fn prompt(&mut self, id: SampleId, tokens: u64, cached: u64) {
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.usage.prompt = tokens;
            sample.usage.cached = cached;
            self.learn_prompt(id);
            self.refresh();
        }
    }

    /// Samples of the prompt itself tell how long it is; what was continued has a longer one.
    fn learn_prompt(&mut self, id: SampleId) {
        let Some(sample) = self.state.samples.get(id as usize).filter(|s| s.parent.is_none() && s.usage.prompt > 0)
        else {
            return;
        };
        if let Some(arm) = self.arms.get_mut(sample.arm as usize) {
            arm.prompt_tokens = Some(arm.prompt_tokens.unwrap_or(0).max(sample.usage.prompt));
        }
    }

    /// Enters a piece of text.
    pub fn delta(&mut self, id: SampleId, delta: &Delta) {
        let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get_mut(id as usize))
        else {
            return;
        };
        sample.content.push_str(&delta.content);
        sample.reasoning.push_str(&delta.reasoning);
        sample.usage.completion += delta.tokens;
        if !delta.reasoning.is_empty() {
            sample.usage.reasoning += delta.tokens;
        }
        for &logprob in &delta.logprobs {
            held.logprob_sum += f64::from(logprob);
            held.logprob_count += 1;
        }
        if held.logprob_count > 0 {
            sample.mean_logprob = Some(held.logprob_sum / f64::from(held.logprob_count));
        }
        if self.needs.confidence.is_some() {
            held.confidence.push(delta);
            sample.confidence = held.confidence.read();
        }
        if let Some(calls) = delta.extra.get("tool_calls") {
            crate::tool_calls::merge(&mut sample.tool_calls, calls);
        }
    }

    /// Enters the end of a sample or of a step of one: its bill and, if it ended, its answer and class.
    pub fn finish(&mut self, id: SampleId, finish: Finish) {
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        sample.usage = Usage { verifier: sample.usage.verifier, ..finish.usage };
        sample.finish = Some(finish.reason);
        if self.pauses(id, &finish) {
            if let Some(sample) = self.state.samples.get_mut(id as usize) {
                sample.status = SampleStatus::Paused;
            }
        } else {
            let answer = self.state.sample(id).and_then(|s| self.find(s));
            if let Some(sample) = self.state.samples.get_mut(id as usize) {
                sample.malformed = answer.is_none() && (sample.tool_calls.is_some() || self.shape.is_json());
            }
            self.done(id, answer);
        }
        self.close(id);
    }

    /// Enters a recorded sample whose answer is known, in place of [`Table::finish`].
    pub fn finish_recorded(&mut self, id: SampleId, answer: Option<Answer>, finish: Finish) {
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.usage = finish.usage;
            sample.finish = Some(finish.reason);
            self.done(id, answer);
            self.close(id);
        }
    }

    fn done(&mut self, id: SampleId, answer: Option<Answer>) {
        let class = answer.as_ref().map(|answer| self.classes.class_of(answer));
        let class = class.map(|c| self.merged.get(&c).copied().unwrap_or(c));
        self.finished += 1;
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        sample.status = SampleStatus::Done;
        sample.place = Some(self.finished);
        sample.answer = answer;
        sample.class = class;
        let parent = sample.parent;
        if let Some(parent) = parent.and_then(|p| self.state.samples.get_mut(p as usize)).filter(|p| p.is_done()) {
            parent.superseded = true;
        }
    }

    fn find(&self, sample: &Sample) -> Option<Answer> {
        match &sample.tool_calls {
            Some(calls) => self.shape.call_answer(calls),
            None if self.shape.is_json() => self.shape.json_answer(&sample.content),
            None if self.needs.comparer => {
                find_answer(&sample.content).filter(is_marked).or_else(|| find_text_answer(&sample.content))
            }
            None => find_answer(&sample.content),
        }
    }

    /// Whether a step of a reply came to its end, and not the reply. Puts the text back at which it
    /// paused. Where the engine does not tell a stop text from the model's own end, the reply is
    /// over if nothing new came or an answer is marked as final.
    fn pauses(&mut self, id: SampleId, finish: &Finish) -> bool {
        let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get(id as usize)) else {
            return false;
        };
        let Some(text) = &held.pause_at else { return false };
        let new = sample.reasoning.len() + sample.content.len() > held.inherited;
        let paused = match (finish.reason, finish.met_stop) {
            (FinishReason::Length, _) => return true,
            (FinishReason::Stop, Some(met)) => met && !text.is_empty(),
            (FinishReason::Stop, None) => {
                new && !text.is_empty() && !find_answer(&sample.content).is_some_and(|a| is_marked(&a))
            }
            _ => false,
        };
        if paused {
            let in_thought = sample.content.is_empty() && !sample.reasoning.is_empty();
            if in_thought { &mut sample.reasoning } else { &mut sample.content }.push_str(text);
        }
        paused
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
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        if sample.status != SampleStatus::Running {
            return;
        }
        if sample.usage.prompt == 0 && sample.usage.completion > 0 {
            // The engine had no chance to say how long the prompt was.
            let arm = self.arms.get(sample.arm as usize);
            let own = arm.map_or(0, |a| a.prompt_tokens.unwrap_or(a.prompt_bytes / 4));
            let extra = self.held.get(id as usize).map_or(0, |h| h.extra_prompt / 4);
            sample.usage.prompt = own + extra;
            sample.usage.estimated = true;
        }
        sample.status = status;
        sample.error = error;
        self.close(id);
    }

    /// Reserves what a judgement may cost; whether the budget pays for it. If so, what comes of it
    /// must be entered by [`Table::judged`] or [`Table::compared`].
    pub fn begin_judging(&mut self, most: Bill) -> bool {
        // Every arm has the same room for what verifiers charge.
        if !self.state.room(0).pays_for(most) {
            return false;
        }
        self.judging.tokens += most.tokens;
        self.judging.cost += most.cost;
        self.state.judging += 1;
        self.refresh();
        true
    }

    fn end_judging(&mut self, id: SampleId, cost: Judgement) {
        self.judging.tokens = self.judging.tokens.saturating_sub(cost.most.tokens);
        self.judging.cost = self.judging.cost.saturating_sub(cost.most.cost);
        self.state.judging = self.state.judging.saturating_sub(1);
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.usage.verifier += cost.bill.tokens;
            sample.verifier_cost += cost.bill.cost;
        }
    }

    /// Enters what a verifier said and what it cost, and gives back what was reserved for it. A
    /// failure is noted and is no score.
    pub fn judged(&mut self, id: SampleId, cost: Judgement, verdict: Result<Score, String>) {
        self.end_judging(id, cost);
        match verdict {
            Ok(score) => {
                if let Some(sample) = self.state.samples.get_mut(id as usize) {
                    sample.scores.retain(|s| s.verifier != score.verifier);
                    sample.scores.push(score);
                    let sum: f64 = sample.scores.iter().map(|s| s.value).sum();
                    sample.score = Some(sum / sample.scores.len() as f64);
                }
            }
            Err(problem) => self.note(format!("sample {id} has no score: {problem}")),
        }
        self.refresh();
    }

    /// Enters whether two samples say the same and what it cost to find out, and gives back what was
    /// reserved for it.
    pub fn compared(&mut self, pair: (SampleId, SampleId), cost: Judgement, answer: Result<bool, String>) {
        let (left, right) = pair;
        self.end_judging(left, cost);
        let same = answer.as_ref().ok().copied();
        self.state.compared.push((left, right, same));
        if let Err(problem) = answer {
            self.note(format!("samples {left} and {right} could not be compared: {problem}"));
        }
        let class = |id| self.state.sample(id).and_then(|s| s.class);
        if let (Some(true), Some(a), Some(b)) = (same, class(left), class(right)) {
            let (keep, drop) = (a.min(b), a.max(b));
            for sample in self.state.samples.iter_mut().filter(|s| s.class == Some(drop)) {
                sample.class = Some(keep);
            }
            for target in self.merged.values_mut().filter(|t| **t == drop) {
                *target = keep;
            }
            self.merged.insert(drop, keep);
        }
        self.refresh();
    }

    /// Puts something into the trace of the next decision.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn close(&mut self, id: SampleId) {
        if let Some(held) = self.held.get_mut(id as usize) {
            held.tokens = 0;
        }
        self.learn_prompt(id);
        self.refresh();
    }

    /// What the strategy needs.
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// Brings the sums up to date.
    pub fn refresh(&mut self) {
        let mut usage = Usage::default();
        let (mut spent, mut tokens, mut cost) = (Cost::ZERO, self.judging.tokens, self.judging.cost);
        for (sample, held) in self.state.samples.iter().zip(&self.held) {
            let Some(arm) = self.arms.get(sample.arm as usize) else { continue };
            let price = arm.info.model.price;
            usage += sample.usage;
            spent += price.cost(&sample.usage) + sample.verifier_cost;
            // What ended counts as spent; what runs counts at its full length.
            let mut full = sample.usage;
            if held.tokens > 0 {
                full.completion = full.completion.max(held.tokens);
                full.prompt = full.prompt.max(arm.prompt_bound() + held.extra_prompt);
            }
            tokens += full.generated();
            cost += price.cost(&full) + sample.verifier_cost;
        }
        let budget = &self.state.budget;
        for (arm, seen) in self.arms.iter().zip(&mut self.state.arms) {
            let price = arm.info.model.price;
            seen.room = Room {
                tokens: budget.max_tokens.map(|most| most.saturating_sub(tokens)),
                cost: budget.max_cost.map(|most| most.saturating_sub(cost)),
                samples: budget.max_samples.map(|most| most.saturating_sub(self.state.samples.len() as u32)),
                prompt_cost: price.cost(&Usage { prompt: arm.prompt_bound(), ..Usage::default() }),
                price,
            };
        }
        self.state.cost = spent;
        self.state.usage = usage;
    }

    /// Enters a decision.
    pub fn decided(&mut self, seconds: f64, decision: Decision) -> TraceEvent {
        let event = TraceEvent {
            seconds,
            finished: self.state.done().count() as u32,
            votes: self.state.tally().classes.iter().map(|c| c.1).collect(),
            notes: std::mem::take(&mut self.notes),
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
}

/// Whether an answer was marked as the final one, and is not just what stood last.
fn is_marked(answer: &Answer) -> bool {
    !matches!(answer.kind, AnswerKind::LastNumber | AnswerKind::Text)
}

/// Bytes of a prompt in its wire form: it has no more tokens. The driver reserves no more for it.
pub fn prompt_bytes(prompt: &Prompt) -> u64 {
    let text: usize = prompt.messages.iter().map(|m| m.to_string().len() + 16).sum();
    let tools: usize = prompt.extra.get("tools").map_or(0, |t| t.to_string().len());
    (text + tools) as u64
}
