//! What was bought and what it cost, next to the standard reply.

use outthink_core::{Outcome, Sample};
use serde_json::{Value, json};

/// The `outthink` object of a reply.
pub(crate) fn receipt(outcome: &Outcome, effort: &str) -> Value {
    json!({
        "strategy": outcome.strategy,
        "model": outcome.model,
        "effort": effort,
        "samples_drawn": outcome.samples_drawn,
        "discarded_tokens": outcome.usage.discarded,
        "cancelled_tokens": outcome.usage.cancelled,
        "verifier_tokens": outcome.usage.verifier,
        "cost_usd": outcome.cost.usd(),
        "cost_nano_usd": outcome.cost.nano(),
        "seconds": outcome.seconds,
        "stop_reason": outcome.stop,
        "stop_words": outcome.stop.words(),
        "confidence": outcome.confidence,
        "answer": outcome.answer.as_ref().map(|a| &a.text),
        "votes": votes(&outcome.samples),
        "trace_id": outcome.trace_id,
        "estimated": outcome.usage.estimated,
    })
}

/// The votes with the text of each class's answer, most first; equal counts in order of first sight.
fn votes(samples: &[Sample]) -> Value {
    let mut classes: Vec<(u32, &str, u32)> = Vec::new();
    for sample in samples.iter().filter(|s| s.is_done()) {
        let (Some(class), Some(answer)) = (sample.class, &sample.answer) else { continue };
        match classes.iter_mut().find(|c| c.0 == class) {
            Some(entry) => entry.2 += 1,
            None => classes.push((class, &answer.text, 1)),
        }
    }
    classes.sort_by_key(|c| (std::cmp::Reverse(c.2), c.0));
    classes.into_iter().map(|(_, answer, votes)| json!({"answer": answer, "votes": votes})).collect()
}

/// The standard `usage` object.
///
/// `completion_tokens` are all tokens that were generated, wanted or not, those of verifiers
/// included; `reasoning_tokens` are all of them that are not the visible reply: thought, and
/// samples that were drawn only to vote.
pub(crate) fn usage(outcome: &Outcome) -> Value {
    let usage = &outcome.usage;
    let generated = usage.generated();
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": generated,
        "total_tokens": usage.prompt + generated,
        "prompt_tokens_details": { "cached_tokens": usage.cached },
        "completion_tokens_details": { "reasoning_tokens": generated.saturating_sub(visible(outcome)) },
    })
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
