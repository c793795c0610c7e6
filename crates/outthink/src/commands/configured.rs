//! The engines of a configuration: one pool a model, over its upstreams and those of its fallbacks.

use super::engine::dialect;
use super::server::{Server, Spoken};
use crate::env;
use crate::error::CliError;
use anyhow::Context;
use outthink_core::{Engine, EngineError};
use outthink_engine::openai::{OpenAiOptions, Secret, Timeouts};
use outthink_engine::pool::{Member, PoolEngine, PoolOptions};
use outthink_serve::config::{Balance, Config, Model, Upstream};
use outthink_serve::{Health, UpstreamHealth};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Connects to all upstreams. One that does not answer now is used once it does, as long as another one
/// serves the same model.
pub(crate) async fn connect(config: &Config) -> Result<(Vec<Arc<dyn Engine>>, Health), CliError> {
    let mut pools = Vec::new();
    if config.models.is_empty() {
        for upstream in &config.upstreams {
            let options = options(upstream, None)?;
            let connected = Server::connect(spoken(upstream)?, options).await;
            let Server { engine, probe, .. } = connected.map_err(|e| unreachable(upstream, e))?;
            let member = Member { weight: upstream.weight, probe, ..Member::new(&upstream.name, engine) };
            pools.push(pool(vec![member], &config.balance)?);
        }
    }
    for model in &config.models {
        pools.push(pool(members(config, model).await?, &config.balance)?);
    }
    if let Some(default) = &config.defaults.model {
        // The first engine is the default.
        pools.sort_by_key(|pool| pool.model().id != *default);
    }
    for pool in &pools {
        tokio::spawn(pool.watch());
    }
    let watched: Vec<_> = pools.iter().map(Arc::downgrade).collect();
    let health: Health = Arc::new(move || report(watched.iter().filter_map(std::sync::Weak::upgrade)));
    Ok((pools.into_iter().map(|pool| pool as Arc<dyn Engine>).collect(), health))
}

/// The upstreams of a model, and those of its fallbacks behind them.
async fn members(config: &Config, model: &Model) -> Result<Vec<Member>, CliError> {
    let fallbacks = model.fallbacks.iter().filter_map(|name| config.models.iter().find(|m| m.name == *name));
    let mut members = Vec::new();
    for (tier, served) in std::iter::once(model).chain(fallbacks).enumerate() {
        let ours = |u: &&Upstream| served.upstreams.is_empty() || served.upstreams.contains(&u.name);
        for upstream in config.upstreams.iter().filter(ours) {
            let mut options = options(upstream, Some(served.upstream_name()))?;
            options.price = served.price().map_err(|e| CliError::usage(e.to_string()))?;
            let spoken = spoken(upstream)?;
            let Server { engine, probe, .. } = match Server::connect(spoken, options.clone()).await {
                Ok(server) => server,
                Err(error) if error.retryable || error.status.is_none() => {
                    tracing::warn!(upstream = %upstream.name, %error, "an upstream does not answer yet");
                    Server::new(spoken, options)?
                }
                Err(error) => return Err(unreachable(upstream, error)),
            };
            let tier = u32::try_from(tier).unwrap_or(u32::MAX);
            let named = super::engine::named(engine, &served.name, served.context);
            members.push(Member { weight: upstream.weight, tier, probe, ..Member::new(&upstream.name, named) });
        }
    }
    Ok(members)
}

/// What an upstream speaks, where that is said.
fn spoken(upstream: &Upstream) -> Result<Option<Spoken>, CliError> {
    let name = upstream.protocol.as_deref().map(Spoken::named);
    name.transpose().map_err(|error| CliError::usage(format!("upstream {}: {error}", upstream.name)))
}

fn pool(members: Vec<Member>, balance: &Balance) -> Result<Arc<PoolEngine>, CliError> {
    let probe_every = (balance.probe_seconds > 0.0).then(|| Duration::from_secs_f64(balance.probe_seconds));
    Ok(Arc::new(PoolEngine::new(members, PoolOptions { hedge: balance.hedge, probe_every })?))
}

fn options(upstream: &Upstream, model: Option<&str>) -> Result<OpenAiOptions, CliError> {
    let mut options = OpenAiOptions::new(&upstream.url);
    options.model = model.map(str::to_owned);
    let of = format!("upstream {}", upstream.name);
    options.api_key = key(&of, upstream.key_env.as_deref(), upstream.key_file.as_deref())?.map(Secret::new);
    options.dialect =
        upstream.dialect.as_deref().map(dialect).transpose().map_err(|e| CliError::usage(format!("{of}: {e}")))?;
    options.timeouts = Timeouts {
        connect: Duration::from_secs_f64(upstream.connect_seconds),
        first_token: Duration::from_secs_f64(upstream.first_token_seconds),
        idle: Duration::from_secs_f64(upstream.idle_seconds),
        total: Duration::from_secs_f64(upstream.total_seconds),
    };
    options.max_retries = upstream.retries;
    options.max_in_flight = upstream.max_in_flight;
    Ok(options)
}

/// The key of a server, `of` in errors. Only the name of what holds it is ever told.
pub(crate) fn key(of: &str, variable: Option<&str>, file: Option<&Path>) -> Result<Option<String>, CliError> {
    match (variable, file) {
        (Some(name), _) => env::var(name).map(Some).ok_or_else(|| {
            CliError::usage(format!("the variable {name} holds no key for the {of}"))
                .hint("set it, or take key_env out")
        }),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the key file {}", path.display()))?;
            Ok(Some(text.trim().to_owned()))
        }
        (None, None) => Ok(None),
    }
}

fn unreachable(upstream: &Upstream, error: EngineError) -> CliError {
    let mut error = CliError::from(error);
    error.message = format!("upstream {}: {}", upstream.name, error.message);
    error
}

/// How the upstreams are doing over all pools that they are in.
fn report(pools: impl Iterator<Item = Arc<PoolEngine>>) -> Vec<UpstreamHealth> {
    let mut all: BTreeMap<String, UpstreamHealth> = BTreeMap::new();
    for member in pools.flat_map(|pool| pool.report()) {
        let entry = all.entry(member.name.clone()).or_insert_with(|| UpstreamHealth {
            name: member.name.clone(),
            up: true,
            outstanding_tokens: 0,
            failure_share: 0.0,
        });
        entry.up &= member.fit;
        entry.outstanding_tokens += member.outstanding;
        entry.failure_share = entry.failure_share.max(member.failures);
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;
    use outthink_core::{Prompt, SampleEvent, SampleRequest};
    use outthink_serve::config::Source;
    use outthink_testkit::server::{self, Reply, Scenario};

    #[tokio::test]
    async fn a_fallback_takes_over_at_once_and_is_named_and_paid_as_itself() {
        let down = Reply::json(serde_json::json!({"error": {"message": "busy"}})).status(503);
        let down = server::Server::start(Scenario::chat([down]));
        let good = server::Server::start(Scenario::chat([Reply::text("4")]));
        let text = format!(
            "[[upstreams]]\nname = \"a\"\nurl = \"{}\"\n[[upstreams]]\nname = \"b\"\nurl = \"{}\"\n\
            [[models]]\nname = \"small\"\nupstreams = [\"a\"]\ninput_usd = 0.1\noutput_usd = 0.2\nfallbacks = [\"large\"]\n\
            [[models]]\nname = \"large\"\nupstreams = [\"b\"]\ninput_usd = 2.5\noutput_usd = 10.0\n",
            down.url(),
            good.url()
        );
        let config = Config::parse(&Source { name: "t".into(), text, variables: Vec::new() }).unwrap();
        let pool = pool(members(&config, &config.models[0]).await.unwrap(), &config.balance).unwrap();
        let before = down.requests().len();
        let request = SampleRequest { prompt: Prompt::user("2+2?").into(), seeds: vec![1], ..SampleRequest::default() };
        let events: Vec<_> = pool.start(request).remove(0).collect().await;
        let sources: Vec<_> =
            events.iter().filter_map(|e| if let Ok(SampleEvent::Started(s)) = e { Some(s) } else { None }).collect();
        let names: Vec<_> = sources.iter().map(|s| (s.model.as_str(), s.member.as_deref())).collect();
        assert_eq!(names, [("small", Some("a")), ("large", Some("b"))]);
        assert!(sources[1].price.output > sources[0].price.output && pool.model().id == "small");
        assert!(matches!(events.last(), Some(Ok(SampleEvent::Finish(_)))));
        assert_eq!(down.requests().len(), before + 1, "not asked again");
    }
}
