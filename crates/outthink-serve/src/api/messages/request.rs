//! The request of `POST /v1/messages`, checked by its own names.

use super::input::Reader;
use super::tools;
use crate::api::read::{Efforts, Fields, Said, body_object, describe, reasoning, settings};
use crate::error::ApiError;
use crate::run::RunRequest;
use outthink_core::{Effort, Prompt, Sampling, Thinking};
use serde_json::{Map, Value, json};

/// A request that was understood.
#[derive(Debug)]
pub(super) struct MessagesRequest {
    pub(super) run: RunRequest,
    /// Whether the client asked to see the reasoning.
    pub(super) shows_thinking: bool,
}

/// Fields that only Anthropic's own servers carry out.
const THEIRS: [&str; 6] = ["container", "context_management", "mcp_servers", "inference_geo", "speed", "cache_control"];

/// Names of the chat completions API, and what they are called here.
const OF_CHAT: [(&str, &str); 6] = [
    ("max_completion_tokens", "use max_tokens"),
    ("stop", "use stop_sequences"),
    ("reasoning_effort", "use output_config.effort"),
    ("response_format", "use output_config.format"),
    ("functions", "use tools"),
    ("n", "one message is given for each request: leave it out"),
];

impl MessagesRequest {
    /// Reads and checks the fields of a request to an engine that speaks this API or does not.
    pub(super) fn read(mut fields: Fields, efforts: Efforts<'_>, native: bool) -> Result<Self, ApiError> {
        let Some(length) = fields.count("max_tokens", 1)? else {
            let words = "max_tokens is missing: give the most tokens that the reply may have";
            return Err(ApiError::invalid("max_tokens", words));
        };
        Self::read_rest(fields, efforts, Some(length), native)
    }

    /// As [`MessagesRequest::read`], of a request of which only the prompt matters.
    pub(super) fn read_prompt(mut fields: Fields, efforts: Efforts<'_>, native: bool) -> Result<Self, ApiError> {
        let length = fields.count("max_tokens", 1)?;
        Self::read_rest(fields, efforts, length, native)
    }

    fn read_rest(
        mut fields: Fields,
        efforts: Efforts<'_>,
        length: Option<u64>,
        native: bool,
    ) -> Result<Self, ApiError> {
        let (mut notes, mut engine) = (Vec::new(), Map::new());
        let model = fields.string("model")?;
        let stream = fields.flag("stream")?.unwrap_or(false);
        let mut reader = Reader::new(&mut notes, native);
        if let Some(system) = fields.take("system") {
            reader.system(system)?;
        }
        reader.turns(
            fields
                .take("messages")
                .ok_or_else(|| ApiError::invalid("messages", "messages is missing: give an array of messages"))?,
        )?;
        let mut messages = std::mem::take(&mut reader.messages);
        reasoning::keep_current(&mut messages);
        if let Some(given) = fields.look("stop_sequences").filter(|given| !given.is_array()) {
            let words = format!("stop_sequences is {}: give an array of strings", describe(given));
            return Err(ApiError::invalid("stop_sequences", words));
        }
        let sampling = Sampling {
            temperature: fields.number("temperature", 0.0, 2.0)?,
            top_p: fields.number("top_p", 0.0, 1.0)?,
            top_k: fields.limit("top_k")?,
            stop: fields.strings("stop_sequences")?,
            ..Sampling::default()
        };
        if let Some(given) = fields.take("tools") {
            tools::tools(given, tools::Asked { engine: &mut engine, notes: &mut notes, native })?;
        }
        if let Some(given) = fields.take("tool_choice") {
            tools::choice(&given, &mut engine)?;
        }
        let own = fields.look("thinking").cloned();
        let asked = thinking(&mut fields)?;
        let effort = output(&mut fields, &mut engine)?;
        let offers_tools = settings::offers_tools(engine.get("tools"));
        let said = Said { effort, effort_field: "output_config.effort", length, offers_tools };
        let mut run = settings::read(&mut fields, efforts, said)?;
        match asked {
            Asked::Nothing => {}
            Asked::Adaptive => {
                if let Some(own) = own.filter(|_| native) {
                    engine.insert("thinking".into(), own);
                }
            }
            Asked::Budget(tokens) => run.thinking.budget = run.thinking.budget.or(Some(tokens)),
            Asked::Off => run.thinking = Thinking { effort: Some(Effort::None), budget: None },
        }
        let metadata = fields.look("metadata").filter(|_| native).cloned();
        session(&mut fields, &mut run)?;
        engine.extend(metadata.map(|metadata| ("metadata".to_owned(), metadata)));
        for name in THEIRS {
            // Of an engine that speaks this API they are among what is passed on.
            if !native && fields.take(name).is_some() {
                notes.push(format!("{name} is carried out by Anthropic's own servers: it was left out"));
            }
        }
        // `auto` is what happens without it.
        match fields.string("service_tier")?.as_deref() {
            None | Some("auto") => {}
            Some("standard_only") => _ = engine.insert("service_tier".into(), "default".into()),
            Some(_) => {
                let words = "service_tier is not known: use auto or standard_only";
                return Err(ApiError::invalid("service_tier", words));
            }
        }
        // What is not known here may be known to the engine.
        for (key, value) in fields.rest() {
            engine.entry(key).or_insert(value);
        }
        let prompt = Prompt { messages, extra: engine };
        let run = RunRequest { model, prompt, stream, sampling, notes, ..run };
        Ok(Self { run, shows_thinking: matches!(asked, Asked::Budget(_) | Asked::Adaptive) })
    }
}

/// The fields of a body that are not of another API.
pub(super) fn fields(body: &[u8]) -> Result<Fields, ApiError> {
    let fields = Fields::new(body_object(body, "`model`, `max_tokens` and `messages`")?, "");
    for (name, hint) in OF_CHAT {
        if fields.look(name).is_some() {
            return Err(ApiError::invalid(name, format!("{name} is not a field of the Messages API: {hint}")));
        }
    }
    Ok(fields)
}

/// What the client says of the reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Off,
    Adaptive,
    Budget(u64),
}

fn thinking(fields: &mut Fields) -> Result<Asked, ApiError> {
    let Some(object) = fields.object("thinking")? else { return Ok(Asked::Nothing) };
    let mut own = Fields::new(object, "thinking.");
    let budget = own.count("budget_tokens", 1)?;
    match (own.string("type")?.as_deref(), budget) {
        (Some("disabled"), _) => Ok(Asked::Off),
        (Some("adaptive"), _) => Ok(Asked::Adaptive),
        (Some("enabled"), Some(tokens)) => Ok(Asked::Budget(tokens)),
        (Some("enabled"), None) => {
            let words = "thinking.budget_tokens is missing: give the most tokens of reasoning, or use type adaptive";
            Err(ApiError::invalid("thinking.budget_tokens", words))
        }
        _ => {
            let words = "thinking.type is not known: use enabled, adaptive or disabled";
            Err(ApiError::invalid("thinking.type", words))
        }
    }
}

/// `output_config`: how hard to think, and the form of the reply. `output_format` is its older name for the form.
fn output(fields: &mut Fields, engine: &mut Map<String, Value>) -> Result<Option<Effort>, ApiError> {
    let mut format = fields.take("output_format").map(|format| ("output_format", format));
    let mut effort = None;
    if let Some(object) = fields.object("output_config")? {
        let mut own = Fields::new(object, "output_config.");
        effort = settings::effort(&mut own, "effort")?;
        format = own.take("format").map(|format| ("output_config.format", format)).or(format);
    }
    if let Some((path, format)) = format {
        if format["type"] != "json_schema" || !format["schema"].is_object() {
            let words = format!("{path} is not known: give {{\"type\": \"json_schema\", \"schema\": {{…}}}}");
            return Err(ApiError::invalid(path, words));
        }
        let schema = json!({ "name": "reply", "strict": true, "schema": format["schema"] });
        engine.insert("response_format".into(), json!({ "type": "json_schema", "json_schema": schema }));
    }
    Ok(effort)
}

/// `metadata.user_id` names the conversation, unless `outthink.session` does. Other metadata is the client's own.
fn session(fields: &mut Fields, run: &mut RunRequest) -> Result<(), ApiError> {
    let Some(object) = fields.object("metadata")? else { return Ok(()) };
    let user = Fields::new(object, "metadata.").string("user_id")?;
    run.session = run.session.take().or(user.filter(|user| !user.is_empty()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: Value) -> Result<MessagesRequest, ApiError> {
        let mut body = json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}]});
        if let Value::Object(fields) = fields {
            for (key, value) in fields {
                body[key] = value;
            }
        }
        MessagesRequest::read(super::fields(body.to_string().as_bytes())?, Effort::Auto.into(), false)
    }

    #[test]
    fn fields_find_the_engines_names() {
        let request = parse(json!({
            "system": "be brief", "stop_sequences": ["END"], "temperature": 1.0, "top_k": 40,
            "thinking": {"type": "enabled", "budget_tokens": 2048}, "metadata": {"user_id": "u1"},
            "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
            "service_tier": "standard_only", "container": "c", "odd": 1,
        }))
        .unwrap();
        let run = &request.run;
        assert_eq!(run.prompt.messages.len(), 2);
        assert_eq!(run.sampling.stop, ["END"]);
        assert_eq!((run.strategy.max_tokens_per_sample, run.thinking.budget), (Some(64), Some(2048)));
        assert_eq!(run.session.as_deref(), Some("u1"));
        assert_eq!(run.prompt.extra["response_format"]["json_schema"]["schema"]["type"], "object");
        assert_eq!((&run.prompt.extra["service_tier"], &run.prompt.extra["odd"]), (&json!("default"), &json!(1)));
        assert!(!run.prompt.extra.contains_key("metadata") && run.notes.len() == 1, "{:?}", run.notes);
        assert!(request.shows_thinking);
        let off = parse(json!({"thinking": {"type": "disabled"}})).unwrap();
        assert_eq!(off.run.thinking.effort, Some(Effort::None));
        assert!(!off.shows_thinking && off.run.effort == Effort::Auto);
        let high = parse(json!({"output_config": {"effort": "high"}, "thinking": {"type": "adaptive"}})).unwrap();
        assert_eq!((high.run.effort, high.run.thinking.effort), (Effort::High, Some(Effort::High)));
        assert!(high.shows_thinking);
    }

    #[test]
    fn an_engine_that_speaks_this_api_gets_its_own_fields() {
        let body = json!({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}],
            "thinking": {"type": "adaptive", "display": "omitted"}, "metadata": {"user_id": "u1"},
            "container": "c", "context_management": {"edits": []}, "cache_control": {"type": "ephemeral"}});
        let fields = super::fields(body.to_string().as_bytes()).unwrap();
        let run = MessagesRequest::read(fields, Effort::Auto.into(), true).unwrap().run;
        for name in ["thinking", "metadata", "container", "context_management", "cache_control"] {
            assert_eq!(run.prompt.extra[name], body[name], "{name}");
        }
        assert_eq!((run.session.as_deref(), run.notes.len()), (Some("u1"), 0));
    }

    #[test]
    fn errors_name_the_fields_that_were_sent() {
        for (body, param) in [
            (json!({"max_tokens": null}), "max_tokens"),
            (json!({"max_tokens": "9"}), "max_tokens"),
            (json!({"messages": null}), "messages"),
            (json!({"system": 7}), "system"),
            (json!({"stop": "END"}), "stop"),
            (json!({"reasoning_effort": "low"}), "reasoning_effort"),
            (json!({"thinking": {"type": "enabled"}}), "thinking.budget_tokens"),
            (json!({"thinking": {"type": "some"}}), "thinking.type"),
            (json!({"stop_sequences": "END"}), "stop_sequences"),
            (json!({"stop_sequences": [7]}), "stop_sequences"),
            (json!({"output_config": {"effort": "huge"}}), "output_config.effort"),
            (json!({"output_config": {"format": {"type": "zip"}}}), "output_config.format"),
            (json!({"service_tier": "gold"}), "service_tier"),
            (json!({"outthink": {"strategi": "x"}}), "outthink.strategi"),
        ] {
            assert_eq!(parse(body.clone()).unwrap_err().param.as_deref(), Some(param), "{body}");
        }
    }
}
