//! How long the model reasons: a level, a budget, or as the client itself said.

use crate::native::{Draft, Question, asked_thinking};
use outthink_core::Effort;
use serde_json::{Value, json};

/// Where the configuration of reasoning stands.
const CONFIG: &str = "generationConfig.thinkingConfig";
/// Tokens of reasoning that stand for an effort, where a model takes a budget only; at most that of the smaller models.
const BUDGETS: [(Effort, u64); 6] = [
    (Effort::Minimal, 512),
    (Effort::Low, 1_024),
    (Effort::Medium, 8_192),
    (Effort::High, 16_384),
    (Effort::Xhigh, 24_576),
    (Effort::Max, 24_576),
];
const NOTE: &str = "the engine rejects this length of reasoning: it was not sent";

/// Sets the configuration of reasoning.
pub(super) fn set(question: &Question<'_>, draft: &mut Draft<'_>) {
    let asked = asked_thinking(question.request);
    if let Some(own) = own(question) {
        if !question.request.thinking.is_default() {
            draft.note(
                "the request's own thinkingConfig sets the length of reasoning: the effort or budget was not sent",
            );
        }
        draft.put("generationConfig", "thinkingConfig", own.clone());
        return;
    }
    if !question.facts.reasons {
        if !asked.is_default() && asked.effort != Some(Effort::None) {
            draft.note(format!("{} is not known to reason: the effort or budget was not sent", question.model));
        }
        return;
    }
    let config = if question.facts.efforts.is_empty() {
        budget(asked.effort, asked.budget, draft)
    } else {
        level(asked.effort, asked.budget, draft)
    };
    draft.hint(CONFIG, config, NOTE);
}

/// What the client itself wrote, in the API's words or in those of its OpenAI endpoint.
fn own<'a>(question: &Question<'a>) -> Option<&'a Value> {
    let extra = &question.request.prompt.extra;
    let places = [
        extra.get("generationConfig").map(|config| &config["thinkingConfig"]),
        extra.get("thinkingConfig"),
        extra.get("extra_body").map(|body| &body["google"]["thinking_config"]),
        extra.get("google").map(|google| &google["thinking_config"]),
    ];
    places.into_iter().flatten().find(|config| config.is_object())
}

/// For models that reason by levels.
fn level(effort: Option<Effort>, budget: Option<u64>, draft: &mut Draft<'_>) -> Value {
    if budget.is_some() {
        draft.note("the model has levels of reasoning: the reasoning budget was not sent");
    }
    let level = match effort {
        None => return json!({ "includeThoughts": true }),
        Some(Effort::None) => {
            draft.note("the model cannot turn reasoning off: its least level was sent");
            "minimal"
        }
        Some(effort @ (Effort::Xhigh | Effort::Max)) => {
            draft.note(format!("the model does not support the effort {effort}: high was sent"));
            "high"
        }
        Some(effort) => effort.name(),
    };
    json!({ "includeThoughts": true, "thinkingLevel": level })
}

/// For models that reason within a budget.
fn budget(effort: Option<Effort>, budget: Option<u64>, draft: &mut Draft<'_>) -> Value {
    let sent = match (budget, effort) {
        (Some(budget), _) => budget,
        (None, None) => return json!({ "includeThoughts": true }),
        (None, Some(Effort::None)) => return json!({ "thinkingBudget": 0 }),
        (None, Some(effort)) => {
            let found = BUDGETS.into_iter().find(|(known, _)| *known == effort);
            let Some((_, budget)) = found else { return json!({ "includeThoughts": true }) };
            draft.note(format!(
                "the model takes a budget in place of an effort: {effort} was sent as {budget} tokens of reasoning"
            ));
            budget
        }
    };
    json!({ "includeThoughts": true, "thinkingBudget": sent })
}
