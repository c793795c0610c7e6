//! The command line of outthink: the one place where engines, strategies and the gateway are wired
//! together.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

mod cli;
mod commands;
mod defaults;
mod drawn;
mod env;
mod error;
mod lines;
mod logging;
mod models;
mod otlp;
mod plot;
mod render;
mod report;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Spend inference compute where it pays.
///
/// outthink draws as many samples of a model's answer as are worth their price, takes the vote, and
/// says how sure one can be and what it cost.
#[derive(Debug, Parser)]
#[command(name = "outthink", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The commands in the order of the help; a command that belongs to one of the groups (`data`, `models`, `train`) goes
/// there.
#[derive(Debug, Subcommand)]
enum Command {
    /// See what thinking buys a small model that is part of this program, in under a minute.
    Demo(commands::demo::DemoArgs),
    /// Answer one question.
    #[command(after_help = cli::MORE_OF_ASK, after_long_help = commands::reference::for_ask())]
    Ask(Box<commands::ask::AskArgs>),
    /// Serve the OpenAI API with thinking behind it.
    #[command(after_long_help = commands::reference::for_serve())]
    Serve(Box<commands::serve::ServeArgs>),
    /// Answer the requests of a file within one budget.
    Batch(Box<commands::batch::BatchArgs>),
    /// Serve asking as a tool of the Model Context Protocol, for agents.
    #[cfg(feature = "mcp")]
    Mcp(Box<commands::mcp::McpArgs>),
    /// List, fetch and find models, and find out what a server can do.
    Models(commands::models::ModelsArgs),
    /// Record, import, show, compare, export and remove samples.
    Data(commands::data::DataArgs),
    /// Compare strategies over recorded samples, without a model.
    #[command(after_long_help = commands::reference::for_replay())]
    Replay(commands::replay::ReplayArgs),
    /// Fit scaling laws to measurements, and judge whether there is a wall.
    Fit(Box<commands::fit::FitArgs>),
    /// Write a recording and its laws to one page that opens offline.
    Report(Box<commands::report::ReportArgs>),
    /// Estimate what training and thinking cost, and where the next dollar goes.
    Plan(Box<commands::plan::PlanArgs>),
    /// Train small models from nothing, and export them.
    Train(Box<commands::train::TrainArgs>),
    /// Make, list and revoke keys of the gateway.
    Keys(commands::keys::KeysArgs),
    /// Check and describe the gateway's configuration file.
    Config(commands::config::ConfigArgs),
    /// List the strategies, or describe one with its settings.
    Strategies(commands::reference::ReferenceArgs),
    /// List the verifiers, or describe one.
    Verifiers(commands::reference::ReferenceArgs),
    /// Print a script that completes commands and flags in a shell.
    #[command(after_help = commands::completions::WHERE)]
    Completions(commands::completions::CompletionsArgs),
    /// Write a man page for each command.
    #[command(hide = true)]
    Man(commands::completions::ManArgs),
    /// Measure accuracy over a set of questions, or the speed of the embedded engine.
    #[command(hide = true)]
    Bench(Box<commands::bench::BenchArgs>),

    // Old names, for one version.
    /// Old name of `outthink data sweep`.
    #[command(hide = true)]
    Sweep(Box<commands::sweep::SweepArgs>),
    /// Old name of `outthink data`.
    #[command(hide = true)]
    Runs(commands::runs::RunsArgs),
    /// Old name of `outthink data`.
    #[command(hide = true)]
    Store(commands::store::StoreCommandArgs),
    /// Another name of `outthink data rescore`.
    #[command(hide = true)]
    Rescore(Box<commands::rescore::RescoreArgs>),
    /// Old name of `outthink models probe`.
    #[command(hide = true)]
    Probe(commands::probe::ProbeArgs),
    /// Old name of `outthink train lab`.
    #[command(hide = true)]
    Lab(commands::lab::LabArgs),
}

/// What a shell reports of a program that SIGPIPE ended.
const PIPE_CLOSED: i32 = 141;

/// Ends the program without a word where whoever read its output has gone, as in `outthink fit ... | head`:
/// `println!` panics there.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|s| s.starts_with("failed printing to stdout") && s.contains("os error 32")) {
            std::process::exit(PIPE_CLOSED);
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    end_with_the_reader();
    let matches = cli::shaped(Cli::command()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Demo(args) => commands::demo::run(&args),
        Command::Ask(args) => commands::ask::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Batch(args) => commands::batch::run(&args),
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => commands::mcp::run(&args),
        Command::Models(args) => commands::models::run(args),
        Command::Data(args) => commands::data::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Fit(args) => commands::fit::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Keys(args) => commands::keys::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Strategies(args) => commands::reference::strategies(&args),
        Command::Verifiers(args) => commands::reference::verifiers(&args),
        Command::Completions(args) => commands::completions::run(&args, cli::shaped(Cli::command())),
        Command::Man(args) => commands::completions::man(&args, cli::shaped(Cli::command())),
        Command::Bench(args) => commands::bench::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Runs(args) => commands::runs::run(&args.command),
        Command::Store(args) => commands::store::run(&args.command),
        Command::Rescore(args) => commands::rescore::run(&args),
        Command::Probe(args) => commands::probe::run(&args),
        Command::Lab(args) => commands::lab::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            error.print();
            ExitCode::from(error.code)
        }
    }
}
