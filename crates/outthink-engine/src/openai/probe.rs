//! What one model at one server can do, found out by a dozen short requests.

use super::continuation::Kind;
use super::dialect::{Continuation, TOKENS};
use super::inquiry::{Inquiry, Short, is_refusal};
use super::learned::Refused;
use super::{Dialect, OpenAiEngine};
use outthink_core::{Effort, EngineError, Support};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Whether a server can do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// That could not be found out.
    Unknown,
}

impl Verdict {
    /// As a table prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that a server may be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Goes on from the beginning of an answer.
    Continuation,
    /// Goes on with reasoning that is open.
    OpenReasoning,
    /// Answers after reasoning that was closed for it: a forced end.
    ForcedEnd,
    /// Log-probabilities in streams.
    Logprobs,
    /// Several samples from one request.
    N,
    /// Tools.
    Tools,
    /// An effort in the dialect's words is taken.
    Effort,
    /// A budget of reasoning tokens in the dialect's words is taken.
    Budget,
    /// A seed is taken.
    Seed,
    /// Usage in streams, asked for by `stream_options`.
    StreamUsage,
    /// Says whether a stop text ended a sample.
    MetStop,
}

impl Ability {
    /// As a table prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::OpenReasoning => "open reasoning",
            Self::ForcedEnd => "forced end",
            Self::Logprobs => "logprobs",
            Self::N => "n",
            Self::Tools => "tools",
            Self::Effort => "effort",
            Self::Budget => "reasoning budget",
            Self::Seed => "seed",
            Self::StreamUsage => "stream usage",
            Self::MetStop => "stop text reported",
        }
    }

    /// What it means for strategies that a server has it, or has it not.
    pub const fn meaning(self, has: bool) -> &'static str {
        match (self, has) {
            (Self::Continuation, true) => "beam, dvts, rebase and mcts can search step by step",
            (Self::Continuation, false) => "no search over steps, no budget-forcing, no probe",
            (Self::OpenReasoning, true) => "budget-forcing can extend reasoning",
            (Self::OpenReasoning, false) => "reasoning cannot be extended",
            (Self::ForcedEnd, true) => "probe and budgets can close reasoning and get an answer",
            (Self::ForcedEnd, false) => "reasoning cannot be closed early",
            (Self::Logprobs, true) => "confidence and values without a verifier",
            (Self::Logprobs, false) => "searches need a verifier; no confidence",
            (Self::N, true) => "several samples can share one request",
            (Self::N, false) => "each sample is a request of its own",
            (Self::Tools, true) => "requests with tools work",
            (Self::Tools, false) => "requests with tools fail",
            (Self::Effort, true) => "efforts set the length of reasoning natively",
            (Self::Effort, false) => "efforts set the number of samples only",
            (Self::Budget, true) => "a reasoning budget is held by the server",
            (Self::Budget, false) => "a reasoning budget needs a forced end",
            (Self::Seed, true) => "a requested seed is passed on",
            (Self::Seed, false) => "samples are not reproducible",
            (Self::StreamUsage, true) => "the bill has the server's own counts",
            (Self::StreamUsage, false) => "tokens are estimated",
            (Self::MetStop, true) => "the last step of a reply is known as such",
            (Self::MetStop, false) => "whether a step was the last is guessed from its text",
        }
    }
}

/// What was found out about one ability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub ability: Ability,
    /// Whether the server has it.
    pub verdict: Verdict,
    /// How that was found out.
    pub how: String,
    /// How a beginning is continued, where the ability is a kind of continuation and there is a way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<Continuation>,
    /// What it means for strategies.
    pub meaning: &'static str,
}

/// All that was found out about one model at one server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// The model.
    pub model: String,
    /// The dialect that the server was asked in.
    pub dialect: String,
    /// One for each ability.
    pub findings: Vec<Finding>,
}

impl Abilities {
    /// Whether the server has an ability.
    pub fn verdict(&self, ability: Ability) -> Verdict {
        self.findings.iter().find(|f| f.ability == ability).map_or(Verdict::Unknown, |f| f.verdict)
    }

    fn way(&self, ability: Ability) -> Option<Continuation> {
        self.findings.iter().find(|f| f.ability == ability)?.way
    }
}

impl OpenAiEngine {
    /// Finds out what the server can do, by a dozen requests of a few tokens each; remembered with the engine and
    /// its clones.
    ///
    /// # Errors
    /// If the server cannot be asked at all: no connection, a wrong key, an unknown model.
    pub async fn abilities(&self) -> Result<Arc<Abilities>, EngineError> {
        let of = self.inquiry();
        let found = self.wire.abilities.get_or_try_init(|| async { find(of).await.map(Arc::new) }).await?;
        Ok(Arc::clone(found))
    }

    /// Goes by what was found out instead of by what the dialect says.
    pub(super) fn adopt(&mut self, abilities: &Abilities) {
        let mut dialect = (*self.dialect).clone();
        let settle = |field: &mut bool, ability| match abilities.verdict(ability) {
            Verdict::Yes => *field = true,
            Verdict::No => *field = false,
            Verdict::Unknown => {}
        };
        settle(&mut dialect.logprobs, Ability::Logprobs);
        settle(&mut dialect.n, Ability::N);
        dialect.continuation = abilities.way(Ability::Continuation).unwrap_or_default();
        self.dialect = Arc::new(dialect);
    }
}

/// Tokens of a sample at most: some servers refuse fewer.
const MOST: u64 = 16;

type Answer = Result<Short, EngineError>;

/// Asks for everything.
async fn find(of: Inquiry<'_>) -> Result<Abilities, EngineError> {
    // A server that does not answer a plain question is not asked more.
    let plain = loop {
        match of.chat(&base(of)).await {
            Err(error) if of.is_amended(&error) => {}
            plain => break plain?,
        }
    };
    let mut findings = Vec::new();
    for (ability, kind) in
        [(Ability::Continuation, Kind::Plain), (Ability::OpenReasoning, Kind::Open), (Ability::ForcedEnd, Kind::Closed)]
    {
        let found = of.wire.known.find(of, kind).await?;
        let way = Some(found.way).filter(|way| *way != Continuation::None);
        findings.push(Finding { way, ..finding(ability, found.verdict, found.how.clone()) });
    }
    findings.push(logprobs(of).await?);
    findings.push(several(of).await?);
    findings.push(tools(of).await?);
    let length = &of.dialect.length;
    let effort = [Effort::Low, Effort::High, Effort::Medium].iter().find_map(|effort| length.efforts.get(effort));
    let effort = effort.or(Some(&length.on)).filter(|fields| !fields.is_empty());
    findings.push(accepted(of, Ability::Effort, effort.cloned()).await?);
    let budget = Value::Object(length.budget.clone()).to_string();
    let tokens = length.least_budget.max(MOST).to_string();
    let budget = serde_json::from_str(&budget.replace(&format!("\"{TOKENS}\""), &tokens)).ok();
    findings
        .push(accepted(of, Ability::Budget, budget.filter(|fields: &Map<String, Value>| !fields.is_empty())).await?);
    let seed = of.dialect.seed.as_ref().map(|seed| Map::from_iter([(seed.field.clone(), 7.into())]));
    findings.push(accepted(of, Ability::Seed, seed).await?);
    findings.extend(ends(of, &plain).await?);
    Ok(Abilities { model: of.model.to_owned(), dialect: of.dialect.name.clone(), findings })
}

fn finding(ability: Ability, verdict: Verdict, how: impl Into<String>) -> Finding {
    let meaning = ability.meaning(verdict == Verdict::Yes);
    Finding { ability, verdict, how: how.into(), way: None, meaning }
}

fn base(of: Inquiry<'_>) -> Value {
    of.body(&json!([{"role": "user", "content": "Count from 1 to 9, with commas."}]), MOST)
}

/// What a refusal means; `Err` where the server could not be asked.
fn refused(ability: Ability, error: EngineError) -> Result<Finding, EngineError> {
    if is_refusal(&error) {
        let words: String = error.message.chars().take(120).collect();
        return Ok(finding(ability, Verdict::No, format!("refused: {words}")));
    }
    // A server that fails because of a field is not one that has it.
    if error.status.is_some_and(|status| status >= 500) {
        return Ok(finding(ability, Verdict::Unknown, format!("the engine failed: {}", error.message)));
    }
    Err(error)
}

/// Remembers a refused field, so that it is not sent again.
fn remember(of: Inquiry<'_>, field: &str, found: &Finding) {
    if found.verdict == Verdict::No && found.how.starts_with("refused") {
        of.wire.learned.remember(Refused { field: field.to_owned(), value: None });
    }
}

async fn logprobs(of: Inquiry<'_>) -> Result<Finding, EngineError> {
    let mut body = base(of);
    (body["logprobs"], body["top_logprobs"]) = (true.into(), 1.into());
    let found = match of.chat(&body).await {
        Ok(short) => {
            let has = short.choices().any(|c| c["logprobs"]["content"].as_array().is_some_and(|l| !l.is_empty()));
            let how = if has { "they came with the tokens" } else { "taken, but none came" };
            finding(Ability::Logprobs, if has { Verdict::Yes } else { Verdict::No }, how)
        }
        Err(error) => refused(Ability::Logprobs, error)?,
    };
    remember(of, "logprobs", &found);
    Ok(found)
}

async fn several(of: Inquiry<'_>) -> Result<Finding, EngineError> {
    let mut body = base(of);
    (body["n"], body["temperature"]) = (2.into(), 1.into());
    let found = match of.chat(&body).await {
        Ok(short) => {
            let has = |index: u64| short.choices().any(|choice| choice["index"] == index);
            let both = has(0) && has(1);
            let how = if both { "two choices came" } else { "taken, but one choice came" };
            finding(Ability::N, if both { Verdict::Yes } else { Verdict::No }, how)
        }
        Err(error) => refused(Ability::N, error)?,
    };
    remember(of, "n", &found);
    Ok(found)
}

async fn tools(of: Inquiry<'_>) -> Result<Finding, EngineError> {
    let mut body = base(of);
    body["tools"] = json!([{"type": "function", "function": {"name": "note", "description": "Notes a text.",
        "parameters": {"type": "object", "properties": {"text": {"type": "string"}}}}}]);
    body["tool_choice"] = "auto".into();
    Ok(match of.chat(&body).await {
        Ok(_) => finding(Ability::Tools, Verdict::Yes, "taken; whether the model calls them well was not tried"),
        Err(error) => refused(Ability::Tools, error)?,
    })
}

/// Whether fields are taken; what they do is not measured.
async fn accepted(
    of: Inquiry<'_>,
    ability: Ability,
    fields: Option<Map<String, Value>>,
) -> Result<Finding, EngineError> {
    let Some(fields) = fields else {
        let how = format!("the dialect {} has no word for it", of.dialect.name);
        return Ok(finding(ability, Verdict::No, how));
    };
    let mut body = base(of);
    if ability == Ability::Budget {
        // A limit below the budget is an error of its own with some servers.
        let limit = of.dialect.length.least_budget.max(MOST) + 8;
        body[of.limit()] = limit.into();
    }
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let names = names.join(", ");
    fields.iter().for_each(|(name, value)| body[name] = value.clone());
    let found = match of.chat(&body).await {
        Ok(_) => finding(ability, Verdict::Yes, format!("`{names}` is taken")),
        Err(error) => refused(ability, error)?,
    };
    if ability == Ability::Seed {
        remember(of, &names, &found);
    }
    Ok(found)
}

/// Usage in streams, and whether a stop text is reported.
async fn ends(of: Inquiry<'_>, plain: &Short) -> Result<[Finding; 2], EngineError> {
    let has_usage = |short: &Short| short.events.iter().any(|e| e["usage"]["prompt_tokens"].as_u64().is_some());
    let mut body = base(of);
    body["stop"] = json!(["3"]);
    body["stream_options"] = json!({"include_usage": true});
    let (usage, stopped): (Finding, Answer) = match of.chat(&body).await {
        Ok(short) => {
            let has = has_usage(&short);
            let how = if has { "it came at the end of the stream" } else { "taken, but none came" };
            (finding(Ability::StreamUsage, if has { Verdict::Yes } else { Verdict::No }, how), Ok(short))
        }
        Err(error) => {
            let mut found = refused(Ability::StreamUsage, error)?;
            remember(of, "stream_options", &found);
            if has_usage(plain) {
                found = finding(Ability::StreamUsage, Verdict::Yes, "it comes unasked; `stream_options` is refused");
            }
            if let Some(fields) = body.as_object_mut() {
                fields.remove("stream_options");
            }
            (found, of.chat(&body).await)
        }
    };
    let reported = |choice: &Value| ["matched_stop", "stop_reason"].iter().any(|name| choice[*name].is_string());
    let met = match stopped {
        Ok(short) if short.choices().any(reported) => {
            finding(Ability::MetStop, Verdict::Yes, "the text came with the end of the sample")
        }
        Ok(short) => {
            let stopped = short.choices().any(|choice| choice["finish_reason"] == "stop");
            let (verdict, how) = if stopped {
                (Verdict::No, "a sample that a stop text ended says `stop` alone")
            } else {
                (Verdict::Unknown, "no sample met the stop text")
            };
            finding(Ability::MetStop, verdict, how)
        }
        Err(error) => refused(Ability::MetStop, error)?,
    };
    Ok([usage, met])
}

/// Whether a text can be continued, as far as it was found out: what a dialect says is not believed, and of an
/// unknown server nothing is.
pub(super) fn continues(dialect: &Dialect, seen: Option<&super::continuation::Found>) -> Support {
    match seen {
        Some(found) if found.way == Continuation::None => Support::No,
        Some(found) if found.verdict == Verdict::Yes => Support::Yes,
        Some(_) => Support::Unknown,
        None if may_continue(dialect) => Support::Unknown,
        None => Support::No,
    }
}

/// Whether it is worth asking a server of this dialect.
pub(super) fn may_continue(dialect: &Dialect) -> bool {
    dialect.continuation != Continuation::None || dialect.is_generic()
}
