//! What was bought and what it cost, next to the standard reply.

use outthink_core::{Confidence, Cost, FinishReason, Outcome, Sample, StopReason};
use serde::Serialize;
use std::borrow::Cow;

/// The `outthink` object of a reply.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Receipt<'a> {
    strategy: &'a str,
    model: &'a str,
    effort: &'a str,
    samples_drawn: u32,
    /// Those of them that failed, or that the engine ended before the model did.
    samples_failed: u32,
    discarded_tokens: u64,
    cancelled_tokens: u64,
    verifier_tokens: u64,
    cost_usd: f64,
    cost_nano_usd: u64,
    seconds: f64,
    stop_reason: StopReason,
    stop_message: &'static str,
    /// The engine's own word for why the reply ended, where it is not one of the API's.
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<&'a str>,
    /// `None` where nothing was compared.
    confidence: Option<Confidence>,
    answer: Option<&'a str>,
    votes: Vec<Votes<'a>>,
    /// What each model did, a fallback under its own name.
    models: Vec<ModelBill<'a>>,
    /// What could not be honoured or went wrong on the way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Cow<'a, str>>,
    trace_id: &'a str,
    estimated: bool,
}

/// The bill of one model on one arm.
#[derive(Debug, Clone, Serialize)]
struct ModelBill<'a> {
    model: &'a str,
    /// The arm's name, where it is not that of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    arm: Option<&'a str>,
    samples: u32,
    prompt_tokens: u64,
    completion_tokens: u64,
    cost_nano_usd: u64,
}

/// The votes for one class of answers.
#[derive(Debug, Clone, Serialize)]
struct Votes<'a> {
    answer: &'a str,
    votes: u32,
}

impl<'a> Receipt<'a> {
    /// What this outcome cost at this effort.
    pub(crate) fn of(outcome: &'a Outcome, effort: &'a str) -> Self {
        let broken = Broken::of(outcome);
        let notes = outcome.notes.iter().map(|note| note.as_str().into());
        Self {
            strategy: &outcome.strategy,
            model: &outcome.model,
            effort,
            samples_drawn: outcome.samples_drawn,
            samples_failed: outcome.samples_failed + broken.count,
            discarded_tokens: outcome.usage.discarded,
            cancelled_tokens: outcome.usage.cancelled,
            verifier_tokens: outcome.usage.verifier,
            cost_usd: outcome.cost.usd(),
            cost_nano_usd: outcome.cost.nano(),
            seconds: outcome.seconds,
            stop_reason: outcome.stop,
            stop_message: outcome.stop.words(),
            finish: outcome.finish_word.as_deref(),
            confidence: Some(outcome.confidence).filter(|c| *c != Confidence::default()),
            answer: outcome.answer.as_ref().map(|a| a.text.as_str()),
            votes: votes(&outcome.samples),
            models: models(outcome),
            notes: notes.chain(broken.note(outcome.samples_drawn).map(Cow::Owned)).collect(),
            trace_id: &outcome.trace_id,
            estimated: outcome.usage.estimated,
        }
    }
}

/// The samples that the engine ended before the model did: they have no vote.
struct Broken<'a> {
    count: u32,
    /// How many ended in which way, with the engine's own word for it.
    kinds: Vec<(FinishReason, Option<&'a str>, u32)>,
}

impl<'a> Broken<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let mut broken = Self { count: 0, kinds: Vec::new() };
        for sample in outcome.samples.iter().filter(|s| s.is_done() && s.role.is_reply() && !s.forced) {
            let word = sample.finish_word.as_deref();
            let reason = match sample.finish {
                // The turn of the model goes on where the client asks again.
                Some(FinishReason::Unknown) if word == Some("pause_turn") => continue,
                Some(reason @ (FinishReason::Interrupted | FinishReason::ContentFilter | FinishReason::Unknown)) => {
                    reason
                }
                _ => continue,
            };
            broken.count += 1;
            match broken.kinds.iter_mut().find(|kind| (kind.0, kind.1) == (reason, word)) {
                Some(kind) => kind.2 += 1,
                None => broken.kinds.push((reason, word, 1)),
            }
        }
        broken
    }

    fn note(&self, drawn: u32) -> Option<String> {
        let kind = |&(reason, word, count): &(FinishReason, Option<&str>, u32)| {
            let how = match reason {
                FinishReason::Interrupted => "interrupted by the engine",
                FinishReason::ContentFilter => "withheld by a filter or refused",
                _ => "ended for a reason that is not known",
            };
            let word = word.map(|word| format!(" (`{}`)", word.chars().take(64).collect::<String>()));
            format!("{count} of {drawn} {how}{}", word.unwrap_or_default())
        };
        let kinds: Vec<String> = self.kinds.iter().map(kind).collect();
        (self.count > 0).then(|| format!("samples that did not come to their own end: {}", kinds.join(", ")))
    }
}

/// What each model did on each arm, in order of first sight.
fn models(outcome: &Outcome) -> Vec<ModelBill<'_>> {
    let mut bills: Vec<(u32, ModelBill<'_>)> = Vec::new();
    for sample in &outcome.samples {
        let arm = outcome.arms.get(sample.arm as usize);
        let model = sample.model.as_deref().or(arm.map(|a| a.model.as_str())).unwrap_or(&outcome.model);
        let at = bills.iter().position(|(id, bill)| *id == sample.arm && bill.model == model).unwrap_or_else(|| {
            let name = arm.map(|a| a.name.as_str()).filter(|name| *name != model);
            let (samples, prompt_tokens, completion_tokens, cost_nano_usd) = (0, 0, 0, 0);
            let bill = ModelBill { model, arm: name, samples, prompt_tokens, completion_tokens, cost_nano_usd };
            bills.push((sample.arm, bill));
            bills.len() - 1
        });
        let bill = &mut bills[at].1;
        bill.samples += 1;
        bill.prompt_tokens += sample.usage.prompt;
        bill.completion_tokens += sample.usage.completion;
        bill.cost_nano_usd += Cost::nano(sample.cost);
    }
    bills.into_iter().map(|(_, bill)| bill).collect()
}

/// The votes with the text of each class's answer, most first; equal counts in order of first sight.
fn votes(samples: &[Sample]) -> Vec<Votes<'_>> {
    let mut classes: Vec<(u32, Votes<'_>)> = Vec::new();
    for sample in samples.iter().filter(|s| s.is_complete() && !s.superseded && !s.copy) {
        let (Some(class), Some(answer)) = (sample.class, &sample.answer) else { continue };
        match classes.iter_mut().find(|c| c.0 == class) {
            Some((_, entry)) => entry.votes += 1,
            None => classes.push((class, Votes { answer: &answer.text, votes: 1 })),
        }
    }
    classes.sort_by_key(|(class, entry)| (std::cmp::Reverse(entry.votes), *class));
    classes.into_iter().map(|(_, entry)| entry).collect()
}

/// The standard `usage` object.
///
/// `completion_tokens` are all tokens that the models generated, kept or not; what verifiers read and wrote
/// stands apart, in the receipt. `reasoning_tokens` are those of them that are not the visible reply: reasoning,
/// and samples that were drawn only to vote.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct StandardUsage {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) total_tokens: u64,
    pub(crate) prompt_tokens_details: PromptDetails,
    pub(crate) completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct PromptDetails {
    pub(crate) cached_tokens: u64,
    /// Written to a cache, where the engine reports that.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) cache_write_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CompletionDetails {
    pub(crate) reasoning_tokens: u64,
}

impl StandardUsage {
    /// The usage of several outcomes together.
    pub(crate) fn all(outcomes: &[&Outcome]) -> Self {
        let mut all = Self {
            prompt_tokens: 0,
            completion_tokens: 0,
            total_tokens: 0,
            prompt_tokens_details: PromptDetails { cached_tokens: 0, cache_write_tokens: 0 },
            completion_tokens_details: CompletionDetails { reasoning_tokens: 0 },
        };
        for one in outcomes.iter().map(|outcome| Self::of(outcome)) {
            all.prompt_tokens += one.prompt_tokens;
            all.completion_tokens += one.completion_tokens;
            all.total_tokens += one.total_tokens;
            all.prompt_tokens_details.cached_tokens += one.prompt_tokens_details.cached_tokens;
            all.prompt_tokens_details.cache_write_tokens += one.prompt_tokens_details.cache_write_tokens;
            all.completion_tokens_details.reasoning_tokens += one.completion_tokens_details.reasoning_tokens;
        }
        all
    }

    /// The usage of an outcome.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let usage = &outcome.usage;
        let generated = usage.completion;
        let reasoning_tokens = generated.saturating_sub(visible(outcome));
        Self {
            prompt_tokens: usage.prompt,
            completion_tokens: generated,
            total_tokens: usage.prompt + generated,
            prompt_tokens_details: PromptDetails { cached_tokens: usage.cached, cache_write_tokens: usage.cache_write },
            completion_tokens_details: CompletionDetails { reasoning_tokens },
        }
    }
}

/// Tokens of the visible reply: those of the chosen sample, and of what it went on from, that are
/// not thought.
fn visible(outcome: &Outcome) -> u64 {
    let mut total = 0;
    let mut next = outcome.chosen;
    while let Some(sample) = next.and_then(|id| outcome.samples.get(id as usize)) {
        total += sample.usage.completion.saturating_sub(sample.usage.reasoning);
        // A parent always has a smaller number, so this ends.
        next = sample.parent.filter(|&parent| parent < sample.id);
    }
    total
}
