//! What judges samples, as the command line names it.

use super::arms::Named;
use super::engine::EngineArgs;
use crate::env;
use crate::error::CliError;
use anyhow::Context;
use clap::Args;
use outthink_core::{Engine, ProgramRunner, Verifier};
use outthink_engine::judge::LlmJudge;
use outthink_engine::openai::{OpenAiOptions, RewardModel, RewardShape, Secret};
use outthink_engine::wasm::{WasmLimits, WasmVerifier};
use outthink_verify::{Checker, VerifierSpec};
use std::sync::Arc;

/// Verifiers.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Verifiers")]
pub(crate) struct VerifierArgs {
    /// What judges samples, such as numeric:42 or self; the kinds are listed below. May be repeated:
    /// scores are averaged.
    #[arg(long = "verifier", value_name = "VERIFIER")]
    pub(crate) verifiers: Vec<VerifierSpec>,
}

/// A verifier whose files are read and whose words are checked, before there is an engine.
pub(crate) enum Plan {
    Itself,
    Judge(Box<Named>),
    Reward(Box<OpenAiOptions>, RewardShape),
    Exact(Checker),
    Python(String),
    Wasm(WasmVerifier),
}

impl VerifierArgs {
    /// The verifiers, checked as far as that needs no model and no server.
    pub(crate) fn plans(&self, engine: &EngineArgs) -> Result<Vec<Plan>, CliError> {
        self.verifiers.iter().map(|spec| plan(spec, engine)).collect()
    }
}

/// What a verifier's name stands for. Reads its file, fetches nothing.
pub(crate) fn plan(spec: &VerifierSpec, engine: &EngineArgs) -> Result<Plan, CliError> {
    match spec {
        VerifierSpec::Judge { model } => Ok(Plan::Judge(Box::new(Named::parse(model, engine)?))),
        other => plan_alone(other),
    }
}

/// As [`plan`], of a verifier other than a model that the command line names.
pub(crate) fn plan_alone(spec: &VerifierSpec) -> Result<Plan, CliError> {
    let usage = |e: outthink_verify::CheckerError| CliError::usage(e.to_string());
    let Some(path) = spec.file() else { return of_words(spec.clone()) };
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = spec.clone().with_content(&content).map_err(|e| {
        let error = usage(e);
        CliError { message: format!("{}: {}", path.display(), error.message), ..error }
    })?;
    match read {
        VerifierSpec::Wasm(bytes) => {
            let name = format!("wasm:{}", path.display());
            Ok(Plan::Wasm(WasmVerifier::new(name, &bytes, WasmLimits::default())?))
        }
        other => of_words(other),
    }
}

/// The route by which a reward model is asked.
pub(crate) fn shape(name: &str) -> Result<RewardShape, CliError> {
    RewardShape::by_name(name).ok_or_else(|| CliError::usage(format!("a reward model is not asked by /{name} here")))
}

fn of_words(spec: VerifierSpec) -> Result<Plan, CliError> {
    Ok(match spec {
        VerifierSpec::Itself => Plan::Itself,
        VerifierSpec::Judge { model } => {
            return Err(CliError::usage(format!("the judge `{model}` is a model that is not known here")));
        }
        VerifierSpec::Reward { shape: name, url, model } => {
            let mut options = OpenAiOptions::new(&url);
            options.model = Some(model);
            options.api_key = env::var(env::API_KEY).map(Secret::new);
            Plan::Reward(Box::new(options), shape(name)?)
        }
        VerifierSpec::Rule(checker) => Plan::Exact(checker),
        VerifierSpec::PythonTests(tests) => Plan::Python(tests),
        VerifierSpec::Wasm(_) | VerifierSpec::File { .. } => {
            return Err(CliError::usage("this verifier needs a file").hint("give wasm:FILE"));
        }
        VerifierSpec::Named(name) => {
            return Err(CliError::usage(format!("the verifier `{name}` has a name in no configuration here")));
        }
    })
}

impl Plan {
    /// Fetches what the verifier needs. Not to be called from async code.
    pub(crate) fn locate(self) -> Result<Self, CliError> {
        Ok(match self {
            Self::Judge(named) => Self::Judge(Box::new(named.locate()?)),
            other => other,
        })
    }

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
                let engine = named.connect(outthink_core::Needs::default()).await?;
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

/// What runs the programs of the strategy `program`.
#[cfg(unix)]
pub(crate) async fn programs() -> Result<Arc<dyn ProgramRunner>, CliError> {
    use outthink_engine::sandbox::{PythonPrograms, SandboxLimits};
    Ok(Arc::new(PythonPrograms::new(SandboxLimits::default()).await?))
}

/// Programs, which are not run here.
#[cfg(not(unix))]
pub(crate) async fn programs() -> Result<Arc<dyn ProgramRunner>, CliError> {
    let error = CliError::failure("programs are not run here: there is no sandbox for this system");
    Err(error.hint("use another strategy, such as adaptive"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Args {
        #[command(flatten)]
        verifiers: VerifierArgs,
        #[command(flatten)]
        engine: EngineArgs,
    }

    fn plans(words: &[&str]) -> Result<usize, String> {
        let args =
            Args::try_parse_from(std::iter::once("t").chain(words.iter().copied())).map_err(|e| e.to_string())?;
        args.verifiers.plans(&args.engine).map(|plans| plans.len()).map_err(|e| e.message)
    }

    #[test]
    fn words_are_checked_when_arguments_are_parsed() {
        assert_eq!(plans(&["--verifier", "numeric:42", "--verifier", "self"]), Ok(2));
        assert_eq!(plans(&["--verifier", "reward:pooling:http://127.0.0.1:9#m"]), Ok(1));
        for (word, said) in [
            ("foo:1", "unknown verifier `foo`"),
            ("numreic:1", "did you mean `numeric`?"),
            ("reward:pooling:http://h", "names no reward model"),
            ("countdown:24", "a target and numbers"),
            ("regex:(", "cannot be used"),
        ] {
            let error = plans(&["--verifier", word]).unwrap_err();
            assert!(error.contains(said), "{word}: {error}");
        }
    }

    #[test]
    fn files_are_read_before_any_model_is_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schema.json");
        std::fs::write(&file, "{").unwrap();
        let word = |kind: &str| format!("{kind}:{}", file.display());
        assert!(plans(&["--verifier", &word("json-schema")]).unwrap_err().contains("not JSON"));
        assert!(plans(&["--verifier", &word("wasm")]).is_err(), "it is not a module");
        assert!(plans(&["--verifier", "wasm:no-such-file"]).unwrap_err().contains("cannot read no-such-file"));
        assert!(plans(&["--verifier", "judge:no-such-model"]).unwrap_err().contains("no-such-model"));
    }
}
