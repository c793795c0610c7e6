//! What the gateway's strategies may use beside its engines.

use super::configured::key;
use super::engine::EngineArgs;
use super::replay::read_table;
use super::server::Server;
use super::verifiers::{self, Plan};
use crate::error::CliError;
use futures_util::future::BoxFuture;
use outthink_core::{Comparer, Engine, Price, Verifier};
use outthink_engine::judge::{LlmJudge, ModelComparer};
use outthink_engine::openai::{OpenAiOptions, RewardModel, Secret};
use outthink_serve::config::{self, Config};
use outthink_serve::{ITSELF, MakeTests, Resources};
use outthink_verify::{CheckerError, VerifierSpec};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Verifiers by name.
pub(crate) type Verifiers = BTreeMap<String, Arc<dyn Verifier>>;

/// The verifiers of the flags, each as NAME=VERIFIER, checked as far as that needs no fetching.
pub(crate) fn named(specs: &[String], engine: &EngineArgs) -> Result<Vec<(String, Plan)>, CliError> {
    let one = |spec: &String| {
        let (name, verifier) = spec.split_once('=').map_or(("", ""), |(name, rest)| (name.trim(), rest.trim()));
        if name.is_empty() || name == ITSELF || verifier.is_empty() || name.contains(':') {
            return Err(CliError::usage(format!("--verifier {spec} gives a verifier no name"))
                .hint("give NAME=VERIFIER, such as reward=reward:pooling:http://127.0.0.1:8002#MODEL"));
        }
        if verifier == ITSELF {
            return Err(CliError::usage(format!("--verifier {spec} is there without the flag"))
                .hint("requests ask for it as outthink.verifiers = [\"self\"]"));
        }
        let verifier: VerifierSpec = verifier
            .parse()
            .map_err(|e: CheckerError| CliError::usage(e.to_string()).hint("see `outthink verifiers`"))?;
        Ok((name.to_owned(), verifiers::plan(&verifier, engine)?))
    };
    specs.iter().map(one).collect()
}

/// The verifiers that were located.
pub(crate) async fn connect(plans: Vec<(String, Plan)>) -> Result<Verifiers, CliError> {
    let mut made = Verifiers::new();
    for (name, plan) in plans {
        made.insert(name, plan.make_alone().await?);
    }
    Ok(made)
}

/// All that the configuration and the flags name.
pub(crate) async fn make(config: &Config, flagged: &Verifiers) -> Result<Resources, CliError> {
    let mut verifiers = flagged.clone();
    for verifier in &config.verifiers {
        verifiers.insert(verifier.name.clone(), of_config(verifier).await?);
    }
    let programs = if config.defaults.programs { Some(verifiers::programs().await?) } else { None };
    let table = config.defaults.table.as_deref().map(read_table).transpose()?;
    Ok(Resources {
        verifiers,
        itself: Some(Arc::new(|engine: &Arc<dyn Engine>| {
            Arc::new(LlmJudge::new(ITSELF, Arc::clone(engine))) as Arc<dyn Verifier>
        })),
        comparer: Some(Arc::new(|engine: &Arc<dyn Engine>| {
            Arc::new(ModelComparer::new(Arc::clone(engine))) as Arc<dyn Comparer>
        })),
        python_tests: config.defaults.python_tests.then(|| {
            Arc::new(|tests: String| -> BoxFuture<'static, Result<Arc<dyn Verifier>, String>> {
                Box::pin(async move { verifiers::python(tests).await.map_err(|e| e.message) })
            }) as MakeTests
        }),
        programs,
        table,
    })
}

async fn of_config(verifier: &config::Verifier) -> Result<Arc<dyn Verifier>, CliError> {
    let of = format!("verifier {}", verifier.name);
    let told = |error: CliError| CliError { message: format!("{of}: {}", error.message), ..error };
    let Some((url, model)) = verifier.server() else {
        return verifiers::plan_alone(&verifier.verifier).map_err(&told)?.make_alone().await.map_err(&told);
    };
    let mut options = OpenAiOptions::new(url);
    options.model = Some(model.to_owned());
    options.api_key = key(&of, verifier.key_env.as_deref(), verifier.key_file.as_deref())?.map(Secret::new);
    options.price = Price::per_million_usd(verifier.input_usd, verifier.input_usd, verifier.output_usd)
        .map_err(|e| CliError::usage(e.to_string()))?;
    if let VerifierSpec::Reward { shape, .. } = &verifier.verifier {
        return Ok(Arc::new(RewardModel::new(options, verifiers::shape(shape)?)?));
    }
    let server = Server::connect(None, options).await.map_err(|error| told(error.into()))?;
    Ok(Arc::new(LlmJudge::new(&verifier.name, server.engine)))
}
