//! What of a request is checked and counted that is passed on as it is.

use crate::api::read::{Fields, body_object, lengths};
use crate::error::ApiError;
use crate::run::{Size, weigh_fields};
use outthink_core::{ModelInfo, Room};
use serde_json::{Map, Value};

/// A request to be passed on.
pub(super) struct RelayRequest {
    pub(super) model: Option<String>,
    /// The body. The model's name is the engine's to set.
    pub(super) fields: Map<String, Value>,
    pub(super) stream: bool,
    /// Whether the client itself asked for the usage at the end of a stream.
    pub(super) wants_usage: bool,
    /// Replies to all prompts together.
    pub(super) replies: u64,
    /// Generated tokens of one reply at most, where the client said so.
    pub(super) length: Option<u64>,
    /// Whether anything is generated at all.
    generates: bool,
}

impl RelayRequest {
    /// Reads a body, by the types that the API gives its fields.
    pub(super) fn parse(body: &[u8], generates: bool) -> Result<Self, ApiError> {
        let fields = Fields::new(body_object(body, if generates { "`prompt`" } else { "`input`" })?, "");
        let mut checked = checked(&fields);
        let model = checked.string("model")?;
        let stream = generates && checked.flag("stream")?.unwrap_or(false);
        let options = Fields::new(checked.object("stream_options")?.unwrap_or_default(), "stream_options.");
        let wants_usage = { options }.flag("include_usage")?.unwrap_or(false);
        for key in ["temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty"] {
            checked.number(key, f64::MIN, f64::MAX)?;
        }
        checked.limit("top_k")?;
        checked.seed("seed")?;
        checked.strings("stop")?;
        checked.flag("echo")?;
        let own = checked.count("max_tokens", 0)?;
        let length = lengths::length(&fields, "max_tokens", own)?;
        let replies = lengths::replies(&fields)?.saturating_mul(prompts(fields.look("prompt")));
        let fields = fields.rest();
        Ok(Self { model, fields, stream, wants_usage, replies, length, generates })
    }

    /// What it may be on this model, for its claim. Where `limited`, a reply in one piece that nobody limited is held to one
    /// stretch: nothing is seen of it while it is written.
    pub(super) fn size(&mut self, model: &ModelInfo, limited: bool) -> Size {
        let whole = !self.stream;
        if self.generates && whole && self.length.is_none() && limited {
            self.limit(Room::STRETCH);
        }
        let (weight, _) = weigh_fields(self.fields.iter(), &model.id);
        let prompt = model.context.map_or(weight, |most| weight.min(most.saturating_mul(self.replies.max(1))));
        let length = self.covered();
        Size { prompt, length, samples: 1, whole: whole && length.is_some(), ..Size::default() }
    }

    /// Generated tokens of all replies at most, where they are limited.
    pub(super) fn covered(&self) -> Option<u64> {
        if self.generates { self.length.map(|each| each.saturating_mul(self.replies)) } else { Some(0) }
    }

    /// Tokens of the prompts, about.
    pub(super) fn likely_prompt(&self, model: &ModelInfo) -> u64 {
        const TEXTS: [&str; 8] = ["prompt", "input", "inputs", "messages", "images", "suffix", "query", "documents"];
        weigh_fields(self.fields.iter().filter(|(name, _)| TEXTS.contains(&name.as_str())), &model.id).1
    }

    /// Sends a limit where the client sent none.
    pub(super) fn limit(&mut self, most: u64) {
        if self.generates && self.length.is_none() {
            self.length = Some(most);
            self.fields.insert("max_tokens".into(), most.into());
        }
    }

    /// Holds each reply to `most` tokens; whether anything can be generated in them.
    pub(super) fn clamp(&mut self, most: u64) -> bool {
        if !self.generates {
            return true;
        }
        if self.length.is_none_or(|length| length > most) {
            self.length = Some(most);
            self.fields.insert("max_tokens".into(), most.into());
        }
        most > 0
    }
}

/// The fields whose types are checked, apart from the others.
fn checked(fields: &Fields) -> Fields {
    const NAMES: [&str; 13] = [
        "model",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "min_p",
        "presence_penalty",
        "frequency_penalty",
        "top_k",
        "seed",
        "stop",
        "echo",
        "max_tokens",
    ];
    let some = NAMES.iter().filter_map(|name| Some(((*name).to_owned(), fields.look(name)?.clone())));
    Fields::new(some.collect(), "")
}

/// Prompts of a request: a text, a list of tokens, or several of either.
fn prompts(prompt: Option<&Value>) -> u64 {
    match prompt {
        Some(Value::Array(list)) if !list.iter().all(Value::is_number) => list.len().max(1) as u64,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: &Value) -> Result<RelayRequest, ApiError> {
        RelayRequest::parse(body.to_string().as_bytes(), true)
    }

    #[test]
    fn types_are_those_of_the_api() {
        for (body, param) in [
            (json!({"max_tokens": "9"}), "max_tokens"),
            (json!({"n": "5"}), "n"),
            (json!({"best_of": 1.5}), "best_of"),
            (json!({"stream": "yes"}), "stream"),
            (json!({"model": 7}), "model"),
            (json!({"seed": "x"}), "seed"),
            (json!({"max_tokens": 50, "n_predict": 5000}), "n_predict"),
        ] {
            assert_eq!(parse(&body).err().unwrap().param.as_deref(), Some(param), "{body}");
        }
    }

    fn model() -> ModelInfo {
        ModelInfo { id: "m".into(), context: None, price: outthink_core::Price::default() }
    }

    #[test]
    fn all_replies_to_all_prompts_are_counted() {
        let size = |body: Value| parse(&body).unwrap().size(&model(), false);
        assert_eq!(size(json!({"prompt": ["a", "b"], "n": 2, "best_of": 5.0, "max_tokens": 10.0})).length, Some(100));
        assert_eq!(size(json!({"prompt": [1, 2, 3], "max_tokens": 10})).length, Some(10));
        assert_eq!(size(json!({"prompt": [[1, 2], [3]], "max_tokens": 10})).length, Some(20));
        assert_eq!(size(json!({"prompt": "a"})).length, None);
        let mut limited = parse(&json!({"prompt": "a"})).unwrap();
        assert_eq!(limited.size(&model(), true).length, Some(Room::STRETCH));
        assert_eq!(limited.fields["max_tokens"], Room::STRETCH);
    }
}
