//! The request of `POST /v1/chat/completions`, checked and without loss.

use crate::api::read::{Efforts, Fields, Said, body_object, describe, lengths, settings};
use crate::error::ApiError;
use crate::run::RunRequest;
use outthink_core::{Prompt, Sampling};
use serde_json::{Map, Value};

/// A request that was understood.
#[derive(Debug, Clone)]
pub(super) struct ChatRequest {
    pub(super) run: RunRequest,
    /// Whether a stream ends with the usage.
    pub(super) include_usage: bool,
    /// Final answers that are asked for.
    pub(super) choices: u32,
}

impl ChatRequest {
    /// Reads and checks a body.
    ///
    /// Fields that are not read here go to the engine in [`Prompt::extra`].
    pub(super) fn parse(body: &[u8], efforts: Efforts<'_>) -> Result<Self, ApiError> {
        Self::from_map(body_object(body, "`messages`")?, efforts)
    }

    fn from_map(map: Map<String, Value>, efforts: Efforts<'_>) -> Result<Self, ApiError> {
        let mut fields = Fields::new(map, "");
        let messages = messages(&mut fields)?;
        let model = fields.string("model")?;
        let stream = fields.flag("stream")?.unwrap_or(false);
        let include_usage = include_usage(&mut fields)?;
        let choices = choices(&mut fields)?;
        lengths::refuse_hidden(&fields)?;
        let sampling = Sampling {
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p: fields.number("top_p", 0.0, 1.0)?,
            top_k: fields.limit("top_k")?,
            min_p: fields.number("min_p", 0.0, 1.0)?,
            stop: fields.strings("stop")?,
        };
        let seed = fields.seed("seed")?;
        let logprobs = fields.flag("logprobs")?.unwrap_or(false);
        let length = length(&mut fields)?;
        let length = lengths::length(&fields, "max_tokens", length)?;
        let effort = settings::effort(&mut fields, "reasoning_effort")?;
        let offers_tools = settings::offers_tools(fields.look("tools"));
        let said = Said { effort, effort_field: "reasoning_effort", length, offers_tools };
        let run = settings::read(&mut fields, efforts, said)?;
        let prompt = Prompt { messages, extra: fields.rest() };
        let run = RunRequest { model, prompt, stream, sampling, seed, logprobs, ..run };
        Ok(Self { run, include_usage, choices })
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
        if !message.is_object() {
            let param = format!("messages[{i}]");
            let given = describe(message);
            let words = format!("{param} is {given}: give an object with `role` and `content`");
            return Err(ApiError::invalid(&param, words));
        }
        if message["role"].as_str().is_none_or(str::is_empty) {
            let param = format!("messages[{i}].role");
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

/// Final answers of a request at most.
const MOST_CHOICES: u32 = 128;

/// `n` is the number of final answers.
fn choices(fields: &mut Fields) -> Result<u32, ApiError> {
    let n = fields.count("n", 1)?.unwrap_or(1);
    u32::try_from(n).ok().filter(|n| *n <= MOST_CHOICES).ok_or_else(|| {
        let words = format!(
            "n is {n}, and at most {MOST_CHOICES} final answers are given for one request; to draw more samples behind one \
             answer, raise `reasoning_effort` or set `outthink.samples`"
        );
        ApiError::invalid("n", words)
    })
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
    use outthink_core::{Effort, Thinking};
    use outthink_strategy::StrategySpec;
    use serde_json::json;

    fn parse(fields: Value, default: Effort) -> RunRequest {
        let mut body = json!({"messages": [{"role": "user", "content": "hi", "name": "kept"}]});
        if let Value::Object(fields) = fields {
            for (key, value) in fields {
                body[key] = value;
            }
        }
        ChatRequest::parse(body.to_string().as_bytes(), default.into()).unwrap().run
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
        assert_eq!((request.strategy.max_samples, request.strategy.max_tokens_per_sample), (7, Some(64)));
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

    #[test]
    fn the_clients_word_sets_the_length_and_the_gateways_does_not() {
        let low = Thinking { effort: Some(Effort::Low), budget: None };
        assert_eq!(parse(json!({"reasoning_effort": "low"}), Effort::Auto).thinking, low);
        assert_eq!(parse(json!({"outthink": {"effort": "low"}}), Effort::Auto).thinking, low);
        assert!(parse(json!({}), Effort::High).thinking.is_default());
        assert!(parse(json!({"reasoning_effort": "auto"}), Effort::High).thinking.is_default());
        let budget = parse(json!({"outthink": {"thinking_budget": 900.0}}), Effort::Auto).thinking;
        assert_eq!(budget, Thinking { effort: None, budget: Some(900) });
    }

    #[test]
    fn where_tools_are_offered_the_clients_effort_sets_the_length_alone() {
        let tools = json!([{"type": "function", "function": {"name": "add"}}]);
        let with = |mut fields: Value, default: Effort| {
            fields["tools"] = tools.clone();
            let run = parse(fields, default);
            (run.effort, run.thinking.effort)
        };
        let high = json!({"reasoning_effort": "high"});
        assert_eq!(with(high.clone(), Effort::Auto), (Effort::Auto, Some(Effort::High)));
        assert_eq!(with(high.clone(), Effort::Low), (Effort::Low, Some(Effort::High)), "the operator's plan");
        assert_eq!(with(json!({"outthink": {"effort": "high"}}), Effort::Auto), (Effort::High, Some(Effort::High)));
        assert_eq!(with(json!({"reasoning_effort": "none"}), Effort::Auto), (Effort::None, Some(Effort::None)));
        assert_eq!(parse(high, Effort::Auto).effort, Effort::High, "nothing to call");
    }

    #[test]
    fn a_limit_that_nobody_asked_for_is_not_there() {
        for effort in Effort::ALL {
            assert_eq!(parse(json!({}), effort).strategy.max_tokens_per_sample, None);
        }
        assert_eq!(parse(json!({"max_tokens": 9.0}), Effort::Auto).strategy.max_tokens_per_sample, Some(9));
        let native = parse(json!({"n_predict": 70}), Effort::Auto);
        assert_eq!((native.strategy.max_tokens_per_sample, &native.prompt.extra["n_predict"]), (Some(70), &json!(70)));
    }
}
