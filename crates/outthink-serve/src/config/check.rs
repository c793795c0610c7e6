//! What types cannot say: ranges, references between tables, contradictions.

use super::{Config, ITSELF, KeyMode, Problem};
use outthink_core::{ArmName, Price};
use outthink_strategy::StrategySpec;
use outthink_verify::VerifierSpec;
use std::collections::HashSet;

/// All that is wrong, in the order of the file's sections.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    server(config, &mut found);
    defaults(config, &mut found);
    efforts(config, &mut found);
    upstreams(config, &mut found);
    models(config, &mut found);
    balance(config, &mut found);
    verifiers(config, &mut found);
    keys(config, &mut found);
    observability(config, &mut found);
    found
}

fn server(config: &Config, found: &mut Vec<Problem>) {
    let limits = &config.server.limits;
    let counts = [
        ("body_bytes", limits.body_bytes),
        ("head_bytes", limits.head_bytes),
        ("file_bytes", limits.file_bytes),
        ("messages", limits.messages),
        ("connections", limits.connections),
        ("in_flight", limits.in_flight),
        ("batch_lines", limits.batch_lines),
    ];
    for (key, count) in counts {
        if count == 0 {
            let words = format!("{key} is 0, which lets nothing through: give at least 1");
            found.push(Problem::new(format!("server.limits.{key}"), words));
        }
    }
    for (key, seconds) in [
        ("head_seconds", limits.head_seconds),
        ("idle_seconds", limits.idle_seconds),
        ("body_seconds", limits.body_seconds),
        ("write_seconds", limits.write_seconds),
    ] {
        if let Some(words) = duration(seconds) {
            found.push(Problem::new(format!("server.limits.{key}"), words));
        }
    }
    if let Some(words) = duration(config.server.drain_seconds) {
        found.push(Problem::new("server.drain_seconds", words));
    }
    for origin in &config.server.cors_origins {
        let host = origin.split_once("://").map(|(_, host)| host);
        if origin != "*" && host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
            let words = format!("`{origin}` is not an origin: give one such as https://app.example, or *");
            found.push(Problem::new("server.cors_origins", words));
        }
    }
    if (1..1024).contains(&limits.head_bytes) {
        found.push(Problem::new(
            "server.limits.head_bytes",
            "no client's head fits into so few bytes: give at least 1024",
        ));
    }
}

fn defaults(config: &Config, found: &mut Vec<Problem>) {
    if let Some(model) = &config.defaults.model
        && !config.models.is_empty()
        && !config.models.iter().any(|m| m.name == *model)
    {
        let words = format!("`{model}` is not among the models: use {}", names(config.models.iter().map(|m| &m.name)));
        found.push(Problem::new("defaults.model", words));
    }
}

fn efforts(config: &Config, found: &mut Vec<Problem>) {
    for (effort, settings) in &config.efforts {
        let path = format!("efforts.{effort}");
        if let Some((key, words)) = &settings.wrong {
            found.push(Problem::new(format!("{path}.{key}"), words));
            continue;
        }
        for name in &settings.verifiers {
            if name != ITSELF && !config.verifiers.iter().any(|v| v.name == *name) {
                let known = names(std::iter::once(ITSELF).chain(config.verifiers.iter().map(|v| v.name.as_str())));
                found
                    .push(Problem::new(format!("{path}.verifiers"), format!("unknown verifier `{name}`: use {known}")));
            }
        }
        for name in &settings.arms {
            if let Err(words) = arm(config, name) {
                found.push(Problem::new(format!("{path}.arms"), words));
            }
        }
        let plan = settings.plan.resolve(*effort, StrategySpec::for_effort).map(drop);
        if let Err(error) = plan.and_then(|()| settings.plan.budget().map(drop)) {
            found.push(Problem::new(format!("{path}.{}", error.field), error.message));
        }
    }
}

/// Checks the name of an arm: a model, perhaps with an effort behind it, or an effort alone.
fn arm(config: &Config, name: &str) -> Result<(), String> {
    let is_known = |name: &str| config.models.iter().any(|m| m.name == name);
    if is_known(name) {
        return Ok(());
    }
    let ArmName { model, effort } = ArmName::parse(name).map_err(|error| format!("`{name}` names an {error}"))?;
    if is_known(model) || (model.is_empty() && effort.is_some()) {
        return Ok(());
    }
    let known = names(config.models.iter().map(|m| m.name.as_str()));
    Err(format!("`{model}` is not a model: use {known}"))
}

fn upstreams(config: &Config, found: &mut Vec<Problem>) {
    unique("upstreams", config.upstreams.iter().map(|u| u.name.as_str()), found);
    for (i, upstream) in config.upstreams.iter().enumerate() {
        let path = |key: &str| format!("upstreams[{i}].{key}");
        if let Some(words) = address(&upstream.url) {
            found.push(Problem::new(path("url"), words));
        }
        if upstream.key_env.is_some() && upstream.key_file.is_some() {
            found.push(Problem::new(path("key_file"), "the key is named twice: give key_env or key_file"));
        }
        if let Some(name) = &upstream.key_env
            && let Some(words) = variable(name)
        {
            found.push(Problem::new(path("key_env"), words));
        }
        if !(upstream.weight.is_finite() && upstream.weight > 0.0) {
            found.push(Problem::new(path("weight"), "a weight is above 0: give one, or take the upstream out"));
        }
        if upstream.max_in_flight == 0 {
            found.push(Problem::new(path("max_in_flight"), "0 samples at once answer nothing: give at least 1"));
        }
        for (key, seconds) in [
            ("connect_seconds", upstream.connect_seconds),
            ("first_token_seconds", upstream.first_token_seconds),
            ("idle_seconds", upstream.idle_seconds),
            ("total_seconds", upstream.total_seconds),
        ] {
            if let Some(words) = duration(seconds) {
                found.push(Problem::new(path(key), words));
            }
        }
    }
}

fn models(config: &Config, found: &mut Vec<Problem>) {
    unique("models", config.models.iter().map(|m| m.name.as_str()), found);
    if config.prices.import.is_some() && config.models.is_empty() {
        found.push(Problem::new("prices.import", "prices are those of models: add [[models]]"));
    }
    for (i, model) in config.models.iter().enumerate() {
        let path = |key: &str| format!("models[{i}].{key}");
        if config.upstreams.is_empty() {
            found.push(Problem::new(path("name"), "a model needs an upstream that serves it: add [[upstreams]]"));
        }
        for name in &model.upstreams {
            if !config.upstreams.iter().any(|u| u.name == *name) {
                let known = names(config.upstreams.iter().map(|u| &u.name));
                found.push(Problem::new(path("upstreams"), format!("unknown upstream `{name}`: use {known}")));
            }
        }
        for name in &model.fallbacks {
            if *name == model.name {
                found.push(Problem::new(path("fallbacks"), "a model cannot be its own fallback: name another one"));
            } else if !config.models.iter().any(|m| m.name == *name) {
                let known = names(config.models.iter().map(|m| &m.name));
                found.push(Problem::new(path("fallbacks"), format!("`{name}` is not a model: use {known}")));
            }
        }
        if let Err(error) = model.price() {
            let kinds = [("output_usd", model.output_usd), ("cached_usd", model.cached_usd)];
            let more = [
                ("cache_write_usd", model.cache_write_usd),
                ("cache_write_1h_usd", model.cache_write_1h_usd),
                ("reasoning_usd", model.reasoning_usd),
            ];
            let wrong = |(_, usd): &(&str, Option<f64>)| usd.is_some_and(|usd| !(usd.is_finite() && usd >= 0.0));
            let own = kinds.into_iter().chain(more).find(wrong).map(|(key, _)| key);
            let of_long = || {
                if model.input_usd.is_none_or(|usd| usd >= 0.0) && model.long.is_some() { "long" } else { "input_usd" }
            };
            let key = own.unwrap_or_else(of_long);
            found.push(Problem::new(path(key), error.to_string()));
        }
        if model.long.as_ref().is_some_and(|long| long.above_tokens == 0) {
            let words = "above 0 tokens is every prompt: set the prices of the model, or a number of tokens";
            found.push(Problem::new(path("long.above_tokens"), words));
        }
        if model.price_as.is_some() && (config.prices.import.is_none() || model.has_own_price()) {
            let words = "the name is for a list of prices: set prices.import, and give no price here";
            found.push(Problem::new(path("price_as"), words));
        }
        if model.context == Some(0) {
            found.push(Problem::new(path("context"), "a context of 0 tokens holds nothing: leave it out"));
        }
    }
}

fn verifiers(config: &Config, found: &mut Vec<Problem>) {
    unique("verifiers", config.verifiers.iter().map(|v| v.name.as_str()), found);
    for (i, verifier) in config.verifiers.iter().enumerate() {
        let path = |key: &str| format!("verifiers[{i}].{key}");
        if verifier.name == ITSELF {
            found.push(Problem::new(path("name"), "`self` is the model itself: give another name"));
        }
        match (&verifier.verifier, verifier.server()) {
            (VerifierSpec::Itself, _) => {
                found.push(Problem::new(path("verifier"), "`self` is there without a name: ask for it as `self`"));
            }
            (VerifierSpec::Named(name), _) => {
                let words = format!("`{name}` is a name and no kind of verifier: see `outthink verifiers`");
                found.push(Problem::new(path("verifier"), words));
            }
            (VerifierSpec::Judge { .. }, None) => {
                let words = "a judge of the gateway is a model at a server: give judge:URL#MODEL";
                found.push(Problem::new(path("verifier"), words));
            }
            (_, Some((url, _))) => {
                found.extend(address(url).map(|words| Problem::new(path("verifier"), words)));
            }
            (_, None) => {}
        }
        if verifier.key_env.is_some() && verifier.key_file.is_some() {
            found.push(Problem::new(path("key_file"), "the key is named twice: give key_env or key_file"));
        }
        if let Some(words) = verifier.key_env.as_deref().and_then(variable) {
            found.push(Problem::new(path("key_env"), words));
        }
        if let Err(error) = Price::per_million_usd(verifier.input_usd, verifier.input_usd, verifier.output_usd) {
            found.push(Problem::new(path("input_usd"), error.to_string()));
        }
    }
}

fn balance(config: &Config, found: &mut Vec<Problem>) {
    let balance = &config.balance;
    if !(0.0..=86_400.0).contains(&balance.probe_seconds) {
        found.push(Problem::new("balance.probe_seconds", "give seconds from 0 (never) to 86400"));
    }
}

fn keys(config: &Config, found: &mut Vec<Problem>) {
    let keys = &config.keys;
    if keys.mode == KeyMode::Off && !config.server.host.is_loopback() {
        let words = format!(
            "keys may be off on loopback alone, and the gateway listens on {}: leave mode out, or listen on 127.0.0.1",
            config.server.host
        );
        found.push(Problem::new("keys.mode", words));
    }
    if keys.ledger.is_some() && keys.ledger_env.is_some() {
        found.push(Problem::new("keys.ledger_env", "the ledger is named twice: give ledger or ledger_env"));
    }
    if let Some(url) = &keys.ledger {
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            let words = "the address is of no known kind: give sqlite:FILE or postgres://HOST/DATABASE";
            found.push(Problem::new("keys.ledger", words));
        } else if url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'))
            .is_some_and(|(user, _)| user.contains(':'))
        {
            let words =
                "the address holds a password: put it into a variable of the environment and name that in ledger_env";
            found.push(Problem::new("keys.ledger", words));
        }
    }
    for (key, name) in [("ledger_env", &keys.ledger_env), ("admin_key_env", &keys.admin_key_env)] {
        if let Some(words) = name.as_deref().and_then(variable) {
            found.push(Problem::new(format!("keys.{key}"), words));
        }
    }
    if !(3..=3_600).contains(&keys.lease_seconds) {
        found.push(Problem::new("keys.lease_seconds", "give seconds from 3 to 3600"));
    }
    if !(config.privacy.retention_hours > 0.0 && config.privacy.retention_hours <= 87_600.0) {
        found.push(Problem::new("privacy.retention_hours", "give hours above 0 and up to 87600"));
    }
}

fn observability(config: &Config, found: &mut Vec<Problem>) {
    let observability = &config.observability;
    if observability.recent > 10_000 {
        found.push(Problem::new("observability.recent", "so many requests fill the memory: give at most 10000"));
    }
    if let Some(otlp) = &observability.otlp {
        if let Some(words) = address(&otlp.endpoint) {
            found.push(Problem::new("observability.otlp.endpoint", words));
        }
        if !(0.0..=1.0).contains(&otlp.sample) {
            found.push(Problem::new("observability.otlp.sample", "a share lies between 0 and 1"));
        }
        if let Some(words) = otlp.authorization_env.as_deref().and_then(variable) {
            found.push(Problem::new("observability.otlp.authorization_env", words));
        }
    }
}

/// Names that are empty or used twice.
fn unique<'a>(list: &str, names: impl Iterator<Item = &'a str>, found: &mut Vec<Problem>) {
    let mut seen = HashSet::new();
    for (i, name) in names.enumerate() {
        let path = format!("{list}[{i}].name");
        if name.trim().is_empty() {
            found.push(Problem::new(path, "the name is empty: give one"));
        } else if !seen.insert(name) {
            found.push(Problem::new(path, format!("the name `{name}` is used twice: give each its own")));
        }
    }
}

/// What is wrong with an address; it is not repeated, for it may hold a password.
fn address(url: &str) -> Option<&'static str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host = rest.map(|r| r.split(['/', '?', '#']).next().unwrap_or_default());
    match host {
        None | Some("") => Some("the address is not valid: give one such as http://127.0.0.1:8000"),
        Some(host) if host.contains('@') => {
            Some("the address holds a user or password: put the key into a variable and name that in key_env")
        }
        Some(host) if host.contains(char::is_whitespace) => {
            Some("the address holds white space: give one such as http://127.0.0.1:8000")
        }
        Some(_) => None,
    }
}

/// What is wrong with a name of a variable. One that looks like a key is not repeated.
fn variable(name: &str) -> Option<&'static str> {
    let fits = !name.is_empty()
        && name.len() <= 128
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    (!fits).then_some(
        "this is not the name of a variable: give a name such as MY_KEY, and put the secret itself into the environment",
    )
}

fn duration(seconds: f64) -> Option<&'static str> {
    (!(seconds > 0.0 && seconds <= 604_800.0)).then_some("give seconds above 0 and up to 604800")
}

fn names(names: impl Iterator<Item: AsRef<str>>) -> String {
    let names: Vec<String> = names.map(|name| name.as_ref().to_owned()).collect();
    if names.is_empty() { "none, there is no such table yet".into() } else { names.join(", ") }
}
