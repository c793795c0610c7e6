//! Why a sample ended: what servers call it, and what it means.

use outthink_core::FinishReason;
use serde_json::Value;

/// Words of servers in lower case, by what they mean. What is not here is unknown.
const WORDS: &[(FinishReason, &[&str])] = &[
    (
        FinishReason::Stop,
        &[
            "stop",
            "stopped",
            "end_turn",
            "stop_sequence",
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

/// The word in a field of a reason, if it is one: servers that have not ended send null, `""` or `"null"`.
pub(super) fn word(field: Option<&Value>) -> Option<&str> {
    said(field?.as_str()?)
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
    let lower = word.to_ascii_lowercase().replace(['-', ' '], "_");
    known(lower.strip_prefix("finish_reason_").unwrap_or(&lower)).unwrap_or(FinishReason::Unknown)
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
            (Length, &["length", "MAX_TOKENS", "model_length", "max_output_tokens", "incomplete"]),
            (ToolCalls, &["tool_calls", "tool-calls", "function_call", "tool_use"]),
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
