//! Why a sample ended: what servers call it, and what it means.

use outthink_core::FinishReason;
use serde_json::{Map, Value};

/// Words of servers in lower case, by what they mean. What is not here is unknown.
const WORDS: &[(FinishReason, &[&str])] = &[
    (
        FinishReason::Stop,
        &[
            "stop",
            "stopped",
            "end_turn",
            "end_of_turn",
            "end_of_text",
            "end_of_sequence",
            "end_of_sentence",
            "eot",
            "eot_id",
            "im_end",
            "eos_found",
            "stopped_eos",
            "stop_sequence",
            "stop_sequences",
            "stop_word",
            "stop_words",
            "stop_string",
            "stop_str",
            "stopped_word",
            "stop_criteria",
            "word",
            "natural",
            "stop_token",
            "eos",
            "eos_token",
            "eos_token_id",
            "complete",
            "completed",
            "completion",
            "finished",
            "finish",
            "done",
            "end",
            "success",
            "normal",
        ],
    ),
    (
        FinishReason::Length,
        &[
            "length",
            "max_tokens",
            "max_length",
            "max_new_tokens",
            "max_output_tokens",
            "max_completion_tokens",
            "model_length",
            "token_limit",
            "token_limit_reached",
            "max_tokens_reached",
            "max_length_reached",
            "stopped_limit",
            "output_limit",
            "too_long",
            "context_length",
            "context_length_exceeded",
            "context_window_exceeded",
            "model_context_window_exceeded",
            "incomplete",
            "limit",
        ],
    ),
    (FinishReason::ToolCalls, &["tool_calls", "tool_call", "tool_use", "function_call", "function_calls"]),
    (
        FinishReason::ContentFilter,
        &[
            "content_filter",
            "content_filtered",
            "safety",
            "recitation",
            "blocklist",
            "prohibited_content",
            "spii",
            "language",
            "image_safety",
            "image_prohibited_content",
            "image_recitation",
            "model_armor",
            "jailbreak",
            "refusal",
            "sensitive",
            "guardrail_intervened",
            "content_policy_violation",
            "moderation",
            "error_toxic",
        ],
    ),
    (
        FinishReason::Interrupted,
        &[
            "insufficient_system_resource",
            "network_error",
            "abort",
            "aborted",
            "cancel",
            "canceled",
            "cancelled",
            "user_cancel",
            "error",
            "error_limit",
            "internal_error",
            "server_error",
            "failed",
            "timeout",
            "timed_out",
            "overloaded",
            "pause_turn",
            "malformed_function_call",
            "malformed_response",
            "malformed_model_output",
            "malformed_tool_use",
            "unexpected_tool_call",
            "too_many_tool_calls",
        ],
    ),
];

/// The names of the field of a reason.
const NAMES: [&str; 3] = ["finish_reason", "finishReason", "done_reason"];
/// Names that other servers have for it, and under which some write the stop text that they met: a word counts where
/// its meaning is known.
const DOUBTFUL: [&str; 4] = ["stop_reason", "stopReason", "stop_type", "native_finish_reason"];
/// What a reason that is an object has its word under.
const WORD: [&str; 5] = ["type", "reason", "value", "name", "finish_reason"];

/// The reason that an object gives, of a choice, its delta or message, or around it.
pub(super) fn reason(fields: &mut Map<String, Value>) -> Option<String> {
    let found = NAMES.iter().find_map(|name| word(fields.get(*name))).map(str::to_owned);
    for name in NAMES {
        fields.shift_remove(name);
    }
    found.or_else(|| {
        let name = DOUBTFUL.iter().find(|name| word(fields.get(**name)).is_some_and(is_known))?;
        word(fields.shift_remove(*name).as_ref()).map(str::to_owned)
    })
}

/// The reason that a choice gives, in itself or in its delta or message.
pub(super) fn reason_of_choice(choice: &mut Map<String, Value>) -> Option<String> {
    let own = reason(choice);
    own.or_else(|| ["delta", "message"].into_iter().find_map(|name| reason(choice.get_mut(name)?.as_object_mut()?)))
}

/// The word in a field of a reason, if it is one: servers that have not ended send null, `""` or `"null"`.
fn word(field: Option<&Value>) -> Option<&str> {
    match field? {
        Value::String(word) => said(word),
        Value::Object(fields) => WORD.iter().find_map(|name| said(fields.get(*name)?.as_str()?)),
        _ => None,
    }
}

/// Whether a word is that of a reason.
fn is_known(word: &str) -> bool {
    meaning(word) != FinishReason::Unknown
}

/// The same of a text.
pub(super) fn said(word: &str) -> Option<&str> {
    let word = word.trim();
    let is_none =
        ["", "null", "none", "nil", "finish_reason_unspecified"].iter().any(|no| word.eq_ignore_ascii_case(no));
    (!is_none).then_some(word)
}

/// What a server's word means.
pub(super) fn meaning(word: &str) -> FinishReason {
    let known = |word: &str| WORDS.iter().find(|(_, words)| words.contains(&word)).map(|(reason, _)| *reason);
    // Most servers have the API's own words.
    if let Some(reason) = known(word) {
        return reason;
    }
    let word = snake(word);
    let bare = |prefix: &&str| word.strip_prefix(*prefix);
    let bare = PREFIXES.iter().find_map(bare).unwrap_or(&word);
    known(bare).unwrap_or(FinishReason::Unknown)
}

/// What enumerations have before their words.
const PREFIXES: [&str; 2] = ["finish_reason_", "stop_reason_"];

/// A word as `WORDS` have it: the last part of a path such as `FinishReason.STOP`, in lower case, its parts joined by
/// `_`.
fn snake(word: &str) -> String {
    let word = word.trim_start_matches('<').split(": ").next().unwrap_or(word).trim_end_matches('>');
    let word = word.rsplit(['.', ':']).next().unwrap_or(word);
    let mut snake = String::new();
    let mut after_small = false;
    for c in word.chars() {
        if c.is_ascii_uppercase() && after_small {
            snake.push('_');
        }
        after_small = c.is_ascii_lowercase();
        snake.push(if matches!(c, '-' | ' ') { '_' } else { c.to_ascii_lowercase() });
    }
    snake
}

/// The word for a receipt: none where it is one of the API's own four.
pub(super) fn foreign(word: &str) -> Option<String> {
    (!["stop", "length", "tool_calls", "content_filter"].contains(&word)).then(|| word.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_read_by_their_meaning_and_unknown_stays_unknown() {
        use FinishReason::{ContentFilter, Interrupted, Length, Stop, ToolCalls, Unknown};
        for (reason, words) in [
            (Stop, &["stop", "STOP", "end_turn", "eos", "COMPLETE", "stop_sequence", "FINISH_REASON_STOP"][..]),
            (Stop, &["FinishReason.STOP", "<FinishReason.STOP: 1>", "FinishReason::Stop", "end_of_turn", "endTurn"]),
            (Length, &["length", "MAX_TOKENS", "model_length", "max_output_tokens", "incomplete", "maxTokens"]),
            (ToolCalls, &["tool_calls", "tool-calls", "function_call", "tool_use", "toolCalls", "ToolUse"]),
            (
                ContentFilter,
                &["content_filter", "SAFETY", "PROHIBITED_CONTENT", "refusal", "sensitive", "content-filter"],
            ),
            (
                Interrupted,
                &["abort", "error", "network_error", "insufficient_system_resource", "MALFORMED_FUNCTION_CALL"],
            ),
            (Unknown, &["OTHER", "eos2", "停止", "x"]),
        ] {
            for word in words {
                assert_eq!(meaning(word), reason, "{word}");
            }
        }
        assert_eq!((foreign("stop"), foreign("STOP").as_deref()), (None, Some("STOP")));
    }

    #[test]
    fn no_reason_has_many_spellings() {
        for none in
            [json!(null), json!(""), json!(" "), json!("null"), json!("None"), json!(0), json!({}), json!(false)]
        {
            assert_eq!(word(Some(&none)), None, "{none}");
        }
        assert_eq!(word(None), None);
        assert_eq!(word(Some(&json!("stop"))), Some("stop"));
    }
}
