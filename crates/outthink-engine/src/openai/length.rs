//! The length of reasoning, from an effort and a budget to the fields of one dialect.

use super::dialect::{Dialect, TOKENS};
use outthink_core::{Effort, Prompt, Thinking};
use serde_json::{Map, Value};

/// Fields by which a client sets the length of reasoning in a server's own words. Where one of them is
/// given, it decides.
const NATIVE: [&str; 11] = [
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "think",
    "prompt_mode",
    "thinking_budget",
    "thinking_token_budget",
    "thinking_budget_tokens",
    "reasoning_budget",
    "reasoning_budget_tokens",
];
/// The same within the arguments of a chat template.
const IN_TEMPLATE: [&str; 4] = ["enable_thinking", "thinking", "thinking_budget", "reasoning_effort"];
/// The field whose keys are merged with the client's.
pub(super) const TEMPLATE: &str = "chat_template_kwargs";

/// The body fields for a length of reasoning.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Length {
    /// For the effort.
    pub(super) effort: Map<String, Value>,
    /// For the budget.
    pub(super) budget: Map<String, Value>,
    /// What could not be said in the server's words.
    pub(super) notes: Vec<String>,
}

/// The field by which the client set the length itself, if it did.
fn native(prompt: &Prompt) -> Option<&'static str> {
    let extra = &prompt.extra;
    let given = |name: &&&str| extra.get(**name).is_some_and(|v| !v.is_null());
    if let Some(name) = NATIVE.iter().find(given) {
        return Some(name);
    }
    let template = extra.get(TEMPLATE).and_then(Value::as_object);
    if template.is_some_and(|t| IN_TEMPLATE.iter().any(|name| t.contains_key(*name))) {
        return Some(TEMPLATE);
    }
    let google = extra.get("extra_body").map(|b| &b["google"]["thinking_config"]);
    google.filter(|config| !config.is_null()).map(|_| "extra_body")
}

/// The fields for `thinking` in this dialect.
pub(super) fn length(thinking: Thinking, dialect: &Dialect, prompt: &Prompt) -> Length {
    let effort = thinking.effort.filter(|e| *e != Effort::Auto);
    let mut length = Length::default();
    if effort.is_none() && thinking.budget.is_none() {
        return length;
    }
    if let Some(field) = native(prompt) {
        let same = effort.is_some_and(|e| prompt.extra.get("reasoning_effort").is_some_and(|v| v == e.name()));
        if !same || thinking.budget.is_some() {
            length.notes.push(format!("the request's own `{field}` sets the length of reasoning"));
        }
        return length;
    }
    if let Some(tokens) = thinking.budget {
        set_budget(tokens, dialect, &mut length);
    }
    let Some(effort) = effort else { return length };
    if dialect.length.exclusive && !length.budget.is_empty() {
        let name = &dialect.name;
        length.notes.push(format!("{name} takes an effort or a budget of reasoning tokens: the budget was sent"));
        return length;
    }
    set_effort(effort, dialect, &mut length);
    length
}

fn set_budget(tokens: u64, dialect: &Dialect, length: &mut Length) {
    let (table, name) = (&dialect.length, &dialect.name);
    if table.budget.is_empty() {
        length.notes.push(format!("{name} has no budget of reasoning tokens: it was not sent"));
        return;
    }
    let sent = tokens.max(table.least_budget);
    if sent > tokens {
        length.notes.push(format!("{name} takes no budget below {sent} reasoning tokens: {tokens} was raised to it"));
    }
    length.budget = table.budget.iter().map(|(key, value)| (key.clone(), filled(value, sent))).collect();
}

/// The value with the number of tokens in its place.
fn filled(value: &Value, tokens: u64) -> Value {
    match value {
        Value::String(text) if text == TOKENS => tokens.into(),
        Value::Object(inner) => inner.iter().map(|(k, v)| (k.clone(), filled(v, tokens))).collect::<Map<_, _>>().into(),
        other => other.clone(),
    }
}

fn set_effort(effort: Effort, dialect: &Dialect, length: &mut Length) {
    let (table, name) = (&dialect.length, &dialect.name);
    if let Some(fields) = table.efforts.get(&effort) {
        length.effort.clone_from(fields);
    } else if effort != Effort::None && !table.on.is_empty() {
        length.notes.push(format!("{name} turns reasoning on or off and has no levels: the effort {effort} is on"));
        length.effort.clone_from(&table.on);
    } else if let Some((nearest, fields)) = nearest(effort, dialect) {
        length.notes.push(format!("{name} has no effort {effort}: {nearest} was sent"));
        length.effort.clone_from(fields);
    } else {
        length.notes.push(format!("{name} has no effort {effort}: it was not sent"));
    }
}

/// The nearest effort that the server knows. Less reasoning is never none at all.
fn nearest(effort: Effort, dialect: &Dialect) -> Option<(Effort, &Map<String, Value>)> {
    let place = |e: Effort| Effort::ALL.iter().position(|a| *a == e).unwrap_or(0);
    let known = dialect.length.efforts.iter().filter(|(e, _)| **e != Effort::None);
    known.map(|(e, fields)| (*e, fields)).min_by_key(|(e, _)| place(*e).abs_diff(place(effort)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn thinking(effort: Option<Effort>, budget: Option<u64>) -> Thinking {
        Thinking { effort, budget }
    }

    fn of(dialect: &str, effort: Option<Effort>, budget: Option<u64>) -> (Value, usize) {
        let dialect = Dialect::by_name(dialect).unwrap();
        let length = length(thinking(effort, budget), &dialect, &Prompt::user("?"));
        let mut all = length.effort;
        all.extend(length.budget);
        (all.into(), length.notes.len())
    }

    #[test]
    fn every_dialect_has_its_own_words() {
        use Effort::{High, Low, Max, Medium, Minimal, None as Off, Xhigh};
        let template = |on: bool, word: &str| json!({"reasoning_effort": word, "chat_template_kwargs": {"enable_thinking": on, "thinking": on}});
        for (dialect, effort, budget, fields, notes) in [
            ("openai", Some(Minimal), None, json!({"reasoning_effort": "minimal"}), 0),
            ("openai", Some(Max), None, json!({"reasoning_effort": "xhigh"}), 1),
            ("openai", None, Some(900), json!({}), 1),
            ("vllm", Some(Off), None, template(false, "none"), 0),
            ("vllm", Some(Minimal), None, template(true, "low"), 1),
            ("vllm", None, Some(900), json!({"thinking_token_budget": 900}), 0),
            ("sglang", Some(High), None, template(true, "high"), 0),
            (
                "sglang",
                None,
                Some(9),
                json!({"chat_template_kwargs": {"thinking_budget": 9}, "custom_params": {"thinking_budget": 9}}),
                0,
            ),
            (
                "llama.cpp",
                Some(Off),
                Some(0),
                json!({"chat_template_kwargs": {"enable_thinking": false}, "thinking_budget_tokens": 0}),
                0,
            ),
            ("ollama", Some(Off), None, json!({"reasoning_effort": "none"}), 0),
            ("transformers", Some(Low), Some(5), json!({}), 2),
            ("deepseek", Some(Off), None, json!({"thinking": {"type": "disabled"}}), 0),
            ("deepseek", Some(Max), None, json!({"thinking": {"type": "enabled"}, "reasoning_effort": "max"}), 0),
            ("qwen", Some(Off), None, json!({"enable_thinking": false}), 0),
            ("qwen", Some(High), Some(500), json!({"enable_thinking": true, "thinking_budget": 500}), 1),
            ("glm", Some(Off), None, json!({"thinking": {"type": "disabled"}}), 0),
            ("glm", Some(Xhigh), None, json!({"thinking": {"type": "enabled"}, "reasoning_effort": "xhigh"}), 0),
            ("kimi", Some(Off), None, json!({"thinking": {"type": "disabled"}}), 0),
            ("kimi", Some(Low), None, json!({"thinking": {"type": "enabled"}}), 1),
            ("mistral", Some(Medium), None, json!({"reasoning_effort": "high"}), 1),
            ("mistral", Some(Off), None, json!({"reasoning_effort": "none"}), 0),
            ("grok", Some(Medium), None, json!({"reasoning_effort": "medium"}), 0),
            ("gemini", Some(Low), None, json!({"reasoning_effort": "low"}), 0),
            (
                "gemini",
                Some(Low),
                Some(64),
                json!({"extra_body": {"google": {"thinking_config": {"thinking_budget": 64}}}}),
                1,
            ),
            ("anthropic", Some(High), None, json!({}), 1),
            ("anthropic", Some(Off), None, json!({"thinking": {"type": "disabled"}}), 0),
            ("anthropic", None, Some(9), json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}), 1),
            ("openrouter", Some(High), None, json!({"reasoning": {"effort": "high"}}), 0),
            ("openrouter", Some(High), Some(2000), json!({"reasoning": {"max_tokens": 2000}}), 1),
            ("groq", Some(Low), None, json!({"reasoning_effort": "low"}), 0),
            ("generic", Some(Xhigh), None, json!({"reasoning_effort": "xhigh"}), 0),
            ("generic", Some(Effort::Auto), None, json!({}), 0),
            ("generic", None, None, json!({}), 0),
        ] {
            assert_eq!(of(dialect, effort, budget), (fields, notes), "{dialect} {effort:?} {budget:?}");
        }
    }

    #[test]
    fn a_clients_own_words_win() {
        let vllm = Dialect::by_name("vllm").unwrap();
        for (extra, notes) in [
            (json!({"reasoning_effort": "low"}), 0),
            (json!({"reasoning_effort": "high"}), 1),
            (json!({"thinking": {"type": "disabled"}}), 1),
            (json!({"chat_template_kwargs": {"enable_thinking": false}}), 1),
            (json!({"extra_body": {"google": {"thinking_config": {"thinking_budget": 1}}}}), 1),
        ] {
            let mut prompt = Prompt::user("?");
            prompt.extra = serde_json::from_value(extra.clone()).unwrap();
            let length = length(thinking(Some(Effort::Low), None), &vllm, &prompt);
            assert!(length.effort.is_empty() && length.budget.is_empty(), "{extra}");
            assert_eq!(length.notes.len(), notes, "{extra}");
        }
        let mut prompt = Prompt::user("?");
        prompt.extra = serde_json::from_value(json!({"chat_template_kwargs": {"tone": 1}, "thinking": null})).unwrap();
        assert!(!length(thinking(Some(Effort::Low), None), &vllm, &prompt).effort.is_empty(), "neither sets a length");
    }
}
