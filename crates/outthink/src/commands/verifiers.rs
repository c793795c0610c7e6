//! What judges samples, as the command line names it.

use super::arms::Named;
use super::engine::EngineArgs;
use crate::env;
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_core::{Engine, Verifier};
use outthink_engine::judge::LlmJudge;
use outthink_engine::openai::{OpenAiOptions, RewardModel, RewardShape, Secret};
use outthink_engine::wasm::{WasmLimits, WasmVerifier};
use outthink_verify::{Checker, Countdown, JsonSchema, Numeric, Pattern};
use std::sync::Arc;

/// Verifiers.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Verifiers")]
pub(crate) struct VerifierArgs {
    /// What judges samples: self (the model itself), judge:MODEL, reward:SHAPE:URL#MODEL (shape
    /// pooling, score or classify), numeric:ANSWER, countdown:TARGET=A,B,C, regex:PATTERN,
    /// json-schema:FILE, wasm:FILE or python-tests:FILE. May be repeated: scores are averaged.
    #[arg(long = "verifier", value_name = "VERIFIER")]
    pub(crate) verifiers: Vec<String>,
}

/// A verifier that was named, before there is an engine.
pub(crate) enum Plan {
    Itself,
    Judge(Named),
    Reward(Box<OpenAiOptions>, RewardShape),
    Exact(Checker),
    Python(String),
    Wasm(WasmVerifier),
}

const KINDS: &str = "use self, judge:MODEL, reward:SHAPE:URL#MODEL, numeric:ANSWER, countdown:TARGET=A,B,C, \
                     regex:PATTERN, json-schema:FILE, wasm:FILE or python-tests:FILE";

impl VerifierArgs {
    /// The verifiers, checked, their files read and models fetched. Not to be called from async code.
    pub(crate) fn locate(&self, engine: &EngineArgs) -> Result<Vec<Plan>, CliError> {
        self.verifiers.iter().map(|spec| plan(spec, engine)).collect()
    }
}

/// What a verifier's name stands for. Not to be called from async code.
pub(crate) fn plan(spec: &str, engine: &EngineArgs) -> Result<Plan, CliError> {
    let (kind, rest) = spec.split_once(':').unwrap_or((spec, ""));
    let usage = |e: &outthink_verify::CheckerError| CliError::usage(e.to_string());
    let file = || std::fs::read_to_string(rest).with_context(|| format!("cannot read {rest}"));
    Ok(match kind {
        "self" if rest.is_empty() => Plan::Itself,
        "judge" => Plan::Judge(Named::locate(rest, engine)?),
        "reward" => reward(rest)?,
        "numeric" => Plan::Exact(Checker::Numeric(Numeric::new(rest).map_err(|e| usage(&e))?)),
        "countdown" => Plan::Exact(Checker::Countdown(countdown(rest)?)),
        "regex" => Plan::Exact(Checker::Pattern(Pattern::new(rest).map_err(|e| usage(&e))?)),
        "json-schema" => {
            let schema = serde_json::from_str(&file()?).with_context(|| format!("{rest} is no JSON"))?;
            Plan::Exact(Checker::JsonSchema(JsonSchema::new(&schema).map_err(|e| usage(&e))?))
        }
        "wasm" => {
            let bytes = std::fs::read(rest).with_context(|| format!("cannot read {rest}"))?;
            Plan::Wasm(WasmVerifier::new(spec, &bytes, WasmLimits::default())?)
        }
        "python-tests" => Plan::Python(file()?),
        _ => return Err(CliError::usage(format!("unknown verifier `{spec}`")).hint(KINDS)),
    })
}

fn reward(spec: &str) -> Result<Plan, CliError> {
    let bad = || {
        CliError::usage(format!("reward:{spec} names no reward model"))
            .hint("give reward:SHAPE:URL#MODEL with the shape pooling, score or classify")
    };
    let (shape, place) = spec.split_once(':').ok_or_else(bad)?;
    let shape = RewardShape::by_name(shape).ok_or_else(bad)?;
    let (url, model) = place.split_once('#').filter(|(_, model)| !model.is_empty()).ok_or_else(bad)?;
    let mut options = OpenAiOptions::new(url);
    options.model = Some(model.to_owned());
    options.api_key = env::var(env::API_KEY).map(Secret::new);
    Ok(Plan::Reward(Box::new(options), shape))
}

fn countdown(spec: &str) -> Result<Countdown, CliError> {
    let bad = || CliError::usage(format!("countdown:{spec} is no game")).hint("give countdown:24=4,9,10,13");
    let (target, numbers) = spec.split_once('=').ok_or_else(bad)?;
    let numbers: Option<Vec<u64>> = numbers.split(',').map(|n| n.trim().parse().ok()).collect();
    let target = target.trim().parse().map_err(|_| bad())?;
    Countdown::new(&numbers.ok_or_else(bad)?, target).map_err(|e| CliError::usage(e.to_string()))
}

impl Plan {
    /// The verifier; `engine` is the one that draws the samples.
    pub(crate) async fn make(self, engine: &Arc<dyn Engine>) -> Result<Arc<dyn Verifier>, CliError> {
        match self {
            Self::Itself => Ok(Arc::new(LlmJudge::new("self", Arc::clone(engine)))),
            other => other.make_alone().await,
        }
    }

    /// As [`Plan::make`], of a verifier that needs no engine but its own.
    pub(crate) async fn make_alone(self) -> Result<Arc<dyn Verifier>, CliError> {
        Ok(match self {
            Self::Itself => return Err(CliError::usage("a model judges itself only where it draws samples")),
            Self::Judge(named) => {
                let engine = named.connect().await?;
                Arc::new(LlmJudge::new(format!("judge {}", engine.model().id), engine))
            }
            Self::Reward(options, shape) => Arc::new(RewardModel::new(*options, shape)?),
            Self::Exact(checker) => Arc::new(checker),
            Self::Wasm(module) => Arc::new(module),
            Self::Python(tests) => python(tests).await?,
        })
    }
}

/// Unit tests, run in a sandbox.
#[cfg(unix)]
pub(crate) async fn python(tests: String) -> Result<Arc<dyn Verifier>, CliError> {
    use outthink_engine::sandbox::{PythonTests, SandboxLimits};
    Ok(Arc::new(PythonTests::new(tests, SandboxLimits::default()).await?))
}

/// Unit tests, which are not run here.
#[cfg(not(unix))]
pub(crate) async fn python(_: String) -> Result<Arc<dyn Verifier>, CliError> {
    Err(CliError::failure("code is not run here: there is no sandbox for this system").hint("use another verifier"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn games_are_read() {
        assert!(countdown("24=4,9,10,13").is_ok());
        for bad in ["24", "x=1,2", "24=1", "24=1,b"] {
            assert_eq!(countdown(bad).unwrap_err().code, 2, "{bad}");
        }
        assert_eq!(reward("pooling:http://h").err().map(|e| e.code), Some(2));
    }
}
