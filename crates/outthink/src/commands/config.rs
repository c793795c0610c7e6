//! `outthink config`: the gateway's configuration file, checked and described.

use super::engine::dialect;
use super::server::Spoken;
use crate::env;
use crate::error::CliError;
use clap::{Args, Subcommand};
use outthink_core::{Cost, Price};
use outthink_serve::config::{self, Config, ConfigError, Listed, PriceList, Source};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the file is looked for unless it is named.
const FILE: &str = "outthink.toml";

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check a configuration file, the environment's overrides included, and say what is in it.
    Check {
        /// The file [default: outthink.toml].
        #[arg(value_name = "FILE", env = env::CONFIG, hide_env_values = true)]
        file: Option<PathBuf>,
    },
    /// Print the prices of a list in LiteLLM's format, in dollars for a million tokens, and what of them cannot be held.
    Prices {
        /// The list, in the format of LiteLLM's table of model prices.
        #[arg(value_name = "FILE")]
        list: PathBuf,
        /// The models [default: all that charge by tokens].
        #[arg(value_name = "MODEL")]
        models: Vec<String>,
    },
    /// Print the JSON schema of the file, for editors.
    Schema,
    /// Print an example with every section.
    Example,
}

/// Runs the subcommand.
pub(crate) fn run(args: &ConfigArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        ConfigCommand::Check { file } => {
            let path = file.as_deref().unwrap_or(Path::new(FILE));
            let config = read(path)?;
            println!("{} is valid: {}", path.display(), summary(&config));
        }
        ConfigCommand::Prices { list, models } => print!("{}", prices(&price_list(list)?, models)?),
        ConfigCommand::Schema => println!("{:#}", config::json_schema()),
        ConfigCommand::Example => print!("{}", config::example()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads and checks a configuration file with the environment's overrides.
pub(crate) fn read(path: &Path) -> Result<Config, CliError> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        CliError::usage(format!("cannot read {}: {e}", path.display()))
            .hint("name a file, or begin with `outthink config example > outthink.toml`")
    })?;
    let source = Source::new(path.display().to_string(), text).with_variables(variables());
    checked(&source)
}

/// The prices of these models of a list, or of all.
fn prices(list: &PriceList, models: &[String]) -> Result<String, CliError> {
    let mut text = String::from("INPUT\tCACHED\tOUTPUT\tMODEL\n");
    let mut line = |model: &str, listed: &Listed| {
        let Price { input, cached, output, cache_write, cache_write_1h, reasoning, long } = listed.price;
        let mut row = |(input, cached, output), own: [Option<u64>; 3], name: &str| {
            let [input, cached, output] = [input, cached, output].map(Cost::from_nano);
            let _ = writeln!(text, "{input}\t{cached}\t{output}\t{name}");
            for (kind, price) in
                ["writing to the cache", "writing to the cache for an hour", "reasoning"].iter().zip(own)
            {
                if let Some(price) = price {
                    let _ = writeln!(text, "\t\t\t  {kind} {}", Cost::from_nano(price));
                }
            }
        };
        row((input, cached, output), [cache_write, cache_write_1h, reasoning], model);
        if let Some(long) = long {
            let name = format!("  prompts above {} tokens", long.above);
            let own = [long.cache_write, long.cache_write_1h, long.reasoning];
            row((long.input, long.cached, long.output), own, &name);
        }
        for lost in &listed.not_held {
            let _ = writeln!(text, "\t\t\t  without {lost}");
        }
    };
    for model in models {
        let listed = list.find(model, None).map_err(|e| CliError::usage(e.to_string()))?;
        line(model, &listed);
    }
    if models.is_empty() {
        let (mut found, mut others) = (0, 0);
        for model in list.names() {
            match list.find(model, None) {
                Ok(listed) => {
                    line(model, &listed);
                    found += 1;
                }
                Err(_) => others += 1,
            }
        }
        let _ = writeln!(text, "{found} models; {others} more do not charge by tokens alone");
    }
    Ok(text)
}

/// Reads a list of prices.
fn price_list(path: &Path) -> Result<PriceList, CliError> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        CliError::usage(format!("cannot read the price list {}: {e}", path.display()))
            .hint("name a file in the format of LiteLLM's model_prices_and_context_window.json")
    })?;
    PriceList::read(&text).map_err(|e| CliError::usage(format!("{}: {e}", path.display())))
}

/// The configuration with the names of its dialects and the prices of its list, which the gateway does not read.
fn checked(source: &Source) -> Result<Config, CliError> {
    let usage = |e: ConfigError| CliError::usage(e.to_string()).hint("see `outthink config example`");
    let mut config = Config::parse(source).map_err(usage)?;
    if let Some(path) = config.prices.import.clone() {
        for note in config.take_prices(&price_list(&path)?, source).map_err(usage)? {
            eprintln!("warning: {note}");
        }
    }
    for (i, upstream) in config.upstreams.iter().enumerate() {
        if let Some(Err(error)) = upstream.dialect.as_deref().map(dialect) {
            return Err(CliError::usage(format!("upstreams[{i}].dialect: {error}")));
        }
        let spoken = upstream.protocol.as_deref().map(Spoken::named).transpose();
        let spoken = spoken.map_err(|error| CliError::usage(format!("upstreams[{i}].protocol: {error}")))?;
        if upstream.dialect.is_some() && matches!(spoken, Some(Spoken::Native(_))) {
            let words = format!(
                "upstreams[{i}].dialect is one of the chat completions API, which this upstream does not speak"
            );
            return Err(CliError::usage(words).hint("take dialect or protocol out"));
        }
    }
    Ok(config)
}

/// The configuration of a gateway: of the named file, else of the environment alone.
pub(crate) fn load(path: Option<&Path>) -> Result<Config, CliError> {
    match path {
        Some(path) => read(path),
        None => checked(&Source::new("the environment", "").with_variables(variables())),
    }
}

/// The variables of the environment that are text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn summary(config: &Config) -> String {
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    format!(
        "{scheme}://{} with {} and {}, keys {}, effort {}, texts kept: {}",
        std::net::SocketAddr::from((config.server.host, config.server.port)),
        count(config.upstreams.len(), "upstream"),
        count(config.models.len(), "model"),
        if config.needs_keys() { "needed" } else { "not needed" },
        config.defaults.effort,
        match config.privacy.store {
            config::Store::None => "none".to_owned(),
            config::Store::Hash => format!("hashes for {} h", config.privacy.retention_hours),
            config::Store::Full => format!("all for {} h", config.privacy.retention_hours),
        }
    )
}
