//! What a server refuses, learned from its 400 and 422 and remembered for the engine's life.

use outthink_core::EngineError;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// Refusals that are remembered at most: a client may send any value.
const MOST: usize = 256;

/// A field that a server refused, with any value or with this one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Refused {
    pub(super) field: String,
    /// The value as JSON, where another one may be taken.
    pub(super) value: Option<String>,
}

/// All that one server refused.
#[derive(Debug, Default)]
pub(super) struct Learned(RwLock<HashSet<Refused>>);

impl Learned {
    /// Whether the server refuses the field, with any value or with this one.
    pub(super) fn refuses(&self, field: &str, value: Option<&Value>) -> bool {
        let refused = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if refused.is_empty() {
            return false;
        }
        let with = |value| refused.contains(&Refused { field: field.to_owned(), value });
        with(None) || value.is_some_and(|v| with(Some(v.to_string())))
    }

    /// Whether exactly this was refused.
    pub(super) fn has(&self, refused: &Refused) -> bool {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !all.is_empty() && all.contains(refused)
    }

    /// Remembers a field without which the server took the request.
    pub(super) fn remember(&self, refused: Refused) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() < MOST {
            all.insert(refused);
        }
    }
}

/// Words of a server that does not know a field at all.
const UNKNOWN: [&str; 20] = [
    "unsupported",
    "not supported",
    "unknown",
    "unrecognized",
    "unrecognised",
    "unexpected",
    "not permitted",
    "not allowed",
    "extra",
    "does not support",
    "doesn't support",
    "not recognized",
    "not implemented",
    "not a valid",
    "invalid parameter",
    "not accept",
    "not available",
    "not configured",
    "no such",
    "instead",
];

/// What a server says against a request, in lower case.
#[derive(Debug)]
pub(super) struct Complaint {
    param: Option<String>,
    text: String,
}

impl Complaint {
    /// From the error that a reply stands for and the reply's body.
    pub(super) fn new(error: &EngineError, body: &str) -> Self {
        let text = match serde_json::from_str::<Value>(body) {
            Ok(value) => {
                let mut text = String::new();
                texts(&value, &mut text);
                text
            }
            Err(_) => body.to_owned(),
        };
        Self { param: error.param.as_deref().map(str::to_ascii_lowercase), text: text.to_ascii_lowercase() }
    }

    /// Whether it names a field.
    pub(super) fn names(&self, field: &str) -> bool {
        let field = field.to_ascii_lowercase();
        let field = field.as_str();
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let Some(param) = &self.param
            && param.split(['.', '[', ']', '/']).any(|part| part == field)
        {
            return true;
        }
        // A letter is a word of many messages.
        if field.len() < 3 {
            let quoted = |quote: char| self.text.contains(&format!("{quote}{field}{quote}"));
            return ['\'', '"', '`'].into_iter().any(quoted) || self.text.lines().any(|line| line == field);
        }
        self.text.match_indices(field).any(|(at, _)| {
            let (before, after) = (&self.text[..at], &self.text[at + field.len()..]);
            !before.ends_with(is_part) && !after.starts_with(is_part)
        })
    }

    /// Whether it says that the server does not know something, rather than that a value is wrong.
    pub(super) fn is_unknown_field(&self) -> bool {
        UNKNOWN.iter().any(|word| self.text.contains(word))
    }
}

/// All texts of an error's body, except what it repeats of the request.
fn texts(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(fields) => {
            let own = fields.iter().filter(|(key, _)| !matches!(key.as_str(), "input" | "ctx" | "url" | "body"));
            own.for_each(|(_, item)| texts(item, out));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outthink_core::Origin;

    fn complaint(body: &str) -> Complaint {
        Complaint::new(&EngineError::new(Origin::Caller, "no"), body)
    }

    #[test]
    fn fields_are_found_as_words_in_any_shape_of_error() {
        for (body, field, named) in [
            (r#"{"error":{"message":"Unrecognized request argument supplied: seed"}}"#, "seed", true),
            (
                r#"{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}"#,
                "max_tokens",
                true,
            ),
            (r#"{"error":{"message":"max_completion_tokens is not known"}}"#, "max_tokens", false),
            (
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted","input":{"seed":1}}]}"#,
                "stream_options",
                true,
            ),
            (r#"{"detail":[{"loc":["body","x"],"msg":"no","input":"seed"}]}"#, "seed", false),
            ("Kwargs ['reasoning_effort'] are not supported", "reasoning_effort", true),
            (r#"{"error":"Reasoning is mandatory for this endpoint"}"#, "reasoning", true),
            (r#"{"message":"the number n of choices"}"#, "n", false),
            (r#"{"message":"'n' must be 1"}"#, "n", true),
            (r#"{"detail":[{"loc":["body","n"],"msg":"no"}]}"#, "n", true),
        ] {
            assert_eq!(complaint(body).names(field), named, "{field} in {body}");
        }
        let error = EngineError { param: Some("body.Seed".into()), ..EngineError::new(Origin::Caller, "no") };
        assert!(Complaint::new(&error, "").names("seed"));
        assert!(!complaint(r#"{"message":"max_tokens is too large: 9000"}"#).is_unknown_field());
    }

    #[test]
    fn a_refused_value_leaves_the_others() {
        let learned = Learned::default();
        let none = Value::from("none");
        learned.remember(Refused { field: "reasoning_effort".into(), value: Some(none.to_string()) });
        assert!(learned.refuses("reasoning_effort", Some(&none)));
        assert!(!learned.refuses("reasoning_effort", Some(&Value::from("low"))));
        learned.remember(Refused { field: "seed".into(), value: None });
        assert!(learned.refuses("seed", Some(&Value::from(1))));
    }
}
