//! Which session a request is a part of, where sessions have a budget: a conversation, or the run of an agent.

use super::request::RunRequest;
use serde_json::{Map, Value};

/// Fields by which clients name a session, the most particular first. `metadata.user_id` is where Anthropic's
/// clients put theirs.
const NAMED: [&[&str]; 8] = [
    &["session_id"],
    &["metadata", "session_id"],
    &["metadata", "conversation_id"],
    &["metadata", "thread_id"],
    &["conversation_id"],
    &["litellm_session_id"],
    &["metadata", "user_id"],
    &["prompt_cache_key"],
];

/// Bytes of a message that tell conversations apart.
const LOOKED_AT: usize = 4_096;

/// The name that a client's fields give the session.
pub(crate) fn named(fields: &Map<String, Value>) -> Option<String> {
    NAMED.iter().find_map(|path| {
        let (first, rest) = path.split_first()?;
        let value = rest.iter().try_fold(fields.get(*first)?, |value, key| value.get(key))?;
        let name = match value {
            Value::String(name) => name.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!name.is_empty()).then(|| format!("{}:{name}", path.join(".")))
    })
}

/// The session of a conversation: the one that its client names, else what all of its turns begin with, which are
/// the messages up to the first one of the user.
pub(crate) fn of(request: &RunRequest) -> Option<String> {
    if let Some(name) = &request.session {
        return Some(format!("outthink.session:{name}"));
    }
    let prompt = &request.prompt;
    named(&prompt.extra).or_else(|| {
        let mut beginning = String::from("beginning:");
        for message in &prompt.messages {
            let text = message.to_string();
            beginning.push_str(text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or(&text));
            if message["role"] == "user" {
                return Some(beginning);
            }
        }
        (!prompt.messages.is_empty()).then_some(beginning)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::Prompt;
    use serde_json::json;

    fn request(extra: &Value, turns: &[&str]) -> RunRequest {
        let role = |i: usize| if i.is_multiple_of(2) { "user" } else { "assistant" };
        let messages = turns.iter().enumerate().map(|(i, text)| json!({"role": role(i), "content": text})).collect();
        let prompt = Prompt { messages, extra: extra.as_object().cloned().unwrap_or_default() };
        RunRequest { prompt, ..RunRequest::default() }
    }

    #[test]
    fn the_clients_name_comes_first_and_names_of_different_fields_are_different() {
        let by = |extra: Value| of(&request(&extra, &["hello"])).unwrap();
        let cache = by(json!({"prompt_cache_key": "a"}));
        assert_eq!(cache, by(json!({"prompt_cache_key": "a", "metadata": {"other": 1}})));
        assert_ne!(cache, by(json!({"metadata": {"user_id": "a"}})));
        assert_eq!(by(json!({"session_id": 7})), by(json!({"session_id": 7, "prompt_cache_key": "a"})));
        for nothing in [json!({}), json!({"session_id": ""}), json!({"session_id": {}}), json!({"metadata": "x"})] {
            assert_eq!(by(nothing), by(json!({})));
        }
    }

    #[test]
    fn without_a_name_the_turns_of_a_conversation_are_one_session() {
        let at = |turns: &[&str]| of(&request(&json!({}), turns));
        assert_eq!(at(&["hello"]), at(&["hello", "hi", "more"]));
        assert_ne!(at(&["hello"]), at(&["hallo"]));
        let long = "ä".repeat(3 * LOOKED_AT);
        assert!(at(&[&long]).unwrap().len() <= 2 * LOOKED_AT);
        assert_eq!(at(&[]), None);
        let named =
            |prompt| of(&RunRequest { session: Some("a".into()), ..request(&json!({"session_id": 7}), prompt) });
        assert_eq!(named(&["hello"]), named(&["something else"]));
    }
}
