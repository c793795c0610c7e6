//! How long the model reasons: an effort, a budget, or as the client itself said.

use crate::native::{Choice, Draft, Question, asked_thinking};
use outthink_core::{Effort, Thinking};
use serde_json::{Value, json};

/// The smallest budget that the API takes.
const LEAST: u64 = 1_024;
/// Tokens of reasoning that stand for an effort, where a model takes a budget only.
const BUDGETS: [(Effort, u64); 6] = [
    (Effort::Minimal, LEAST),
    (Effort::Low, 2_048),
    (Effort::Medium, 8_192),
    (Effort::High, 16_384),
    (Effort::Xhigh, 32_768),
    (Effort::Max, 65_536),
];

/// Sets `thinking` and the effort; whether the model reasons, as far as that was asked for.
pub(crate) fn set(question: &Question<'_>, limit: u64, choice: Choice<'_>, draft: &mut Draft<'_>) -> bool {
    let extra = &question.request.prompt.extra;
    let asked = asked_thinking(question.request);
    if let Some(own) = extra.get("thinking").filter(|own| own.is_object()) {
        let is_said_twice = question.request.thinking.budget.is_some()
            || (own["type"] != "adaptive" && question.request.thinking.effort.is_some());
        if is_said_twice {
            draft.note("the request's own `thinking` sets the length of reasoning: the effort or budget was not sent");
        }
        draft.set("thinking", own.clone());
        if own["type"] == "adaptive" && !question.facts.efforts.is_empty() {
            effort(asked.effort.filter(|effort| *effort != Effort::None), &question.facts.efforts, draft);
        }
        return own["type"] != "disabled";
    }
    if asked.effort == Some(Effort::None) {
        if question.facts.reasons {
            draft.hint(
                "thinking",
                json!({ "type": "disabled" }),
                "the engine cannot turn reasoning off: the model's default applies",
            );
        }
        return false;
    }
    if asked.is_default() {
        return false;
    }
    if !question.facts.reasons {
        let model = question.model;
        draft.note(format!("{model} is not known to reason: the effort or budget was not sent"));
        return false;
    }
    if matches!(choice, Choice::Any | Choice::Named(_)) {
        draft.note("the Messages API does not reason where a tool call is forced: the effort or budget was not sent");
        return false;
    }
    if !question.facts.efforts.is_empty() {
        effort(asked.effort, &question.facts.efforts, draft);
    }
    match thinking(question, asked, limit, draft) {
        Some(thinking) => {
            draft.hint("thinking", thinking, "the engine rejects this reasoning budget: it was not sent");
            true
        }
        None => false,
    }
}

/// The effort in the model's words.
fn effort(asked: Option<Effort>, known: &[Effort], draft: &mut Draft<'_>) {
    let Some(asked) = asked else { return };
    let place = |effort: Effort| Effort::ALL.iter().position(|e| *e == effort).unwrap_or(0);
    let Some(&nearest) = known.iter().min_by_key(|effort| place(**effort).abs_diff(place(asked))) else { return };
    if nearest != asked {
        draft.note(format!("the model does not support the effort {asked}: {nearest} was sent"));
    }
    let note = "the engine rejects this reasoning effort: it was not sent, and the engine's default applies";
    draft.hint("output_config.effort", nearest.name(), note);
}

/// What turns reasoning on.
fn thinking(question: &Question<'_>, asked: Thinking, limit: u64, draft: &mut Draft<'_>) -> Option<Value> {
    let facts = &question.facts;
    let adaptive = || json!({ "type": "adaptive", "display": "summarized" });
    let budget = match asked.budget {
        Some(budget) if facts.budget => budget,
        Some(_) => {
            draft.note("the model decides itself how long it reasons: the reasoning budget was not sent");
            return facts.adaptive.then(adaptive);
        }
        None if facts.adaptive => return Some(adaptive()),
        None => {
            let effort = asked.effort?;
            let (_, budget) = BUDGETS.into_iter().find(|(known, _)| *known == effort)?;
            if facts.efforts.is_empty() {
                draft.note(format!(
                    "the model takes a budget in place of an effort: {effort} was sent as {budget} tokens of reasoning"
                ));
            }
            budget
        }
    };
    if !can_think(&question.request.prompt.messages) {
        draft.note("the turn that goes on has no signed reasoning, and the Messages API asks for it: the model does not reason");
        return None;
    }
    let most = limit.saturating_sub(1);
    if most < LEAST {
        draft.note(format!(
            "a reply of at most {limit} tokens has no place for {LEAST} tokens of reasoning: the model does not reason"
        ));
        return None;
    }
    let sent = budget.clamp(LEAST, most);
    if sent != budget && asked.budget.is_some() {
        draft.note(format!(
            "the reasoning budget of {budget} tokens was sent as {sent}: it is at least {LEAST} and below max_tokens"
        ));
    }
    Some(json!({ "type": "enabled", "budget_tokens": sent }))
}

/// Whether a turn that goes on after results of tools begins with reasoning that can be sent back.
fn can_think(messages: &[Value]) -> bool {
    let is_result = |message: &&Value| message["role"] == "tool";
    if !messages.last().as_ref().is_some_and(is_result) {
        return true;
    }
    let before = messages.iter().rev().find(|message| !is_result(message));
    before.is_none_or(|message| !crate::native::reasoning(message).is_empty())
}
