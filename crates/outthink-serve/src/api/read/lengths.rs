//! The names that servers have for how much is generated, next to those of the API.
//!
//! They are passed on as they are, because the server knows them. But a request is admitted by what it may cost,
//! so none of them may allow more than is counted with.

use super::fields::{Fields, describe, whole};
use crate::error::ApiError;
use serde_json::Value;

/// Other names of the most tokens of a reply.
const MOST: [&str; 9] = [
    "n_predict",
    "max_new_tokens",
    "num_predict",
    "max_gen_len",
    "max_gen_toks",
    "max_tokens_to_sample",
    "max_output_tokens",
    "max_length",
    "maxOutputTokens",
];
/// Those within an object: its name, and theirs as a path.
const MOST_WITHIN: [(&str, &str); 3] = [
    ("options", "options.num_predict"),
    ("parameters", "parameters.max_new_tokens"),
    ("generation_config", "generation_config.max_new_tokens"),
];
/// Names of the least tokens of a reply.
const LEAST: [&str; 2] = ["min_tokens", "min_new_tokens"];
/// Names of how many replies are generated behind one.
const COUNTS: [&str; 6] = ["best_of", "num_return_sequences", "num_beams", "beam_width", "beam_size", "n_completions"];

/// The most tokens of one sample, by whichever name: `length` is what the API's own name says, `own`.
pub(crate) fn length(fields: &Fields, own: &str, length: Option<u64>) -> Result<Option<u64>, ApiError> {
    let mut most = length;
    let own_names = MOST.iter().map(|name| (*name, fields.look(name)));
    let within = MOST_WITHIN.iter().map(|(object, path)| (*path, look_within(fields, object, path)));
    for (name, value) in own_names.chain(within) {
        // -1 and 0 are "no limit" to the servers that have these names.
        let Some(count) = count_in(name, value)?.filter(|&count| count > 0) else { continue };
        if let Some(limit) = length.filter(|&limit| count > limit) {
            return Err(ApiError::invalid(name, format!("{name} is {count} and {own} is {limit}: give one of them")));
        }
        most = Some(most.unwrap_or(0).max(count));
    }
    for name in LEAST {
        let Some(count) = count(fields, name)? else { continue };
        if let Some(limit) = most.filter(|&limit| count > limit) {
            let words = format!("{name} is {count} and {own} is {limit}: ask for no more than may be generated");
            return Err(ApiError::invalid(name, words));
        }
    }
    Ok(most)
}

/// Refuses several replies behind one, which nobody would see or count.
pub(crate) fn refuse_hidden(fields: &Fields) -> Result<(), ApiError> {
    for name in COUNTS {
        if let Some(count) = count(fields, name)?.filter(|&count| count > 1) {
            let words = format!(
                "{name} is {count}, and one reply is generated for each sample: leave it out; to draw more samples \
                 behind the answer, set `outthink.samples`"
            );
            return Err(ApiError::invalid(name, words));
        }
    }
    match fields.look("use_beam_search") {
        None | Some(Value::Bool(false)) => Ok(()),
        Some(Value::Bool(true)) => {
            let words = "use_beam_search is true, and one reply is generated for each sample: leave it out";
            Err(ApiError::invalid("use_beam_search", words))
        }
        Some(other) => Err(wrong("use_beam_search", other, "true or false")),
    }
}

/// How many replies a server generates for one prompt of a request that is passed on.
pub(crate) fn replies(fields: &Fields) -> Result<u64, ApiError> {
    let mut most = 1;
    for name in ["n"].iter().chain(&COUNTS) {
        most = most.max(count(fields, name)?.unwrap_or(1));
    }
    Ok(most)
}

/// The value at a path such as `options.num_predict` within the object `options`.
fn look_within<'a>(fields: &'a Fields, object: &str, path: &str) -> Option<&'a Value> {
    let within = fields.look(object)?.as_object()?;
    within.get(path.strip_prefix(object)?.strip_prefix('.')?)
}

/// A count by its name.
fn count(fields: &Fields, name: &str) -> Result<Option<u64>, ApiError> {
    count_in(name, fields.look(name))
}

/// A count; negative ones, which stand for "no limit", are none.
fn count_in(path: &str, value: Option<&Value>) -> Result<Option<u64>, ApiError> {
    let Some(value) = value.filter(|v| !v.is_null()) else { return Ok(None) };
    if value.as_f64().is_some_and(|n| n < 0.0 && n.fract() == 0.0) {
        return Ok(None);
    }
    whole(value).map(Some).ok_or_else(|| wrong(path, value, "a whole number"))
}

fn wrong(path: &str, value: &Value, what: &str) -> ApiError {
    ApiError::invalid(path, format!("{path} is {}: give {what}", describe(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(map) => Fields::new(map, ""),
            _ => panic!("no object"),
        }
    }

    #[test]
    fn other_names_count_and_none_allows_more() {
        assert_eq!(length(&fields(json!({"n_predict": 70})), "max_tokens", None).unwrap(), Some(70));
        assert_eq!(length(&fields(json!({"options": {"num_predict": 7.0}})), "max_tokens", None).unwrap(), Some(7));
        assert_eq!(length(&fields(json!({"n_predict": -1})), "max_tokens", Some(5)).unwrap(), Some(5));
        for (body, param) in [
            (json!({"n_predict": 5000}), "n_predict"),
            (json!({"options": {"num_predict": 51}}), "options.num_predict"),
            (json!({"max_new_tokens": "9"}), "max_new_tokens"),
            (json!({"min_tokens": 80}), "min_tokens"),
        ] {
            let error = length(&fields(body.clone()), "max_tokens", Some(50)).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{body}");
        }
    }

    #[test]
    fn several_replies_behind_one_are_refused() {
        for (body, param) in [
            (json!({"best_of": 4}), "best_of"),
            (json!({"num_beams": 2.0}), "num_beams"),
            (json!({"use_beam_search": true}), "use_beam_search"),
            (json!({"best_of": "2"}), "best_of"),
        ] {
            assert_eq!(refuse_hidden(&fields(body.clone())).unwrap_err().param.as_deref(), Some(param), "{body}");
        }
        assert!(refuse_hidden(&fields(json!({"best_of": 1, "use_beam_search": false}))).is_ok());
        assert_eq!(replies(&fields(json!({"n": 2, "best_of": 5.0}))).unwrap(), 5);
    }
}
