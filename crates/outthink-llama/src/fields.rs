//! The fields of a request that change how tokens are drawn: honoured, refused, or named in a note.

use crate::adjust::Penalties;
use outthink_core::{EngineError, Origin, Prompt};
use serde_json::Value;

/// Fields that are read elsewhere, or say nothing about the text.
const KNOWN: [&str; 33] = [
    "best_of",
    "chat_template_kwargs",
    "frequency_penalty",
    "grammar",
    "guided_json",
    "json_schema",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "model",
    "n",
    "outthink",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning_effort",
    "repeat_penalty",
    "repetition_penalty",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "user",
];

/// Fields that would change what is drawn, and that nothing here does.
const REFUSED: [&str; 20] = [
    "bad_words",
    "dry_multiplier",
    "guided_choice",
    "guided_decoding_backend",
    "guided_grammar",
    "guided_regex",
    "ignore_eos",
    "logits_processors",
    "lora",
    "min_tokens",
    "mirostat",
    "prediction",
    "structured_outputs",
    "structural_tag",
    "stop_token_ids",
    "tfs_z",
    "top_a",
    "top_n_sigma",
    "typical_p",
    "xtc_probability",
];

fn caller(param: &str, message: String) -> EngineError {
    EngineError { param: Some(param.to_owned()), ..EngineError::new(Origin::Caller, message) }
}

/// What the embedded engine does not do at all.
///
/// # Errors
///
/// The first field that would change the text and cannot be honoured.
pub(crate) fn check(prompt: &Prompt) -> Result<Vec<String>, EngineError> {
    let mut notes = Vec::new();
    for (name, value) in &prompt.extra {
        let neutral = matches!(value, Value::Null | Value::Bool(false)) || value.as_f64() == Some(0.0);
        if neutral && name != "parallel_tool_calls" {
            continue;
        }
        if REFUSED.contains(&name.as_str()) {
            return Err(caller(name, format!("the embedded engine does not support `{name}`"))
                .with_hint("leave it out, or use a server's engine"));
        }
        let off = name == "parallel_tool_calls" && value != &Value::Bool(false);
        if !off && !KNOWN.contains(&name.as_str()) {
            notes.push(format!("the embedded engine has no `{name}`: it was left out"));
        }
    }
    Ok(notes)
}

fn number(prompt: &Prompt, name: &str, least: f64, most: f64) -> Result<Option<f32>, EngineError> {
    let Some(value) = prompt.extra.get(name).filter(|v| !v.is_null()) else { return Ok(None) };
    let number = value.as_f64().filter(|n| (least..=most).contains(n));
    let number = number.ok_or_else(|| {
        caller(name, format!("`{name}` is {value}")).with_hint(format!("give a number from {least} to {most}"))
    })?;
    Ok(Some(number as f32))
}

/// The penalties and biases that a request asks for. `vocabulary` is the number of tokens.
///
/// # Errors
///
/// Numbers out of range, tokens that the vocabulary does not have.
pub(crate) fn penalties(prompt: &Prompt, vocabulary: usize) -> Result<Penalties, EngineError> {
    let repeat = match number(prompt, "repeat_penalty", 0.01, 10.0)? {
        Some(value) => Some(value),
        None => number(prompt, "repetition_penalty", 0.01, 10.0)?,
    };
    let mut penalties = Penalties {
        frequency: number(prompt, "frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        presence: number(prompt, "presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        repeat: repeat.unwrap_or(1.0),
        bias: Vec::new(),
    };
    let Some(bias) = prompt.extra.get("logit_bias").filter(|v| !v.is_null()) else { return Ok(penalties) };
    let bad = |message: String| Err(caller("logit_bias", message));
    let Value::Object(bias) = bias else {
        return bad("`logit_bias` is not an object from token ids to numbers".to_owned());
    };
    for (id, value) in bias {
        let Some(token) = id.parse::<u32>().ok().filter(|&t| (t as usize) < vocabulary) else {
            return bad(format!("`logit_bias` names token `{id}`, and the model has tokens 0 to {}", vocabulary - 1));
        };
        let Some(value) = value.as_f64().filter(|v| (-100.0..=100.0).contains(v)) else {
            return bad(format!("`logit_bias` of token {id} is {value}, and not a number from -100 to 100"));
        };
        // The API says that the ends ban a token or make it the only one.
        let value = if value <= -100.0 { f32::NEG_INFINITY } else { value as f32 };
        penalties.bias.push((token, value));
    }
    Ok(penalties)
}

/// The grammar that the reply must follow, where the request asks for one.
///
/// # Errors
///
/// Formats that are unknown, and schemas that llama.cpp makes no grammar of.
pub(crate) fn grammar(prompt: &Prompt) -> Result<Option<String>, EngineError> {
    if let Some(value) = prompt.extra.get("grammar").filter(|v| !v.is_null()) {
        let text = value.as_str().ok_or_else(|| caller("grammar", "`grammar` is not a text in GBNF".to_owned()))?;
        return Ok(Some(text.to_owned()));
    }
    for name in ["json_schema", "guided_json"] {
        match prompt.extra.get(name).filter(|v| !v.is_null()) {
            Some(Value::String(schema)) => return from_schema(name, schema).map(Some),
            Some(schema) => return from_schema(name, &schema.to_string()).map(Some),
            None => {}
        }
    }
    let name = "response_format";
    let Some(format) = prompt.extra.get(name).filter(|f| !f.is_null()) else { return Ok(None) };
    let schema = match format["type"].as_str() {
        Some("text") => return Ok(None),
        Some("json_object") => r#"{"type":"object"}"#.to_owned(),
        Some("json_schema") => format["json_schema"]
            .get("schema")
            .ok_or_else(|| caller(name, "`response_format.json_schema` has no `schema`".to_owned()))?
            .to_string(),
        _ => {
            return Err(
                caller(name, "unknown `response_format`".to_owned()).with_hint("use text, json_object or json_schema")
            );
        }
    };
    from_schema(name, &schema).map(Some)
}

fn from_schema(name: &str, schema: &str) -> Result<String, EngineError> {
    llama_cpp_2::json_schema_to_grammar(schema).map_err(|_| {
        caller(name, format!("the JSON schema in `{name}` cannot be made into a grammar"))
            .with_hint("use the constructs that llama.cpp knows")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn prompt(extra: Value) -> Prompt {
        let Value::Object(extra) = extra else { unreachable!("an object") };
        Prompt { extra, ..Prompt::user("hi") }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_or_named() {
        for name in REFUSED {
            let mut asked = Prompt::user("hi");
            asked.extra.insert(name.to_owned(), json!(1));
            let error = check(&asked).unwrap_err();
            assert_eq!((error.origin, error.param.as_deref()), (Origin::Caller, Some(name)));
        }
        let notes = check(&prompt(json!({"user": "me", "frobnicate": 3, "min_tokens": null, "mirostat": 0}))).unwrap();
        assert_eq!(notes, ["the embedded engine has no `frobnicate`: it was left out"]);
    }

    #[test]
    fn penalties_are_read_and_checked() {
        let all = json!({"frequency_penalty": 0.5, "presence_penalty": -1, "repeat_penalty": 1.1,
            "logit_bias": {"3": 5, "4": -100}});
        let read = penalties(&prompt(all), 10).unwrap();
        assert_eq!((read.frequency, read.presence, read.repeat), (0.5, -1.0, 1.1));
        assert_eq!(read.bias, [(3, 5.0), (4, f32::NEG_INFINITY)]);
        for (bad, name) in [
            (json!({"frequency_penalty": 3}), "frequency_penalty"),
            (json!({"presence_penalty": "x"}), "presence_penalty"),
            (json!({"repetition_penalty": 0}), "repetition_penalty"),
            (json!({"logit_bias": {"10": 1}}), "logit_bias"),
            (json!({"logit_bias": {"x": 1}}), "logit_bias"),
            (json!({"logit_bias": [1]}), "logit_bias"),
        ] {
            assert_eq!(penalties(&prompt(bad), 10).unwrap_err().param.as_deref(), Some(name));
        }
    }
}
