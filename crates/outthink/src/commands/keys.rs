//! `outthink keys`: who may use the gateway, and how much.

use super::{config, runtime};
use crate::env;
use crate::error::CliError;
use clap::{Args, Subcommand};
use outthink_core::{Cost, Effort};
use outthink_ledger::{KeyStatus, Ledger, LedgerError, Limits, NewKey, TeamLimits, TeamStatus};
use outthink_serve::config::Config;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

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
    /// Change what a key may do, from its next request on. What is not given stays; `none` takes a limit away.
    Set(Box<SetArgs>),
    /// List the keys with their limits and what they spent today and in this month (UTC).
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a team, whose keys share its budgets, or give it other budgets.
    Team(TeamArgs),
    /// List the teams with their budgets and what they spent today and in this month (UTC).
    Teams {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key. What it runs is finished; nothing new begins.
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
    /// The team whose budgets it shares, for as long as it lives.
    #[arg(long, value_name = "NAME")]
    team: Option<String>,
    #[command(flatten)]
    budgets: BudgetArgs,
    /// The largest effort that it may ask for.
    #[arg(long, value_name = "NAME")]
    max_effort: Option<Effort>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct SetArgs {
    /// The key's name or identifier.
    name: String,
    /// The models that it may name, or `none` for all.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// Requests a minute at most, or `none`.
    #[arg(long, value_name = "N", value_parser = limit::<u64>)]
    requests_per_minute: Option<Limit<u64>>,
    /// Generated tokens a minute at most, or `none`.
    #[arg(long, value_name = "N", value_parser = limit::<u64>)]
    tokens_per_minute: Option<Limit<u64>>,
    /// Dollars a day (UTC) at most, or `none`.
    #[arg(long, value_name = "USD", value_parser = limit::<f64>)]
    usd_per_day: Option<Limit<f64>>,
    /// Dollars a month (UTC) at most, or `none`.
    #[arg(long, value_name = "USD", value_parser = limit::<f64>)]
    usd_per_month: Option<Limit<f64>>,
    /// Dollars at most for each session, or `none`.
    #[arg(long, value_name = "USD", value_parser = limit::<f64>)]
    usd_per_session: Option<Limit<f64>>,
    /// The largest effort that it may ask for, or `none`.
    #[arg(long, value_name = "NAME", value_parser = limit::<Effort>)]
    max_effort: Option<Limit<Effort>>,
}

/// A limit that is given, or taken away.
#[derive(Debug, Clone, Copy)]
struct Limit<T>(Option<T>);

fn limit<T: FromStr>(text: &str) -> Result<Limit<T>, String>
where
    T::Err: std::fmt::Display,
{
    match text {
        "none" => Ok(Limit(None)),
        text => text.parse().map(|value| Limit(Some(value))).map_err(|e| format!("{e}: give a limit, or none")),
    }
}

#[derive(Debug, Args)]
struct TeamArgs {
    /// The team's name.
    name: String,
    #[command(flatten)]
    budgets: BudgetArgs,
}

/// Budgets. One that is left out is no limit.
#[derive(Debug, Args)]
#[expect(clippy::struct_field_names, reason = "the names of the flags")]
struct BudgetArgs {
    /// Dollars a day (UTC) at most.
    #[arg(long, value_name = "USD")]
    usd_per_day: Option<f64>,
    /// Dollars a month (UTC) at most.
    #[arg(long, value_name = "USD")]
    usd_per_month: Option<f64>,
    /// Dollars at most for each session: a conversation, or the run of an agent.
    #[arg(long, value_name = "USD")]
    usd_per_session: Option<f64>,
}

/// A budget in dollars.
fn cost(usd: Option<f64>) -> Result<Option<Cost>, CliError> {
    let Some(usd) = usd else { return Ok(None) };
    Cost::from_usd(usd).filter(|c| *c > Cost::ZERO).map(Some).ok_or_else(|| {
        CliError::usage(format!("a budget of {usd} dollars pays for nothing")).hint("give a positive amount")
    })
}

impl BudgetArgs {
    fn limits(&self) -> Result<TeamLimits, CliError> {
        Ok(TeamLimits {
            cost_per_day: cost(self.usd_per_day)?,
            cost_per_month: cost(self.usd_per_month)?,
            cost_per_session: cost(self.usd_per_session)?,
        })
    }
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
        KeysCommand::Set(args) => {
            let change = |limits: &mut Limits| args.change(limits).map_err(|e| LedgerError::Asked(e.message));
            let key = ledger.change_key(&args.name, change).await?;
            println!("changed the limits of `{}` ({})", key.name, key.id);
        }
        KeysCommand::List { json: true } => print_json(&ledger.keys().await?)?,
        KeysCommand::List { json: false } => print!("{}", key_table(&ledger.keys().await?)),
        KeysCommand::Team(args) => {
            ledger.set_team(&args.name, args.budgets.limits()?).await?;
            println!("set the budgets of the team `{}`", args.name);
        }
        KeysCommand::Teams { json: true } => print_json(&ledger.teams().await?)?,
        KeysCommand::Teams { json: false } => print!("{}", team_table(&ledger.teams().await?)),
        KeysCommand::Revoke { name } => {
            ledger.revoke(name).await?;
            println!("revoked `{name}`");
        }
    }
    Ok(())
}

impl SetArgs {
    /// Sets what was given.
    fn change(&self, limits: &mut Limits) -> Result<(), CliError> {
        if let Some(models) = &self.models {
            limits.models = if *models == ["none"] { Vec::new() } else { models.clone() };
        }
        for (field, given) in [
            (&mut limits.cost_per_day, self.usd_per_day),
            (&mut limits.cost_per_month, self.usd_per_month),
            (&mut limits.cost_per_session, self.usd_per_session),
        ] {
            if let Some(Limit(usd)) = given {
                *field = cost(usd)?;
            }
        }
        if let Some(Limit(requests)) = self.requests_per_minute {
            limits.requests_per_minute = requests;
        }
        if let Some(Limit(tokens)) = self.tokens_per_minute {
            limits.tokens_per_minute = tokens;
        }
        if let Some(Limit(effort)) = self.max_effort {
            limits.largest_effort = effort;
        }
        Ok(())
    }
}

impl CreateArgs {
    fn key(&self) -> Result<NewKey, CliError> {
        let TeamLimits { cost_per_day, cost_per_month, cost_per_session } = self.budgets.limits()?;
        let limits = Limits {
            models: self.models.clone(),
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
            cost_per_day,
            cost_per_month,
            cost_per_session,
            largest_effort: self.max_effort,
        };
        Ok(NewKey { name: self.name.clone(), admin: self.admin, team: self.team.clone(), limits })
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

fn print_json(list: &impl Serialize) -> Result<(), CliError> {
    println!("{}", serde_json::to_string_pretty(list).map_err(anyhow::Error::from)?);
    Ok(())
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |v| v.to_string())
}

/// The list of keys for people.
fn key_table(keys: &[KeyStatus]) -> String {
    if keys.is_empty() {
        return "no keys yet: make one with `outthink keys create NAME`\n".to_owned();
    }
    let head = [
        "NAME",
        "ID",
        "TEAM",
        "TODAY",
        "HELD",
        "A DAY",
        "MONTH",
        "A MONTH",
        "A SESSION",
        "REQ/MIN",
        "TOK/MIN",
        "EFFORT",
        "MODELS",
        "STATE",
    ];
    let row = |status: &KeyStatus| {
        let limits = &status.key.limits;
        [
            status.key.name.clone(),
            status.key.id.clone(),
            or_dash(status.key.team.as_ref()),
            status.spent.to_string(),
            status.reserved.to_string(),
            or_dash(limits.cost_per_day),
            status.month.spent.to_string(),
            or_dash(limits.cost_per_month),
            or_dash(limits.cost_per_session),
            or_dash(limits.requests_per_minute),
            or_dash(limits.tokens_per_minute),
            or_dash(limits.largest_effort),
            if limits.models.is_empty() { "all".into() } else { limits.models.join(",") },
            match (status.key.revoked, status.key.admin) {
                (Some(_), _) => "revoked",
                (None, true) => "admin",
                (None, false) => "live",
            }
            .to_owned(),
        ]
    };
    table(head, keys.iter().map(row))
}

/// The list of teams for people.
fn team_table(teams: &[TeamStatus]) -> String {
    if teams.is_empty() {
        return "no teams yet: make one with `outthink keys team NAME`\n".to_owned();
    }
    let row = |team: &TeamStatus| {
        [
            team.name.clone(),
            team.keys.to_string(),
            team.spent.to_string(),
            team.reserved.to_string(),
            or_dash(team.limits.cost_per_day),
            team.month.spent.to_string(),
            or_dash(team.limits.cost_per_month),
            or_dash(team.limits.cost_per_session),
        ]
    };
    table(["NAME", "KEYS", "TODAY", "HELD", "A DAY", "MONTH", "A MONTH", "A SESSION"], teams.iter().map(row))
}

/// Rows under a head, in columns.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; N];
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
