//! Upstream servers: one engine for each model, and a pool where several servers have the same.

use super::server::{Server, Spoken};
use crate::error::CliError;
use outthink_core::Engine;
use outthink_engine::openai::OpenAiOptions;
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use std::sync::Arc;

/// Retries at one server where there are others: another server is better than a wait.
const RETRIES_IN_A_POOL: u32 = 0;

/// The engine of the first model.
pub(crate) async fn connect(
    urls: &[String],
    spoken: Option<Spoken>,
    options: &OpenAiOptions,
) -> Result<Arc<dyn Engine>, CliError> {
    let mut engines = connect_all(urls, spoken, options).await?;
    Ok(engines.swap_remove(0))
}

/// The engines of all models, in the order of the servers that have them.
///
/// A server that does not answer now is left out where it has no model's name to go by, and else
/// joins in when it does.
///
/// # Errors
/// If no server answers.
pub(crate) async fn connect_all(
    urls: &[String],
    spoken: Option<Spoken>,
    options: &OpenAiOptions,
) -> Result<Vec<Arc<dyn Engine>>, CliError> {
    let alone = urls.len() == 1;
    let retries = if alone { options.max_retries } else { RETRIES_IN_A_POOL };
    let at = |url: &String| OpenAiOptions { base_url: url.clone(), max_retries: retries, ..options.clone() };
    let tried = futures_util::future::join_all(urls.iter().map(|url| Server::connect(spoken, at(url)))).await;
    let mut first_error = None;
    let mut found: Vec<(String, Server)> = Vec::new();
    let mut silent = Vec::new();
    for (url, engine) in urls.iter().zip(tried) {
        match engine {
            Ok(server) => found.push((url.clone(), server)),
            Err(error) => {
                if !alone {
                    eprintln!("warning: {url} does not answer now: {error}");
                }
                first_error.get_or_insert(error);
                silent.push(url);
            }
        }
    }
    let Some((_, first)) = found.first() else {
        return Err(first_error.map_or_else(|| CliError::usage("no upstream server is named"), CliError::from));
    };
    // What does not answer yet is taken for a server of the first model.
    let (model, dialect) = (first.engine.model().id.clone(), first.dialect.clone());
    for url in silent {
        let options = OpenAiOptions { model: Some(model.clone()), dialect: dialect.clone(), ..at(url) };
        found.push((url.clone(), Server::new(spoken, options)?));
    }
    let mut models: Vec<(String, Vec<Member>)> = Vec::new();
    for (url, Server { engine, probe, .. }) in found {
        let id = engine.model().id.clone();
        let member = Member { probe, ..Member::new(url, engine) };
        match models.iter_mut().find(|(known, _)| *known == id) {
            Some((_, members)) => members.push(member),
            None => models.push((id, vec![member])),
        }
    }
    models.into_iter().map(|(_, members)| engine_of(members)).collect()
}

/// The engine of one model.
fn engine_of(mut members: Vec<Member>) -> Result<Arc<dyn Engine>, CliError> {
    if members.len() == 1 {
        return Ok(members.swap_remove(0).engine);
    }
    let pool = PoolEngine::new(members, PoolOptions::default())?;
    tokio::spawn(pool.watch());
    Ok(Arc::new(pool))
}
