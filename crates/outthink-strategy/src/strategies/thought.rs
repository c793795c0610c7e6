//! One thought: how long it may be, how long it must be, and when it has come to its answer.

use super::{give_up, stop_with_leader};
use crate::StrategyError;
use crate::registry::Build;
use outthink_core::{
    Decision, DefaultValue, FinishReason, Kind, Link, Needs, Sample, SampleId, SampleStatus, Setting, Span, State,
    Step, StopReason, Strategy,
};
use std::borrow::Cow;

/// The machine behind `budget-forcing` and `probe`: one thought between a floor, a cap and an early exit.
///
/// - **Cap**: the thought starts with so many tokens. If they end within the reasoning, it is closed by the
///   model's own end marker and the model answers; if they end within the answer, the answer goes on.
/// - **Floor** (Muennighoff et al. 2025): reasoning that ends before it is opened again after the word "Wait".
/// - **Early exit** (Fu et al. 2024; Yang et al. 2025): see [`Exit`].
///
/// The thought keeps running while it is probed and is cut off only once its answer has settled, so a probe
/// costs no time. Nothing is cut off within the answer, within a tool call, or where tools are on offer: what
/// a tool will say cannot have settled. If the forced answer is empty, the last probe that agreed is the reply.
///
/// Where an engine does not tell reasoning from content, there is no marker to close it by. Then words close
/// the text ("Time is up. The answer is"), and after an early exit the last probe is the reply.
#[derive(Debug, Clone)]
pub struct Thought {
    name: &'static str,
    /// Tokens of the thought and its answer at most, where somebody asked for a limit.
    limit: Option<u64>,
    /// Tokens of thought at most, where there is a cap.
    cap: Option<u64>,
    /// Tokens of thought at least.
    floor: u64,
    exit: Option<Exit>,
    /// What closes its reasoning.
    closing: String,
    /// The sample that is the thought: a continuation takes its place.
    trunk: SampleId,
    probes: Vec<SampleId>,
    /// Samples that were seen, and what the next one is.
    seen: usize,
    coming: Option<Role>,
    extensions: u32,
    /// Why the thought was closed.
    closed: Option<StopReason>,
}

/// What a continuation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Trunk,
    Probe,
}

/// Early exit: short answers are asked for on forks of the running thought. It is closed when the last `agree`
/// of them say the same, or when one is given with a probability of at least `sure`.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    /// Tokens between two probes at least.
    pub(super) every: u64,
    /// The same as a share of the thought so far, so that probes of a long thought stay a small part of it.
    pub(super) growth: f64,
    /// Probes in a row that must say the same.
    pub(super) agree: u32,
    /// Mean probability of a probe's tokens at which it alone is enough; 0 for never.
    pub(super) sure: f64,
    /// Tokens of a probe at most.
    pub(super) answer_tokens: u64,
    /// What a probe puts after the thought so far.
    pub(super) words: String,
    /// Tokens of the thought at the last probe.
    pub(super) probed_at: u64,
}

/// How the reasoning is closed, a setting of both strategies.
pub(super) const CLOSING: Setting = Setting::new(
    "closing",
    Kind::Text,
    DefaultValue::Text(Link::CLOSING),
    "what closes the reasoning: its end marker `</think>`, spelled as the model does, with words before or after it",
);

/// What a closed thought goes on with, where there is no marker.
const CLOSE: &str = "\n\nTime is up. The answer is";
/// What a short thought goes on with.
const EXTEND: &str = "\n\nWait, let me check this again step by step.";
/// Tokens for an answer that words ask for, and the least for any answer.
const ANSWER_TOKENS: u64 = 64;
/// How often a short thought is extended at most.
const MOST_EXTENSIONS: u32 = 4;
/// Probes that failed in a row after which no more are made.
const MOST_FAILURES: usize = 2;

impl Thought {
    /// A thought of `floor` to `cap` tokens; with its answer, of at most `limit`.
    ///
    /// # Errors
    /// If its `closing` has no end marker.
    pub(super) fn build(name: &'static str, from: &mut Build<'_>) -> Result<Self, StrategyError> {
        let (limit, (floor, cap)) = (from.max_tokens(), from.thinking());
        let closing = from.text(CLOSING.name)?;
        if !closing.contains(Link::END) {
            return Err(from.wrong(CLOSING.name, &closing.into(), "a text with the end marker `</think>`"));
        }
        Ok(Self {
            name,
            limit,
            cap,
            floor: floor.unwrap_or(0),
            closing,
            exit: None,
            trunk: 0,
            probes: Vec::new(),
            seen: 0,
            coming: None,
            extensions: 0,
            closed: None,
        })
    }

    /// Ends early once its answer has settled.
    pub(super) fn with_exit(self, exit: Exit) -> Self {
        Self { exit: Some(exit), ..self }
    }

    /// Where the thought must stop to be closed.
    fn first_limit(&self) -> Option<u64> {
        self.cap.or(self.limit)
    }

    fn begin(&self, state: &State) -> Decision {
        let most = self.first_limit();
        if state.room(0).affordable(most) == 0 {
            return give_up(state);
        }
        // What closes the thought must be paid for as well, and so must probes: up to half of what there is.
        let most = if self.exit.is_some() {
            let twice = most.map(|most| most.saturating_mul(2));
            state.room(0).cap(twice, 1).map(|most| most.div_ceil(2).max(1))
        } else {
            let whole = most.map(|most| most.saturating_add(ANSWER_TOKENS));
            state.room(0).cap(whole, 1).map(|most| most.saturating_sub(ANSWER_TOKENS).max(1))
        };
        let cap = most.map_or_else(|| "no limit".to_owned(), |most| format!("{most} tokens"));
        let why = format!("reasoning of {} tokens to {cap}", self.floor);
        let step = Step::Sample { arm: 0, count: 1, span: Span::whole(most) };
        match &self.exit {
            None => Decision::new(step, why),
            Some(_) if state.offers_tools => {
                Decision::new(step, format!("{why}; tools are offered, so it is not probed"))
            }
            Some(exit) => {
                Decision::new(step, format!("{why}, probed every {} tokens", exit.every)).watching(exit.every)
            }
        }
    }

    /// Takes in the sample that the last decision asked for.
    fn take_in(&mut self, state: &State) {
        let coming = self.coming.take();
        if state.samples.len() > self.seen {
            let id = state.samples.len() as SampleId - 1;
            match coming {
                Some(Role::Probe) => self.probes.push(id),
                Some(Role::Trunk) | None => self.trunk = id,
            }
            self.seen = state.samples.len();
        }
    }

    /// Tokens that the answer may have: what the limit leaves.
    fn answer_span(&self, spent: u64) -> Span {
        Span::whole(self.limit.map(|limit| limit.saturating_sub(spent).max(ANSWER_TOKENS)))
    }

    fn go_on(&mut self, sample: SampleId, link: Link, span: Span) -> Step {
        self.coming = Some(Role::Trunk);
        Step::Continue { sample, link, count: 1, span }
    }

    /// Closes the thought so that the model answers.
    fn close(&mut self, thought: &Sample, spent: u64, reason: StopReason) -> Step {
        self.closed = Some(reason);
        if is_apart(thought) {
            return self.go_on(thought.id, Link::Close(self.closing.clone()), self.answer_span(spent));
        }
        self.go_on(thought.id, Link::Words(CLOSE.to_owned()), Span::whole(Some(ANSWER_TOKENS)))
    }

    /// The thought came to an end.
    fn ended(&mut self, state: &State, thought: &Sample) -> Decision {
        let spent = state.path_tokens(thought.id);
        let reason = self.closed.unwrap_or(StopReason::Single);
        if self.closed.is_some()
            && thought.is_empty()
            && let Some(probe) = self.settled_probe(state)
        {
            return stop(probe, reason, "the answer after the closed thought is empty: the last probe is the reply");
        }
        if self.closed.is_some() || thought.tool_calls.is_some() {
            return stop(thought, reason, format!("{spent} tokens spent"));
        }
        if state.room(0).affordable(Some(ANSWER_TOKENS)) == 0 {
            return stop(thought, StopReason::BudgetSpent, "nothing is left to close the reasoning with");
        }
        let silent = thought.content.trim().is_empty();
        let cut_off = thought.finish == Some(FinishReason::Length);
        if cut_off && !silent && is_apart(thought) {
            // The reasoning was over before the cap: the answer goes on as far as a limit allows it.
            if self.limit.is_some_and(|limit| spent >= limit) {
                return stop(thought, reason, "the limit on the reply ended it within its answer");
            }
            self.closed = Some(StopReason::ThinkingCap);
            let step = self.go_on(thought.id, Link::Words(String::new()), self.answer_span(spent));
            return Decision::new(step, format!("{spent} tokens, and the answer has begun: it goes on"));
        }
        if cut_off || silent {
            let step = self.close(thought, spent, StopReason::ThinkingCap);
            return Decision::new(step, format!("{spent} tokens of thought, and no answer yet: close it"));
        }
        if spent < self.floor && self.extensions < MOST_EXTENSIONS {
            self.extensions += 1;
            let words = EXTEND.to_owned();
            let link = if is_apart(thought) { Link::Reason(words) } else { Link::Words(words) };
            let span = Span::whole(self.first_limit().map(|most| most.saturating_sub(spent).max(1)));
            let step = self.go_on(thought.id, link, span);
            return Decision::new(
                step,
                format!("{spent} tokens of thought are below the floor of {}: go on", self.floor),
            )
            .watching(self.exit.as_ref().map_or(u64::MAX, |exit| exit.every));
        }
        stop(thought, reason, format!("{spent} tokens of thought, between floor and cap"))
    }

    /// The thought runs: probes it, or closes it once its answer has settled.
    fn running(&mut self, state: &State, thought: &Sample) -> Decision {
        let goes_on = |why: String| Decision::new(Step::Wait, why);
        let Some(exit) = &mut self.exit else { return goes_on("the reasoning goes on".into()) };
        if self.closed.is_some() {
            return goes_on("the answer is being written".into());
        }
        if state.offers_tools || thought.tool_calls.is_some() || has_begun_to_answer(thought) {
            return goes_on("nothing is cut off within an answer or where tools are offered".into());
        }
        let every = exit.every;
        let tokens = state.path_tokens(thought.id);
        let probes: Vec<&Sample> = self.probes.iter().filter_map(|&id| state.sample(id)).collect();
        let agreeing = exit.agreeing(&probes);
        if let Some(why) = exit.settled(&agreeing, tokens) {
            return self.exit_with(state, thought, agreeing[0], why);
        }
        let failed = probes.iter().rev().take_while(|p| p.status == SampleStatus::Failed).count();
        if failed >= MOST_FAILURES {
            return goes_on(format!("{failed} probes failed: the reasoning goes on without them"));
        }
        let probing = probes.iter().any(|p| p.status == SampleStatus::Running);
        let due = exit.next_probe().max(self.floor);
        if !probing && tokens >= due && state.room(0).affordable(Some(exit.answer_tokens)) > 0 {
            exit.probed_at = tokens;
            self.coming = Some(Role::Probe);
            let (link, span) = (Link::Words(exit.words.clone()), Span::whole(Some(exit.answer_tokens)));
            let why = format!("probe at {tokens} tokens; {} in a row agree", agreeing.len());
            let step = Step::Continue { sample: thought.id, link, count: 1, span };
            return Decision::new(step, why).watching(every);
        }
        goes_on(format!("the reasoning goes on at {tokens} tokens")).watching(every)
    }

    /// Whether a thought that could not be continued can still be answered in a further turn: the engine was found
    /// unable to continue a text only now.
    fn may_ask_in_a_turn(&self, state: &State, thought: &Sample) -> bool {
        let parent = thought.parent.and_then(|parent| state.sample(parent));
        let first_failure =
            state.children(thought.parent.unwrap_or_default()).filter(|s| s.status == SampleStatus::Failed);
        self.closed.is_some()
            && !state.capabilities(0).continuation.is_possible()
            && parent.is_some_and(Sample::is_done)
            && first_failure.count() == 1
    }

    /// Closes the thought early. Without a marker to close it by, the probe is the reply.
    fn exit_with(&mut self, state: &State, thought: &Sample, probe: &Sample, why: String) -> Decision {
        let running = state.samples.iter().filter(|s| s.status == SampleStatus::Running).map(|s| s.id);
        let cancel = Step::Cancel { samples: running.collect() };
        let last = if is_apart(thought) {
            self.close(thought, state.path_tokens(thought.id), StopReason::ProbesAgree)
        } else {
            Step::Stop { sample: probe.id, reason: StopReason::ProbesAgree }
        };
        // A thought is continued while it runs; what was cancelled cannot be.
        let steps = if matches!(last, Step::Stop { .. }) { vec![cancel, last] } else { vec![last, cancel] };
        Decision::all(steps, why)
    }

    /// The newest probe of those that agree.
    fn settled_probe<'a>(&self, state: &'a State) -> Option<&'a Sample> {
        let probes: Vec<&Sample> = self.probes.iter().filter_map(|&id| state.sample(id)).collect();
        self.exit.as_ref()?.agreeing(&probes).first().copied()
    }
}

impl Exit {
    /// Tokens of the thought at which the next probe is due.
    fn next_probe(&self) -> u64 {
        self.probed_at + self.every.max((self.probed_at as f64 * self.growth) as u64)
    }

    /// Whether a probe's own words take it back.
    fn doubts(&self, probe: &Sample) -> bool {
        let own = probe.content.rsplit_once(&self.words).map_or(probe.content.as_str(), |(_, own)| own).to_lowercase();
        own.split(|c: char| !c.is_alphabetic()).any(|word| matches!(word, "wait" | "hold" | "but" | "hmm"))
    }

    /// The last probes that agree, the newest first.
    fn agreeing<'a>(&self, probes: &[&'a Sample]) -> Vec<&'a Sample> {
        let mut run: Vec<&Sample> = Vec::new();
        for &probe in probes.iter().rev().filter(|p| p.is_done() && !self.doubts(p)) {
            if probe.class.is_none() || run.first().is_some_and(|first| first.class != probe.class) {
                break;
            }
            run.push(probe);
        }
        run
    }

    /// Why the answer has settled, if it has.
    fn settled(&self, agreeing: &[&Sample], tokens: u64) -> Option<String> {
        let last = agreeing.first()?;
        let answer = last.answer.as_ref().map_or("", |a| a.text.as_str());
        if agreeing.len() >= self.agree as usize {
            return Some(format!("the last {} probes say {answer} after {tokens} tokens", agreeing.len()));
        }
        let sure = last.mean_logprob.map(f64::exp).filter(|&p| self.sure > 0.0 && p >= self.sure)?;
        Some(format!("a probe says {answer} with probability {sure:.3} after {tokens} tokens"))
    }
}

/// Whether the engine tells reasoning from content.
fn is_apart(thought: &Sample) -> bool {
    !thought.reasoning.trim().is_empty()
}

/// Whether the reasoning is over and the answer is being written.
fn has_begun_to_answer(thought: &Sample) -> bool {
    is_apart(thought) && !thought.content.trim().is_empty()
}

fn stop(sample: &Sample, reason: StopReason, why: impl Into<Cow<'static, str>>) -> Decision {
    Decision::new(Step::Stop { sample: sample.id, reason }, why)
}

impl Strategy for Thought {
    fn name(&self) -> &str {
        self.name
    }

    fn needs(&self) -> Needs {
        let Some(exit) = &self.exit else { return Needs::default() };
        Needs { continuation: true, logprobs: exit.sure > 0.0, ..Needs::default() }
    }

    fn step(&mut self, state: &State) -> Decision {
        if state.samples.is_empty() {
            return self.begin(state);
        }
        self.take_in(state);
        let Some(thought) = state.sample(self.trunk).cloned() else { return give_up(state) };
        match thought.status {
            SampleStatus::Running => self.running(state, &thought),
            SampleStatus::Done => self.ended(state, &thought),
            SampleStatus::Failed if self.may_ask_in_a_turn(state, &thought) => {
                let parent = thought.parent.unwrap_or_default();
                let span = self.answer_span(state.path_tokens(parent));
                let step = self.go_on(parent, Link::Close(self.closing.clone()), span);
                Decision::new(step, "the engine cannot continue a text: it is asked in a further turn")
            }
            _ if state.running() > 0 => Decision::new(Step::Wait, "probes are on their way"),
            _ => match self.settled_probe(state) {
                Some(probe) => {
                    let reason = self.closed.unwrap_or(StopReason::EngineFailed);
                    stop(probe, reason, "the reasoning could not go on: the last probe is the reply")
                }
                None => stop_with_leader(state, StopReason::EngineFailed, "going on failed: the earlier text is kept"),
            },
        }
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        let whole = state.sample(self.trunk).filter(|s| s.is_done() && !s.is_empty()).map(|s| s.id);
        whole.or_else(|| self.settled_probe(state).map(|s| s.id)).or_else(|| state.best_so_far())
    }
}
