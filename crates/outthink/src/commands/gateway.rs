//! What a gateway is made of: engines, keys, policy; made at the start and again at each reload.

use super::config;
use super::keys::ledger_url;
use super::resources::Verifiers;
use crate::env;
use crate::error::CliError;
use anyhow::Context;
use outthink_core::Engine;
use outthink_ledger::{Ledger, weakness};
use outthink_serve::config::{Config, Store};
use outthink_serve::{Control, Policy, ServeOptions, spans};
use std::path::Path;
use std::sync::Arc;

/// What does not change while the process lives.
pub(crate) struct Fixed {
    /// What outlives reloads.
    pub(crate) control: Arc<Control>,
    /// The keys and budgets, to be closed at the end.
    pub(crate) ledger: Option<Ledger>,
}

/// Opens the ledger where one is needed, checks the administrator's key, and starts the senders.
pub(crate) async fn fixed(config: &Config) -> Result<Fixed, CliError> {
    let admin_key = admin_key(config)?;
    let keys = &config.keys;
    let wanted = config.needs_keys()
        || keys.ledger.is_some()
        || keys.ledger_env.is_some()
        || config.privacy.store != Store::None;
    let ledger = if wanted {
        Some(Ledger::open(&ledger_url(config)?, keys.lease_seconds).await?.claiming_ahead(keys.claim_ahead))
    } else {
        None
    };
    if let Some(ledger) = &ledger
        && config.needs_keys()
        && admin_key.is_none()
        && !ledger.keys().await?.iter().any(|k| k.key.revoked.is_none())
    {
        ledger.close().await;
        return Err(CliError::usage(format!(
            "{} is not a loopback address, so keys are needed, and there are none",
            config.server.host
        ))
        .hint("make one with `outthink keys create NAME`, or listen on 127.0.0.1"));
    }
    let mut control = Control::new().with_admin_key(admin_key).with_salt(env::var(env::HASH_SALT));
    if let Some(ledger) = &ledger {
        control = control.with_ledger(ledger.clone());
    }
    if let Some(otlp) = &config.observability.otlp {
        let (sender, receiver) = spans(&otlp.service, otlp.sample);
        control = control.with_spans(sender);
        tokio::spawn(crate::otlp::send(otlp.clone(), receiver));
    }
    Ok(Fixed { control: Arc::new(control), ledger })
}

/// The administrator's key of the environment. A weak one is refused off loopback.
fn admin_key(config: &Config) -> Result<Option<String>, CliError> {
    let Some(name) = &config.keys.admin_key_env else { return Ok(None) };
    let key = env::var(name);
    if let Some(key) = &key
        && !config.server.host.is_loopback()
        && let Some(why) = weakness(key)
    {
        return Err(CliError::usage(format!(
            "the administrator's key in {name} is too weak for {}: {why}",
            config.server.host
        ))
        .hint("make one with `openssl rand -hex 32`, or listen on 127.0.0.1"));
    }
    Ok(key)
}

/// Engines and policy by the configuration.
pub(crate) async fn options(
    config: Config,
    control: Arc<Control>,
    fallback: Vec<Arc<dyn Engine>>,
    extra: &Verifiers,
) -> Result<ServeOptions, CliError> {
    let (engines, health) = if config.upstreams.is_empty() {
        (fallback, None)
    } else {
        let (engines, health) = super::configured::connect(&config).await?;
        (engines, Some(health))
    };
    let report = match &config.observability.report {
        None => None,
        Some(path) => Some(Arc::new(report(path)?)),
    };
    let resources = super::resources::make(&config, extra).await?;
    Ok(ServeOptions::configured(engines, control, Policy { config: Arc::new(config), report, health, resources }))
}

/// The report that the page draws, brought into its form.
fn report(path: &Path) -> Result<serde_json::Value, CliError> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the report {}", path.display()))?;
    crate::drawn::figures(&text).ok_or_else(|| {
        CliError::usage(format!("{} is not a report that the page can draw", path.display()))
            .hint("name the JSON of `outthink fit` or of `outthink replay --json`")
    })
}

/// Reads the file again; what is wrong with it is told, and what cannot be changed by a reload.
pub(crate) fn reread(
    path: &Path,
    before: &Config,
    with_flags: impl FnOnce(Config) -> Result<Config, CliError>,
) -> Result<Config, CliError> {
    let config = with_flags(config::read(path)?)?;
    let fixed = [
        ("server.host", config.server.host != before.server.host),
        ("server.port", config.server.port != before.server.port),
        ("server.tls", config.server.tls != before.server.tls),
        (
            "keys.ledger",
            (&config.keys.ledger, &config.keys.ledger_env) != (&before.keys.ledger, &before.keys.ledger_env),
        ),
        ("keys.lease_seconds", config.keys.lease_seconds != before.keys.lease_seconds),
        ("keys.claim_ahead", config.keys.claim_ahead != before.keys.claim_ahead),
        ("keys.admin_key_env", config.keys.admin_key_env != before.keys.admin_key_env),
        ("observability.otlp", config.observability.otlp != before.observability.otlp),
        (
            "observability.log",
            (config.observability.log, config.observability.level)
                != (before.observability.log, before.observability.level),
        ),
    ];
    for (key, _) in fixed.into_iter().filter(|(_, changed)| *changed) {
        tracing::warn!(key, "this key changes with the next start, not with a reload");
    }
    Ok(config)
}
