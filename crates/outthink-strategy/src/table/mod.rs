//! The accounting of one request: what is running, what was spent and at whose price, what is left.

mod close;
mod comparable;
mod copies;
mod doubt;
mod entries;
mod fields;
mod judging;

pub use entries::{ArmInfo, RecordedEnd};
pub(crate) use entries::{End, Judgement, Opening, Start};

use crate::confidence;
use outthink_core::{
    Answer, Arm, ArmId, Bill, ClassId, Cost, Decision, Delta, EngineError, Finish, FinishReason, Needs, Price, Prompt,
    Reasoned, Role, Room, Sample, SampleId, SampleKind, SampleStatus, Source, State, Support, TraceEvent, Usage,
    derive_seed, json_length,
};
use outthink_verify::{Grouper, ReplyShape, find_answer, find_text_answer};
use std::collections::HashMap;

/// What is known of an arm.
#[derive(Debug)]
struct ArmEntry {
    info: ArmInfo,
    /// Whether all of its samples are the same: temperature 0, or a server that was seen to be greedy.
    greedy: bool,
    /// Tokens of its prompt, once an engine told them.
    prompt_tokens: Option<u64>,
    /// No prompt has more tokens than bytes.
    prompt_bytes: u64,
}

impl ArmEntry {
    fn prompt_bound(&self) -> u64 {
        self.prompt_tokens.unwrap_or(self.prompt_bytes)
    }
}

/// What is known of a sample that strategies do not see.
#[expect(clippy::struct_excessive_bools, reason = "a record of independent facts")]
#[derive(Debug, Default)]
struct Held {
    /// Whether it runs, so that it counts at its full length.
    running: bool,
    /// Reserved tokens; 0 where nobody limits it.
    tokens: u64,
    extra_prompt: u64,
    forced: bool,
    /// Whether it is the answer after reasoning that was closed for it.
    answers: bool,
    /// Whether an engine works on it: its prompt is then read and paid for.
    started: bool,
    /// What the engine that works on it charges.
    price: Option<Price>,
    /// What attempts that failed had spent, and what that cost.
    lost: Usage,
    lost_cost: Cost,
    pause_at: Option<String>,
    /// Bytes of text that it inherited.
    inherited: usize,
    logprob_sum: f64,
    logprob_count: u32,
    confidence: confidence::Running,
}

/// The accounting of one request.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// What strategies see.
    pub state: State,
    arms: Vec<ArmEntry>,
    classes: Grouper,
    merged: HashMap<ClassId, ClassId>,
    shape: ReplyShape,
    /// What the request asks for, as far as its words say.
    asked: doubt::Asked,
    needs: Needs,
    held: Vec<Held>,
    /// Reserved for judgements that are on their way.
    judging: Bill,
    finished: u32,
    notes: Vec<String>,
    /// What the receipt must say.
    remarks: Vec<String>,
    seed: u64,
    seeded: bool,
    trace: Vec<TraceEvent>,
    trace_id: String,
}

impl Table {
    /// Begins the accounting of a request.
    pub(crate) fn new(opening: Opening<'_>) -> Self {
        let request = opening.request;
        let arms: Vec<ArmEntry> = opening
            .arms
            .into_iter()
            .map(|info| {
                let differs = info.system.is_some() || info.kind != SampleKind::Text;
                let own = differs.then(|| prompt_bytes(&info.prompt(&request.prompt)));
                let sampling = info.sampling.as_ref().unwrap_or(&request.sampling);
                let greedy = sampling.is_greedy()
                    || request.prompt.extra.get("do_sample").is_some_and(|sampled| sampled == false);
                let prompt_bytes = own.unwrap_or_else(|| prompt_bytes(&request.prompt));
                ArmEntry { greedy, prompt_bytes, prompt_tokens: None, info }
            })
            .collect();
        let seen = |arm: &ArmEntry| Arm {
            name: arm.info.name.clone(),
            capabilities: arm.info.capabilities,
            room: Room::default(),
            effort: arm.info.thinking.unwrap_or(request.thinking).effort,
            tokens_seen: arm.info.tokens_seen,
            kind: arm.info.kind,
            context: arm.info.model.context,
        };
        let asks_for_number = opening.compares && comparable::asks_for_number(&request.prompt);
        let asked = if opening.compares {
            doubt::Asked::of(&request.prompt, asks_for_number)
        } else {
            doubt::Asked::options_of(&request.prompt)
        };
        let mut table = Self {
            state: State {
                budget: request.budget,
                arms: arms.iter().map(seen).collect(),
                verifiers: opening.verifiers,
                has_comparer: opening.has_comparer,
                asks_for_answer: opening.compares && comparable::asks_for_answer(&request.prompt),
                offers_tools: request.prompt.has_tools(),
                asks_for_number,
                ..State::default()
            },
            arms,
            classes: Grouper::new(opening.comparison),
            merged: HashMap::new(),
            shape: ReplyShape::of_request(&request.prompt.extra),
            asked,
            needs: opening.needs,
            held: Vec::new(),
            judging: Bill::default(),
            finished: 0,
            notes: Vec::new(),
            remarks: request.notes.clone(),
            seed: request.seed,
            seeded: request.seeded,
            trace: Vec::new(),
            trace_id: request.trace_id.clone(),
        };
        table.refresh();
        table
    }

    /// What is known of an arm.
    pub(crate) fn arm(&self, arm: ArmId) -> Option<&ArmInfo> {
        self.arms.get(arm as usize).map(|entry| &entry.info)
    }

    /// Seed of the next sample.
    pub(crate) fn next_seed(&self) -> u64 {
        derive_seed(self.seed, self.state.samples.len() as u64)
    }

    /// The room for samples on an arm whose prompt has up to `extra_prompt` tokens more than the
    /// arm's own.
    pub(crate) fn room(&self, arm: ArmId, extra_prompt: u64) -> Room {
        let room = self.state.room(arm);
        let Some(entry) = self.arms.get(arm as usize) else { return room };
        let usage = Usage { prompt: entry.prompt_bound() + extra_prompt, ..Usage::default() };
        room.with_prompt_cost(entry.info.price_bound.cost(&usage))
    }

    /// Samples that an arm can still give, beyond what the budget says.
    pub(crate) fn left_on(&self, arm: ArmId) -> u32 {
        let most = self.arms.get(arm as usize).and_then(|a| a.info.most_samples);
        most.map_or(u32::MAX, |most| most.saturating_sub(self.drawn_on(arm)))
    }

    /// Samples of an arm's own prompt that did not fail.
    fn roots_on(&self, arm: ArmId) -> u32 {
        let roots = self.state.samples.iter().filter(|s| s.arm == arm && s.is_root());
        roots.filter(|s| s.status != SampleStatus::Failed).count() as u32
    }

    fn drawn_on(&self, arm: ArmId) -> u32 {
        self.state.samples.iter().filter(|s| s.arm == arm).count() as u32
    }

    /// Enters a sample that starts now and reserves what it may spend.
    pub(crate) fn start(&mut self, start: Start) -> SampleId {
        let id = self.state.samples.len() as SampleId;
        let seed = self.next_seed();
        self.state.samples.push(Sample {
            id,
            parent: start.parent,
            turn: start.turn,
            arm: start.arm,
            seed,
            role: start.role,
            reads: start.reads,
            ..Sample::default()
        });
        self.held.push(Held {
            tokens: start.span.max_tokens.unwrap_or(0),
            running: true,
            extra_prompt: start.extra_prompt,
            forced: start.forced,
            pause_at: start.span.pause_at,
            confidence: confidence::Running::new(self.needs.confidence.unwrap_or(1)),
            ..Held::default()
        });
        self.refresh();
        id
    }

    /// Learns from a failure what an engine cannot do.
    pub(crate) fn learn_abilities(&mut self, id: SampleId, error: &EngineError) {
        let arm = self.state.sample(id).map(|s| s.arm as usize);
        let arm = arm.and_then(|arm| self.state.arms.get_mut(arm));
        if let Some(arm) = arm.filter(|_| error.code.as_deref() == Some(EngineError::CANNOT_CONTINUE)) {
            arm.capabilities.continuation = Support::No;
        }
    }

    /// Whether an answer was asked for within so many tokens: a probe, or words that close a text.
    pub(crate) fn is_forced(&self, id: SampleId) -> bool {
        self.held.get(id as usize).is_some_and(|h| h.forced)
    }

    /// Whether a sample is the answer after reasoning that was closed for it.
    pub(crate) fn answers(&self, id: SampleId) -> bool {
        self.held.get(id as usize).is_some_and(|h| h.answers)
    }

    /// Enters that a sample is such an answer.
    pub(crate) fn mark_answer(&mut self, id: SampleId) {
        if let Some(held) = self.held.get_mut(id as usize) {
            held.answers = true;
        }
    }

    /// Enters the text that a continued sample begins with.
    pub(crate) fn inherit(&mut self, id: SampleId, reasoning: String, content: String) {
        if let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get_mut(id as usize)) {
            held.inherited = reasoning.len() + content.len();
            sample.reasoning = reasoning;
            sample.content = content;
        }
    }

    /// Enters that an engine works on a sample from now on, and what it charges.
    pub(crate) fn started(&mut self, id: SampleId, source: &Source) {
        let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get_mut(id as usize))
        else {
            return;
        };
        sample.model = Some(source.model.clone());
        sample.member.clone_from(&source.member);
        held.started = true;
        held.price = Some(source.price);
    }

    /// Enters what an attempt had spent that failed; another one may follow.
    pub(crate) fn lost(&mut self, id: SampleId, usage: Usage) {
        let Some(sample) = self.state.samples.get(id as usize) else { return };
        let price = self.price_of(sample);
        let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get_mut(id as usize))
        else {
            return;
        };
        held.lost += usage;
        held.lost_cost += price.cost(&usage);
        held.started = false;
        sample.usage = Usage { verifier: sample.usage.verifier, ..held.lost };
        self.refresh();
    }

    /// Puts something into the receipt, once.
    pub(crate) fn remark(&mut self, words: String) {
        if !self.remarks.contains(&words) {
            self.remarks.push(words);
        }
    }

    /// What the engine charges that works on a sample.
    fn price_of(&self, sample: &Sample) -> Price {
        let known = self.held.get(sample.id as usize).and_then(|h| h.price);
        let own = || self.arms.get(sample.arm as usize).map(|a| a.info.model.price);
        known.or_else(own).unwrap_or_default()
    }

    /// Enters how long the prompt was.
    pub(crate) fn prompt(&mut self, id: SampleId, tokens: u64, cached: u64) {
        if let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get_mut(id as usize)) {
            held.started = true;
            sample.usage.prompt = held.lost.prompt + tokens;
            sample.usage.cached = held.lost.cached + cached;
            self.learn_prompt(id);
            self.refresh();
        }
    }

    /// Enters what the engine has counted so far of the attempt that runs.
    pub(crate) fn used(&mut self, id: SampleId, usage: Usage) {
        let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get_mut(id as usize))
        else {
            return;
        };
        held.started = true;
        sample.usage = usage + held.lost + Usage { verifier: sample.usage.verifier, ..Usage::default() };
        self.learn_prompt(id);
        self.refresh();
    }

    /// Samples of the prompt itself tell how long it is; what was continued has a longer one.
    fn learn_prompt(&mut self, id: SampleId) {
        let Some(sample) = self.state.samples.get(id as usize).filter(|s| s.is_root() && s.usage.prompt > 0) else {
            return;
        };
        if let Some(arm) = self.arms.get_mut(sample.arm as usize) {
            let lost = self.held.get(id as usize).map_or(0, |h| h.lost.prompt);
            let tokens = sample.usage.prompt.saturating_sub(lost);
            arm.prompt_tokens = Some(arm.prompt_tokens.unwrap_or(0).max(tokens)).filter(|&t| t > 0);
        }
    }

    /// Enters a piece of text.
    pub(crate) fn delta(&mut self, id: SampleId, delta: &Delta) {
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
        if !delta.extra.is_empty() {
            fields::merge_delta(sample, &delta.extra);
        }
    }

    /// Enters the end of a sample or of a step of one: its bill and, if it is complete, its answer and class.
    pub(crate) fn finish(&mut self, id: SampleId, finish: Finish) {
        let pauses = self.pauses(id, &finish);
        let (Some(sample), Some(held)) = (self.state.samples.get_mut(id as usize), self.held.get(id as usize)) else {
            return;
        };
        sample.usage = finish.usage + held.lost + Usage { verifier: sample.usage.verifier, ..Usage::default() };
        sample.finish = Some(finish.reason);
        sample.finish_word = finish.word;
        sample.stop_text = finish.stop_text;
        if held.inherited == 0 {
            reassign(sample, finish.reasoned);
        }
        if pauses {
            sample.status = SampleStatus::Paused;
        } else {
            // Text that was cut may hold a number; it is no answer. An answer that was asked for within so many
            // tokens is one, wherever the text ended.
            let whole = finish.reason.is_complete() || held.forced;
            let answer = self.state.sample(id).filter(|_| whole).and_then(|s| self.find(s));
            let forced = answer.is_some() && finish.reason == FinishReason::Length;
            if let Some(sample) = self.state.samples.get_mut(id as usize) {
                sample.malformed = answer.is_none() && (sample.tool_calls.is_some() || self.shape.is_json());
                sample.forced = forced;
            }
            self.done(id, answer);
            self.find_copies(id);
        }
        self.close(id);
    }

    /// Enters a recorded sample whose answer is known, in place of [`Table::finish`].
    pub(crate) fn finish_recorded(&mut self, id: SampleId, end: RecordedEnd) {
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.usage = end.usage;
            sample.finish = end.finish;
            sample.mean_logprob = end.mean_logprob;
            sample.confidence = end.confidence;
            let answer = end.answer.filter(|_| end.finish.is_none_or(FinishReason::is_complete));
            self.done(id, answer);
            self.close(id);
        }
    }

    fn done(&mut self, id: SampleId, answer: Option<Answer>) {
        self.finished += 1;
        let place = self.finished;
        self.answered(id, answer);
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        sample.status = SampleStatus::Done;
        sample.place = Some(place);
        let parent = sample.parent;
        if let Some(parent) = parent.and_then(|p| self.state.samples.get_mut(p as usize)).filter(|p| p.is_done()) {
            parent.superseded = true;
        }
    }

    /// Enters the answer of a sample, its class, and whether it can be right at all.
    fn answered(&mut self, id: SampleId, answer: Option<Answer>) {
        let class = answer.as_ref().map(|answer| self.classes.class_of(answer));
        let class = class.map(|c| self.merged.get(&c).copied().unwrap_or(c));
        let doubt = answer.as_ref().and_then(|answer| self.asked.doubt(answer));
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        sample.answer = answer;
        sample.class = class;
        sample.doubt = doubt;
    }

    /// The answer of a text, by its letter where the question has options.
    fn found(&self, content: &str) -> Option<Answer> {
        match self.asked.options() {
            Some(options) => options.find(content),
            None => find_answer(content),
        }
    }

    /// An answer by its letter where the question has options.
    fn resolve(&self, answer: Answer) -> Answer {
        match self.asked.options() {
            Some(options) => options.resolve(answer),
            None => answer,
        }
    }

    fn find(&self, sample: &Sample) -> Option<Answer> {
        // The answer of a program is its outcome, and what names the best of others answers nothing.
        if sample.role == Role::Selection || (sample.role.is_reply() && self.kind_of(sample) == SampleKind::Program) {
            return None;
        }
        match &sample.tool_calls {
            Some(calls) => self.shape.call_answer(calls),
            None if self.shape.is_json() => self.shape.json_answer(&sample.content),
            None if self.needs.comparer => {
                self.found(&sample.content).filter(is_marked).or_else(|| find_text_answer(&sample.content))
            }
            None => self.found(&sample.content),
        }
    }

    /// What a sample was asked to be.
    fn kind_of(&self, sample: &Sample) -> SampleKind {
        self.arm(sample.arm).map_or(SampleKind::Text, |info| info.kind)
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
    pub(crate) fn cancel(&mut self, id: SampleId) {
        self.end_early(id, SampleStatus::Cancelled, None);
    }

    /// Enters that a sample failed, and whether the next one would, too.
    pub(crate) fn fail(&mut self, id: SampleId, error: String, recurs: bool) {
        self.end_early(id, SampleStatus::Failed, Some(error));
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.recurs = recurs;
        }
    }

    fn end_early(&mut self, id: SampleId, status: SampleStatus, error: Option<String>) {
        let Some(sample) = self.state.samples.get_mut(id as usize) else { return };
        if sample.status != SampleStatus::Running {
            return;
        }
        let (started, lost) = self.held.get(id as usize).map_or((false, Usage::default()), |h| (h.started, h.lost));
        // A prompt that an engine was reading is paid for, though it had no chance to say how long it is. Of an
        // attempt that failed, the engine itself says what it had spent.
        let read = sample.usage.completion > lost.completion || (started && error.is_none());
        if sample.usage.prompt == lost.prompt && read {
            let arm = self.arms.get(sample.arm as usize);
            let own = arm.map_or(0, |a| a.prompt_tokens.unwrap_or(a.prompt_bytes / 4));
            let extra = self.held.get(id as usize).map_or(0, |h| h.extra_prompt / 4);
            sample.usage.prompt = lost.prompt + own + extra;
            sample.usage.estimated = true;
        }
        sample.status = status;
        sample.error = error;
        self.close(id);
    }

    /// Puts something into the trace of the next decision.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    fn close(&mut self, id: SampleId) {
        if let Some(held) = self.held.get_mut(id as usize) {
            held.running = false;
        }
        self.learn_prompt(id);
        self.refresh();
    }

    /// What the strategy needs.
    pub(crate) const fn needs(&self) -> Needs {
        self.needs
    }

    /// Brings the sums up to date.
    pub(crate) fn refresh(&mut self) {
        let mut usage = Usage::default();
        let (mut spent, mut tokens, mut cost) = (Cost::ZERO, self.judging.tokens, self.judging.cost);
        for (sample, held) in self.state.samples.iter_mut().zip(&self.held) {
            let Some(arm) = self.arms.get(sample.arm as usize) else { continue };
            let price = held.price.unwrap_or(arm.info.model.price);
            let attempt = Usage {
                prompt: sample.usage.prompt.saturating_sub(held.lost.prompt),
                cached: sample.usage.cached.saturating_sub(held.lost.cached),
                cache_write: sample.usage.cache_write.saturating_sub(held.lost.cache_write),
                cache_write_1h: sample.usage.cache_write_1h.saturating_sub(held.lost.cache_write_1h),
                completion: sample.usage.completion.saturating_sub(held.lost.completion),
                reasoning: sample.usage.reasoning.saturating_sub(held.lost.reasoning),
                ..Usage::default()
            };
            sample.cost = held.lost_cost + price.cost(&attempt);
            usage += sample.usage;
            spent += sample.cost + sample.verifier_cost;
            // What ended counts as spent; what runs counts at its full length, at the most that it may cost.
            let (mut full, mut bound) = (sample.usage.generated(), sample.cost);
            if held.running {
                let reserved = Usage {
                    completion: attempt.completion.max(held.tokens),
                    prompt: attempt.prompt.max(arm.prompt_bound() + held.extra_prompt),
                    ..attempt
                };
                full += reserved.completion - attempt.completion;
                bound = held.lost_cost + held.price.unwrap_or(arm.info.price_bound).bound().cost(&reserved);
            }
            tokens += full;
            cost += bound + sample.verifier_cost;
        }
        let budget = &self.state.budget;
        // What reads samples is bounded by the strategy, not by the number of samples.
        let drawn = self.state.samples.iter().filter(|s| s.role.is_reply()).count() as u32;
        let left: Vec<u32> = (0..self.arms.len()).map(|arm| self.left_on(arm as ArmId)).collect();
        for ((arm, seen), left) in self.arms.iter().zip(&mut self.state.arms).zip(left) {
            let price = arm.info.price_bound;
            seen.room = Room {
                tokens: budget.max_tokens.map(|most| most.saturating_sub(tokens)),
                cost: budget.max_cost.map(|most| most.saturating_sub(cost)),
                // What a recording still holds of an arm bounds it as a budget does.
                samples: match budget.max_samples.map(|most| most.saturating_sub(drawn)) {
                    None if left == u32::MAX => None,
                    samples => Some(samples.unwrap_or(u32::MAX).min(left)),
                },
                prompt_cost: price.cost(&Usage { prompt: arm.prompt_bound(), ..Usage::default() }),
                price,
            };
        }
        // A further sample of a greedy arm would be a copy of the one that there is.
        for index in 0..self.arms.len() {
            if self.arms[index].greedy {
                let roots = self.roots_on(index as ArmId);
                let room = &mut self.state.arms[index].room;
                room.samples = Some(room.samples.unwrap_or(u32::MAX).min(1u32.saturating_sub(roots)));
            }
        }
        self.state.cost = spent;
        self.state.usage = usage;
    }

    /// Enters a decision.
    pub(crate) fn decided(&mut self, seconds: f64, decision: Decision) -> TraceEvent {
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
    pub(crate) fn votes(&self) -> Vec<(String, u32)> {
        let name = |class| self.state.samples.iter().find(|s| s.class == Some(class)).and_then(|s| s.answer.as_ref());
        self.state
            .tally()
            .classes
            .iter()
            .map(|&(class, n)| (name(class).map_or_else(String::new, |a| a.text.clone()), n))
            .collect()
    }
}

/// Puts text in its place that was passed on as something else than it turned out to be.
fn reassign(sample: &mut Sample, reasoned: Reasoned) {
    match reasoned {
        Reasoned::AsPassedOn => {}
        Reasoned::Until { end, answer } => {
            let (Some(before), Some(after)) = (sample.content.get(..end), sample.content.get(answer..)) else { return };
            let (before, after) = (before.trim().to_owned(), after.trim_start().to_owned());
            sample.reasoning.push_str(&before);
            sample.content = after;
        }
        Reasoned::Nothing => sample.reasoning.clear(),
    }
}

/// Whether an answer was marked as the final one, and is not just what stood last.
fn is_marked(answer: &Answer) -> bool {
    !answer.kind.is_weak()
}

/// Bytes of a prompt in its wire form: it has no more tokens. No more is reserved for it.
pub fn prompt_bytes(prompt: &Prompt) -> u64 {
    let text: usize = prompt.messages.iter().map(|m| json_length(m) + 16).sum();
    let tools: usize = prompt.extra.get("tools").map_or(0, json_length);
    (text + tools) as u64
}
