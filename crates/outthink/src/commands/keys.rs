//! `outthink keys`: who may use the gateway, and how much.

use super::{config, runtime};
use crate::env;
use crate::error::CliError;
use clap::{Args, Subcommand};
use outthink_core::{Cost, Effort};
use outthink_ledger::{KeyStatus, Ledger, LedgerError, Limits, NewKey};
use outthink_serve::config::Config;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// The gateway's configuration file, which names the ledger.
    #[arg(long, value_name = "FILE", env = env::CONFIG, hide_env_values = true, global = true)]
    config: Option<PathBuf>,
    /// The ledger: sqlite:FILE or <postgres://HOST/DATABASE> [default: that of the configuration, else
    /// outthink-ledger.db].
    #[arg(long, value_name = "URL", env = env::LEDGER, hide_env_values = true, global = true)]
    ledger: Option<String>,
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key and print it; it is shown this once.
    Create(CreateArgs),
    /// List the keys with their limits and what they spent today (UTC).
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key. What it runs comes to its end; nothing new begins.
    Revoke {
        /// The key's name or identifier.
        name: String,
    },
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// The key's name.
    name: String,
    /// Let it see and change the keys of others.
    #[arg(long)]
    admin: bool,
    /// The models that it may name [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    models: Vec<String>,
    /// Requests a minute at most.
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u64>,
    /// Generated tokens a minute at most.
    #[arg(long, value_name = "N")]
    tokens_per_minute: Option<u64>,
    /// Dollars a day (UTC) at most.
    #[arg(long, value_name = "USD")]
    usd_per_day: Option<f64>,
    /// The largest effort that it may ask for.
    #[arg(long, value_name = "NAME")]
    max_effort: Option<Effort>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) fn run(args: &KeysArgs) -> Result<ExitCode, CliError> {
    let config = config::load(args.config.as_deref())?;
    let url = match &args.ledger {
        Some(url) => url.clone(),
        None => ledger_url(&config)?,
    };
    runtime()?.block_on(async {
        let ledger = Ledger::open(&url, config.keys.lease_seconds).await?;
        let done = carry_out(&ledger, &args.command).await;
        ledger.close().await;
        done
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn carry_out(ledger: &Ledger, command: &KeysCommand) -> Result<(), CliError> {
    match command {
        KeysCommand::Create(args) => {
            let (key, secret) = ledger.create_key(&args.key()?).await?;
            if args.json {
                println!("{:#}", serde_json::json!({ "id": key.id, "name": key.name, "key": secret.expose() }));
            } else {
                println!("{}", secret.expose());
                eprintln!("the key `{}` ({}) is shown this once and kept as a hash: put it away now", key.name, key.id);
            }
        }
        KeysCommand::List { json: true } => {
            let keys = serde_json::to_string_pretty(&ledger.keys().await?).map_err(anyhow::Error::from)?;
            println!("{keys}");
        }
        KeysCommand::List { json: false } => print!("{}", table(&ledger.keys().await?)),
        KeysCommand::Revoke { name } => {
            ledger.revoke(name).await?;
            println!("revoked `{name}`");
        }
    }
    Ok(())
}

impl CreateArgs {
    fn key(&self) -> Result<NewKey, CliError> {
        let cost_per_day = match self.usd_per_day {
            None => None,
            Some(usd) => Some(Cost::from_usd(usd).filter(|c| *c > Cost::ZERO).ok_or_else(|| {
                CliError::usage(format!("{usd} dollars a day buy nothing")).hint("give a positive amount")
            })?),
        };
        let limits = Limits {
            models: self.models.clone(),
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
            cost_per_day,
            largest_effort: self.max_effort,
        };
        Ok(NewKey { name: self.name.clone(), admin: self.admin, limits })
    }
}

/// The address of the configuration's ledger; a file of the working directory where none is named.
pub(crate) fn ledger_url(config: &Config) -> Result<String, CliError> {
    match (&config.keys.ledger, &config.keys.ledger_env) {
        (Some(url), _) => Ok(url.clone()),
        (None, Some(name)) => env::var(name).ok_or_else(|| {
            CliError::usage(format!("the variable {name} holds no address of a ledger"))
                .hint("set it to sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE")
        }),
        (None, None) => Ok("sqlite:outthink-ledger.db".to_owned()),
    }
}

/// The list for people.
fn table(keys: &[KeyStatus]) -> String {
    if keys.is_empty() {
        return "no keys yet: make one with `outthink keys create NAME`\n".to_owned();
    }
    let mut rows = vec![
        ["NAME", "ID", "TODAY", "HELD", "A DAY", "REQ/MIN", "TOK/MIN", "EFFORT", "MODELS", "STATE"].map(str::to_owned),
    ];
    for status in keys {
        let limits = &status.key.limits;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        rows.push([
            status.key.name.clone(),
            status.key.id.clone(),
            status.spent.to_string(),
            status.reserved.to_string(),
            or_dash(limits.cost_per_day.map(|c| c.to_string())),
            or_dash(limits.requests_per_minute.map(|n| n.to_string())),
            or_dash(limits.tokens_per_minute.map(|n| n.to_string())),
            or_dash(limits.largest_effort.map(|e| e.to_string())),
            if limits.models.is_empty() { "all".into() } else { limits.models.join(",") },
            match (status.key.revoked, status.key.admin) {
                (Some(_), _) => "revoked",
                (None, true) => "admin",
                (None, false) => "live",
            }
            .to_owned(),
        ]);
    }
    let mut widths = [0; 10];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

impl From<LedgerError> for CliError {
    fn from(error: LedgerError) -> Self {
        if error.is_asked() { Self::usage(error.to_string()) } else { Self::failure(error.to_string()) }
    }
}
