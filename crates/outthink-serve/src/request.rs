//! The request of `POST /v1/chat/completions`, checked and without loss.

use crate::error::ApiError;
use crate::fields::{Fields, describe};
use crate::resources::{ArmAsked, Judge};
use crate::settings::{Efforts, Settings};
use outthink_core::{Budget, Effort, Prompt, Sampling};
use outthink_strategy::StrategySpec;
use serde_json::{Map, Value};

/// A request that can be carried out.
#[derive(Debug, Clone)]
pub(crate) struct ChatRequest {
    /// The model by name; `None` is the default.
    pub(crate) model: Option<String>,
    pub(crate) prompt: Prompt,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) effort: Effort,
    pub(crate) strategy: StrategySpec,
    pub(crate) budget: Budget,
    pub(crate) verifiers: Vec<Judge>,
    /// Arms beside the model.
    pub(crate) arms: Vec<ArmAsked>,
    pub(crate) sampling: Sampling,
    pub(crate) seed: Option<u64>,
    pub(crate) logprobs: bool,
}

impl ChatRequest {
    /// Reads and checks a body.
    ///
    /// Fields that are not read here go to the engine in [`Prompt::extra`].
    pub(crate) fn parse(body: &[u8], efforts: Efforts<'_>) -> Result<Self, ApiError> {
        let map = match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => map,
            Ok(other) => {
                let given = describe(&other);
                return Err(ApiError::invalid_body(format!("the body is {given}: send a JSON object with `messages`")));
            }
            Err(error) => return Err(ApiError::invalid_body(format!("the body is not valid JSON: {error}"))),
        };
        Self::from_map(map, efforts)
    }

    /// As [`ChatRequest::parse`], of a body that was read.
    pub(crate) fn from_map(map: Map<String, Value>, efforts: Efforts<'_>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(map, "");
        let messages = messages(&mut fields)?;
        let model = fields.string("model")?;
        let stream = fields.flag("stream")?.unwrap_or(false);
        let include_usage = include_usage(&mut fields)?;
        refuse_many(&mut fields)?;
        let sampling = Sampling {
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p: fields.number("top_p", 0.0, 1.0)?,
            top_k: top_k(&mut fields)?,
            min_p: fields.number("min_p", 0.0, 1.0)?,
            stop: fields.strings("stop")?,
        };
        let seed = fields.seed("seed")?;
        let logprobs = fields.flag("logprobs")?.unwrap_or(false);
        let length = length(&mut fields)?;
        let Settings { effort, strategy, budget, verifiers, arms } = Settings::read(&mut fields, efforts, length)?;
        let prompt = Prompt { messages, extra: fields.rest() };
        Ok(Self {
            model,
            prompt,
            stream,
            include_usage,
            effort,
            strategy,
            budget,
            verifiers,
            arms,
            sampling,
            seed,
            logprobs,
        })
    }
}

fn messages(fields: &mut Fields) -> Result<Vec<Value>, ApiError> {
    let list = match fields.take("messages") {
        Some(Value::Array(list)) if !list.is_empty() => list,
        Some(Value::Array(_)) => {
            return Err(ApiError::invalid("messages", "messages is empty: give at least one message"));
        }
        Some(other) => {
            let given = describe(&other);
            return Err(ApiError::invalid("messages", format!("messages is {given}: give an array of messages")));
        }
        None => return Err(ApiError::invalid("messages", "messages is missing: give an array of messages")),
    };
    for (i, message) in list.iter().enumerate() {
        let param = format!("messages[{i}]");
        if !message.is_object() {
            let given = describe(message);
            let words = format!("{param} is {given}: give an object with `role` and `content`");
            return Err(ApiError::invalid(&param, words));
        }
        if message["role"].as_str().is_none_or(str::is_empty) {
            let param = format!("{param}.role");
            let words = format!("{param} is not a word: give system, user, assistant or tool");
            return Err(ApiError::invalid(&param, words));
        }
    }
    Ok(list)
}

fn include_usage(fields: &mut Fields) -> Result<bool, ApiError> {
    let Some(options) = fields.object("stream_options")? else { return Ok(false) };
    Ok(Fields::new(options, "stream_options.").flag("include_usage")?.unwrap_or(false))
}

/// `n` is the number of final answers; this gateway gives one.
fn refuse_many(fields: &mut Fields) -> Result<(), ApiError> {
    match fields.count("n", 1)? {
        None | Some(1) => Ok(()),
        Some(n) => Err(ApiError::invalid(
            "n",
            format!(
                "n is {n}, but one final answer is given for each request: leave n out; to draw more samples behind \
                 that answer, raise `reasoning_effort` or set `outthink.samples`"
            ),
        )),
    }
}

/// Some servers write -1 for "no limit".
fn top_k(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    match fields.take("top_k") {
        None => Ok(None),
        Some(value) if value.as_i64() == Some(-1) => Ok(None),
        Some(value) => Fields::new([("top_k".to_owned(), value)].into_iter().collect(), "").small_count("top_k", 0),
    }
}

/// Generated tokens of one sample at most, by its new name and its old one.
fn length(fields: &mut Fields) -> Result<Option<u64>, ApiError> {
    match (fields.count("max_completion_tokens", 1)?, fields.count("max_tokens", 1)?) {
        (Some(new), Some(old)) if new != old => Err(ApiError::invalid(
            "max_tokens",
            format!("max_tokens is {old} and max_completion_tokens is {new}: give one of them"),
        )),
        (new, old) => Ok(new.or(old)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(fields: Value, default: Effort) -> ChatRequest {
        let mut body = json!({"messages": [{"role": "user", "content": "hi", "name": "kept"}]});
        if let Value::Object(fields) = fields {
            for (key, value) in fields {
                body[key] = value;
            }
        }
        ChatRequest::parse(body.to_string().as_bytes(), default.into()).unwrap()
    }

    #[test]
    fn the_effort_picks_the_strategy() {
        for effort in Effort::ALL {
            let request = parse(json!({"reasoning_effort": effort.name()}), Effort::Medium);
            assert_eq!(request.strategy, StrategySpec::for_effort(effort));
            for same in
                [parse(json!({"outthink": {"effort": effort.name()}}), Effort::Medium), parse(json!({}), effort)]
            {
                assert_eq!((same.effort, same.strategy), (effort, request.strategy.clone()));
            }
        }
    }

    #[test]
    fn a_named_strategy_is_not_held_to_one_sample_by_the_default() {
        let request = parse(json!({"outthink": {"strategy": "adaptive"}}), Effort::None);
        assert_eq!(request.strategy, StrategySpec::for_effort(Effort::Medium));
    }

    #[test]
    fn limits_are_read_as_integers_of_money_and_tokens() {
        let ours = json!({"budget_tokens": 500, "budget_usd": 0.25, "budget_seconds": 1e12, "samples": 7});
        let request = parse(json!({"outthink": ours, "max_completion_tokens": 64}), Effort::Low);
        assert_eq!(request.budget.max_tokens, Some(500));
        assert_eq!(request.budget.max_cost.map(outthink_core::Cost::nano), Some(250_000_000));
        assert_eq!(request.budget.max_seconds, None);
        assert_eq!((request.strategy.max_samples, request.strategy.max_tokens_per_sample), (7, 64));
    }

    #[test]
    fn nothing_is_lost() {
        let request =
            parse(json!({"tools": [1], "response_format": {"type": "json_object"}, "odd": null}), Effort::Low);
        assert_eq!(request.prompt.messages[0]["name"], "kept");
        let extra = json!({"tools": [1], "response_format": {"type": "json_object"}, "odd": null});
        assert_eq!(Value::Object(request.prompt.extra), extra);
    }

    #[test]
    fn no_limit_by_minus_one() {
        assert_eq!(parse(json!({"top_k": -1, "max_tokens": null}), Effort::Low).sampling.top_k, None);
    }
}
