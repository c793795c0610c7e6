//! The command line of outthink: the one place where engines, strategies and the gateway are wired
//! together.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

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
mod votes;

use clap::{Parser, Subcommand};
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

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer one question.
    #[command(after_help = commands::reference::for_ask())]
    Ask(Box<commands::ask::AskArgs>),
    /// Find out what a server can do, and what that means for strategies.
    Probe(commands::probe::ProbeArgs),
    /// List, fetch and find models.
    Models(commands::models::ModelsArgs),
    /// Serve the OpenAI API with thinking behind it.
    #[command(after_help = commands::reference::for_serve())]
    Serve(Box<commands::serve::ServeArgs>),
    /// Answer the requests of a file within one budget.
    Batch(Box<commands::batch::BatchArgs>),
    /// Record samples of a set of questions, to be fitted, replayed and reported.
    Sweep(Box<commands::sweep::SweepArgs>),
    /// List, show, compare and remove recorded runs.
    Runs(commands::runs::RunsArgs),
    /// Take recordings into the store, and write them out.
    Store(commands::store::StoreCommandArgs),
    /// Write a recording and its laws to one page that opens offline.
    Report(Box<commands::report::ReportArgs>),
    /// Check and describe the gateway's configuration file.
    Config(commands::config::ConfigArgs),
    /// Make, list and revoke keys of the gateway.
    Keys(commands::keys::KeysArgs),
    /// Fit scaling laws to measurements, and judge whether there is a wall.
    Fit(Box<commands::fit::FitArgs>),
    /// Estimate what training and thinking cost, and where the next dollar goes.
    Plan(Box<commands::plan::PlanArgs>),
    /// List the strategies, or describe one with its settings.
    Strategies(commands::reference::ReferenceArgs),
    /// List the verifiers, or describe one.
    Verifiers(commands::reference::ReferenceArgs),
    /// Compare strategies over recorded samples, without a model.
    #[command(after_help = commands::reference::for_replay())]
    Replay(commands::replay::ReplayArgs),
    /// Train small models from nothing, and export them.
    Train(Box<commands::train::TrainArgs>),
    /// See the three laws on one machine: pre-training, reinforcement learning, thinking.
    Lab(commands::lab::LabArgs),
    /// See what thinking buys a small model that is part of this program, in under a minute.
    Demo(commands::demo::DemoArgs),
    /// Measure accuracy over a set of questions, or the speed of the embedded engine.
    Bench(Box<commands::bench::BenchArgs>),
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
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Ask(args) => commands::ask::run(&args),
        Command::Probe(args) => commands::probe::run(&args),
        Command::Models(args) => commands::models::run(args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Batch(args) => commands::batch::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::Store(args) => commands::store::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Keys(args) => commands::keys::run(&args),
        Command::Fit(args) => commands::fit::run(&args),
        Command::Plan(args) => commands::plan::run(&args),
        Command::Strategies(args) => commands::reference::strategies(&args),
        Command::Verifiers(args) => commands::reference::verifiers(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Lab(args) => commands::lab::run(&args),
        Command::Demo(args) => commands::demo::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            error.print();
            ExitCode::from(error.code)
        }
    }
}
