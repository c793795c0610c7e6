//! What several strategies share: asking for verdicts, weighing votes, values of paths.

use crate::Aggregate;
use outthink_core::{
    AnswerKind, ClassId, Decision, FinishReason, Sample, SampleId, SampleStatus, Span, State, Step, StopReason,
};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Stops with the leader of the vote, or with the first good text where nothing voted, or gives up.
pub(super) fn stop_with_leader(state: &State, reason: StopReason, why: impl Into<Cow<'static, str>>) -> Decision {
    let leader = state.tally().leader().and_then(|class| state.representative(class));
    match leader.or_else(|| state.first_usable()).or_else(|| state.done().next().map(|s| s.id)) {
        Some(sample) => Decision::new(Step::Stop { sample, reason }, why),
        None => give_up(state),
    }
}

/// Ends without an answer: the engine failed, or the budget did not pay for one sample.
pub(super) fn give_up(state: &State) -> Decision {
    if state.samples.iter().any(|s| s.error.is_some()) {
        Decision::new(Step::Abstain { reason: StopReason::EngineFailed }, "every sample failed")
    } else {
        Decision::new(Step::Abstain { reason: StopReason::BudgetSpent }, "the budget does not pay for one sample")
    }
}

/// Failures without one success after which the engine is taken for broken: it has made its own retries by then.
const FAILURES: usize = 2;

/// Whether nothing came and nothing will: the engine is taken for broken, or refuses the request as it is.
pub(super) fn is_hopeless(state: &State) -> bool {
    let mut failed = state.samples.iter().filter(|s| s.status == SampleStatus::Failed).peekable();
    failed.peek().is_some()
        && state.running() == 0
        && state.done().next().is_none()
        && ((state.arms.len() == 1 && failed.clone().any(|s| s.recurs)) || failed.count() >= FAILURES)
}

/// Waits for what is on its way.
pub(super) fn wait(state: &State) -> Decision {
    Decision::new(Step::Wait, format!("{} samples and {} verdicts are on their way", state.running(), state.judging))
}

/// What is still missing of `wanted` samples of an arm, as many as the budget pays for.
pub(super) fn missing(state: &State, arm: u32, wanted: u32, max_tokens: Option<u64>) -> u32 {
    let drawn = state.samples.iter().filter(|s| s.arm == arm && s.is_root()).count() as u32;
    wanted.saturating_sub(drawn).min(state.room(arm).affordable(max_tokens))
}

/// Draws whole replies on arm 0.
pub(super) fn draw(count: u32, max_tokens: Option<u64>, why: impl Into<Cow<'static, str>>) -> Decision {
    Decision::new(Step::Sample { arm: 0, count, span: Span::whole(max_tokens) }, why)
}

/// Verdicts that were asked for, so that none is asked for twice.
#[derive(Debug, Clone, Default)]
pub(super) struct Judge {
    asked: BTreeSet<SampleId>,
}

impl Judge {
    /// Steps that have samples judged by every verifier; those that were asked for before are left
    /// out.
    pub(super) fn ask<'a>(&mut self, state: &State, samples: impl Iterator<Item = &'a Sample>) -> Vec<Step> {
        let mut steps = Vec::new();
        if state.has_verifier() {
            for sample in samples.filter(|s| self.asked.insert(s.id)) {
                steps.extend((0..state.verifiers).map(|verifier| Step::Score { sample: sample.id, verifier }));
            }
        }
        steps
    }
}

/// What the vote of an answer counts that can hardly be right ([`outthink_core::Doubt`]): it is kept, since the
/// words of a question mislead at times, and it loses against any two others.
const DOUBTED: f64 = 0.25;

/// What a sample's vote counts by the form of its answer alone.
pub(super) const fn credibility(sample: &Sample) -> f64 {
    if sample.doubt.is_some() { DOUBTED } else { 1.0 }
}

/// Classes of answers by the sum of their votes' weights, the heaviest first; equal ones in order of
/// first sight. Samples without a weight do not vote.
pub(super) fn weigh(state: &State, weight: impl Fn(&Sample) -> Option<f64>) -> Vec<(ClassId, f64)> {
    let mut classes: Vec<(ClassId, f64)> = Vec::new();
    let fallback = state.fallback_classes();
    for sample in state.voters() {
        let class = sample.class.filter(|class| !fallback.contains(class));
        let (Some(class), Some(weight)) = (class, weight(sample).filter(|w| w.is_finite())) else { continue };
        let weight = weight * credibility(sample);
        match classes.iter_mut().find(|c| c.0 == class) {
            Some(entry) => entry.1 += weight,
            None => classes.push((class, weight)),
        }
    }
    classes.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    classes
}

/// The share of the heaviest class.
pub(super) fn share(classes: &[(ClassId, f64)]) -> f64 {
    let total: f64 = classes.iter().map(|c| c.1).sum();
    classes.first().map_or(0.0, |c| if total > 0.0 { c.1 / total } else { 0.0 })
}

/// The voter with the most of something; the first of equals. What breaks the demanded form is passed
/// over while something keeps it.
pub(super) fn best_by(state: &State, worth: impl Fn(&Sample) -> Option<f64>) -> Option<(&Sample, f64)> {
    let mut best: Option<(&Sample, f64)> = None;
    let some_fit = state.voters().any(|s| !s.malformed);
    for sample in state.voters().filter(|s| !(some_fit && s.malformed)) {
        if let Some(w) = worth(sample).filter(|w| best.is_none_or(|b| *w > b.1)) {
            best = Some((sample, w));
        }
    }
    best
}

/// Draws `samples` in all; then stops with the best sample of the heaviest class. `told` says the
/// leader's share; where nothing has a weight the vote decides, for the reason of `without`.
pub(super) fn vote_by_weight(
    state: &State,
    (samples, max_tokens): (u32, Option<u64>),
    weight: impl Fn(&Sample) -> Option<f64>,
    told: &str,
    without: (Option<StopReason>, &'static str),
) -> Decision {
    let count = missing(state, 0, samples, max_tokens);
    if count > 0 {
        return draw(count, max_tokens, format!("{count} of {samples} samples"));
    }
    if !state.is_idle() {
        return wait(state);
    }
    if all_failed(state) {
        return give_up(state);
    }
    let short = (state.samples.len() as u32) < samples;
    let reason = if short { StopReason::BudgetSpent } else { StopReason::SamplesDrawn };
    let classes = weigh(state, &weight);
    match heaviest(state, weight).filter(|_| !classes.is_empty()) {
        Some(sample) => Decision::new(Step::Stop { sample, reason }, format!("{:.3} {told}", share(&classes))),
        None => stop_with_leader(state, without.0.unwrap_or(reason), without.1),
    }
}

/// The heaviest sample of the heaviest class, or the best so far where nothing has a weight.
pub(super) fn heaviest(state: &State, weight: impl Fn(&Sample) -> Option<f64>) -> Option<SampleId> {
    let leader = weigh(state, &weight).first().map(|c| c.0);
    let of_leader = |s: &Sample| weight(s).filter(|_| leader.is_some() && s.class == leader);
    best_by(state, of_leader).map(|b| b.0.id).or_else(|| state.best_so_far())
}

/// The value of each step along the path to a sample, in [0, 1]: a verifier's scores of the steps
/// where it tells them apart, else its score of each sample of the path; without a verifier the
/// geometric mean probability of each sample's tokens.
pub(super) fn step_values(state: &State, id: SampleId) -> Vec<f64> {
    let told = state.sample(id).and_then(|s| s.scores.iter().find(|score| !score.steps.is_empty()));
    if let Some(score) = told {
        return score.steps.clone();
    }
    let value = |s: &&Sample| if state.has_verifier() { s.score } else { s.mean_logprob.map(f64::exp) };
    state.path(id).iter().filter_map(value).collect()
}

/// The value of where a reply stands, in [0, 1]; 0 where nothing is known.
pub(super) fn path_value(state: &State, id: SampleId, aggregate: Aggregate) -> f64 {
    aggregate.of(&step_values(state, id)).unwrap_or(0.0)
}

/// Whether a sample states an answer that can be compared with others.
fn states_answer(state: &State, sample: &Sample) -> bool {
    sample.answer.as_ref().is_some_and(|answer| match answer.kind {
        AnswerKind::LastNumber | AnswerKind::LastExpression => asks(state),
        AnswerKind::Text => false,
        AnswerKind::Stated => asks(state) || is_plain(&sample.content, &answer.text),
        _ => true,
    })
}

/// Words and signs right before an answer that is stated plainly.
const COPULAS: &[&str] = &[
    "is", "are", "was", "be", "equals", "ist", "sind", "lautet", "est", "sont", "es", "son", "\u{e9}", "s\u{e3}o",
    "\u{e8}", "sono",
];
const SIGNS: &[char] =
    &[':', '\u{ff1a}', '=', '\u{662f}', '\u{4e3a}', '\u{306f}', '\u{c740}', '\u{b294}', '\u{2014}', '>'];

/// Whether an answer stands right behind "is" or a colon, and is short: an essay, too, says "the answer is simple:
/// patience", or "the result is a calmer evening for all 4 of you".
fn is_plain(reply: &str, answer: &str) -> bool {
    if answer.split_whitespace().count() > 3 || answer.contains([':', '\u{ff1a}', '\u{ff0c}']) {
        return false;
    }
    let Some((before, _)) = reply.rsplit_once(answer) else { return true };
    let around =
        |c: char| c.is_whitespace() || matches!(c, '*' | '$' | '_' | '`' | '\\' | '(' | '[' | '{' | '"' | '\'');
    let before = before.trim_end_matches(around);
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    before.ends_with(SIGNS) || COPULAS.contains(&word.as_str())
}

/// Whether the request asks for something that can be compared.
fn asks(state: &State) -> bool {
    state.asks_for_answer || state.asks_for_number
}

/// Whether it is known that there is something to compare, so that several samples may be drawn at once.
pub(super) fn may_compare(state: &State) -> bool {
    asks(state) || state.voters().any(|s| states_answer(state, s))
}

/// Samples without a complete reply after which no more are bought.
const INCOMPLETE: usize = 4;

/// Why further samples would bring nothing to compare, if they would not: the replies are essays, or none
/// comes to its end.
pub(super) fn nothing_to_compare(state: &State) -> Option<(StopReason, &'static str)> {
    let marked = state.voters().any(|s| states_answer(state, s));
    let voters = state.voters().count();
    if marked || (voters > 0 && state.tally().count(0) > 1) {
        return None;
    }
    // Where an answer was asked for, one reply without it says little.
    let essays = if asks(state) { 3 } else { 1 };
    if voters >= essays {
        return Some((StopReason::NotComparable, "the reply states no final answer: there is nothing to compare"));
    }
    // One that ended by itself and is no reply reasoned and said nothing: the next may speak. What the limit ended was cut,
    // in its reasoning, too.
    let incomplete: Vec<&Sample> = state.done().filter(|s| !s.is_complete()).collect();
    let cut = incomplete.iter().any(|s| !s.finish.is_none_or(FinishReason::is_complete) || s.is_refused());
    let most = if cut && !asks(state) { 1 } else { INCOMPLETE };
    (voters == 0 && incomplete.len() >= most).then_some((StopReason::NoneComplete, "no sample finished"))
}

/// Whether samples failed and nothing else came of the run.
pub(super) fn all_failed(state: &State) -> bool {
    !state.samples.is_empty() && state.samples.iter().all(|s| s.status == SampleStatus::Failed)
}
