//! `include` and `top_logprobs`: what a response is asked to hold beyond its usual fields.

use crate::api::read::Fields;
use crate::error::ApiError;
use serde_json::{Map, Value};

/// The most candidates of a token that can be asked for.
const MOST_CANDIDATES: u32 = 20;

/// Fields of calls that OpenAI's own servers carry out, and of items that are repeated as they came: there is nothing to
/// add to them here.
const OF_HOSTED: [&str; 6] = [
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "message.input_image.image_url",
];

/// What is to be added to a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Include {
    /// The reasoning as one text, for clients that keep the conversation themselves.
    pub(super) sealed_reasoning: bool,
    /// The log-probabilities of the reply's tokens.
    pub(super) logprobs: bool,
}

impl Include {
    /// Takes the fields; the engine gets the number of candidates.
    pub(super) fn read(
        fields: &mut Fields,
        engine: &mut Map<String, Value>,
        notes: &mut Vec<String>,
    ) -> Result<Self, ApiError> {
        let mut include = Self::default();
        for name in fields.strings("include")? {
            match name.as_str() {
                "reasoning.encrypted_content" => include.sealed_reasoning = true,
                "message.output_text.logprobs" => include.logprobs = true,
                name if OF_HOSTED.contains(&name) => {}
                other => {
                    let other: String = other.chars().take(64).collect();
                    notes.push(format!("include names `{other}`, which is not known here: nothing was added for it"));
                }
            }
        }
        if let Some(count) = fields.small_count("top_logprobs", 0)? {
            if count > MOST_CANDIDATES {
                let words = format!("top_logprobs is {count}: give a whole number from 0 to {MOST_CANDIDATES}");
                return Err(ApiError::invalid("top_logprobs", words));
            }
            if count > 0 {
                include.logprobs = true;
                engine.insert("top_logprobs".into(), count.into());
            }
        }
        Ok(include)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Read = (Include, Map<String, Value>, Vec<String>);

    fn read(body: Value) -> Result<Read, ApiError> {
        let Value::Object(body) = body else { panic!("no object") };
        let (mut engine, mut notes) = (Map::new(), Vec::new());
        let include = Include::read(&mut Fields::new(body, ""), &mut engine, &mut notes)?;
        Ok((include, engine, notes))
    }

    #[test]
    fn what_is_asked_for_is_read_and_what_is_not_known_is_named() {
        let names = ["reasoning.encrypted_content", "web_search_call.results", "odd"];
        let (include, engine, notes) = read(json!({ "include": names })).unwrap();
        assert_eq!(include, Include { sealed_reasoning: true, logprobs: false });
        assert!(engine.is_empty() && notes.len() == 1 && notes[0].contains("`odd`"), "{notes:?}");
        let (include, engine, _) = read(json!({"top_logprobs": 3})).unwrap();
        assert!(include.logprobs && engine["top_logprobs"] == 3);
        assert!(!read(json!({"top_logprobs": 0})).unwrap().0.logprobs);
        assert_eq!(read(json!({"top_logprobs": 21})).unwrap_err().param.as_deref(), Some("top_logprobs"));
        assert_eq!(read(json!({"include": {}})).unwrap_err().param.as_deref(), Some("include"));
    }
}
