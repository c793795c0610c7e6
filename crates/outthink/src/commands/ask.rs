//! `outthink ask`: one question, thought about as long as it pays.

use super::arms::{self, ArmArgs, ArmPlan};
use super::engine::EngineArgs;
use super::runtime;
use super::thinking::{PriceArgs, ThinkingArgs};
use super::verifiers::{Plan, VerifierArgs};
use crate::error::{CliError, INTERRUPTED};
use crate::{defaults, render};
use anyhow::Context;
use clap::Args;
use outthink_core::{Outcome, Prompt};
use outthink_engine::judge::ModelComparer;
use outthink_runner::{Event, Runner};
use outthink_strategy::registry::{self, Takes};
use outthink_strategy::{DriveRequest, StrategySpec};
use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The question; `-` reads it from standard input.
    question: String,
    /// Print everything that is known of the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Print each decision with its reason.
    #[arg(long, conflicts_with = "json")]
    trace: bool,
    #[command(flatten)]
    thinking: ThinkingArgs,
    #[command(flatten)]
    verifiers: VerifierArgs,
    #[command(flatten)]
    arms: ArmArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    price: PriceArgs,
    #[command(flatten)]
    draw: DrawArgs,
}

/// How samples are drawn.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sampling")]
pub(crate) struct DrawArgs {
    /// Seed of the samples: the same seed gives the same samples where the engine can.
    ///
    /// A server is sent a seed only where one is given here.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Softmax temperature; 0 is greedy [default: 0.7 for a vote and 0 for one sample on the
    /// embedded engine, else the server's].
    #[arg(long, value_name = "T")]
    pub(crate) temperature: Option<f64>,
    /// System message instead of ours, which asks to reason step by step and to put the final
    /// answer in a box; empty for none.
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
}

impl DrawArgs {
    /// The seed, or that of every command that is given none.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(defaults::SEED)
    }

    /// The question under its system message.
    pub(crate) fn prompt(&self, question: &str) -> Prompt {
        let prompt = Prompt::user(question);
        match self.system.as_deref().unwrap_or(defaults::SYSTEM_PROMPT) {
            "" => prompt,
            system => prompt.with_system(system),
        }
    }

    /// Checks the numbers.
    pub(crate) fn check(&self) -> Result<(), CliError> {
        match self.temperature {
            Some(t) if !(0.0..=10.0).contains(&t) => {
                Err(CliError::usage(format!("a temperature of {t} is not possible"))
                    .hint("give a number from 0, which is greedy, to 2"))
            }
            _ => Ok(()),
        }
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: &AskArgs) -> Result<ExitCode, CliError> {
    let question = question(&args.question)?;
    args.draw.check()?;
    let mut thinking = args.thinking.clone();
    if args.arms.escalate_to.is_some() && thinking.strategy.is_none() {
        thinking.strategy = Some("cascade".into());
    }
    let spec = thinking.spec()?;
    // Every word is checked before the first model is fetched.
    args.engine.check()?;
    let verifiers = args.verifiers.plans(&args.engine)?;
    let arms = args.arms.plans(&args.engine)?;
    needs(&spec, verifiers.len(), arms.len())?;
    let price = args.price.price()?;
    let request = DriveRequest {
        prompt: args.draw.prompt(&question).into(),
        budget: thinking.budget(price)?,
        sampling: defaults::sampling(args.engine.is_embedded()?, args.draw.temperature, spec.draws_several()),
        seed: args.draw.seed(),
        seeded: args.draw.seed.is_some(),
        thinking: thinking.native(),
        logprobs: false,
        trace_id: "ask".into(),
        notes: Vec::new(),
    };
    let file = args.engine.locate()?;
    let verifiers = verifiers.into_iter().map(Plan::locate).collect::<Result<Vec<_>, _>>()?;
    let arms = arms.into_iter().map(ArmPlan::locate).collect::<Result<Vec<_>, _>>()?;
    let needs = spec.build().map_err(|e| CliError::usage(e.to_string()))?.needs();
    let runtime = runtime()?;
    let (outcome, interrupted) = runtime.block_on(async {
        // Nothing is drawn whose programs could not be run.
        let programs = if needs.programs { Some(super::verifiers::programs().await?) } else { None };
        let engine = args.engine.connect(file, price, needs).await?;
        let mut runner =
            Runner::new(Arc::clone(&engine)).with_comparer(Arc::new(ModelComparer::new(Arc::clone(&engine))));
        for plan in verifiers {
            runner = runner.with_verifier(plan.make(&engine).await?);
        }
        if let Some(programs) = programs {
            runner = runner.with_programs(programs);
        }
        let runner = arms::connect(runner, arms, needs).await?;
        Box::pin(drive(&runner, request, &spec)).await
    })?;
    // An engine's threads may still be at work on what was cancelled; the answer is here.
    runtime.shutdown_background();
    if args.json {
        let text = serde_json::to_string_pretty(&outcome).context("cannot write JSON")?;
        println!("{text}");
    } else {
        if args.trace {
            render::trace(&outcome);
        }
        render::outcome(&outcome, price.is_some());
    }
    Ok(if interrupted { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Checks that the strategy has what it needs, and is given nothing that it does not take.
fn needs(spec: &StrategySpec, verifiers: usize, arms: usize) -> Result<(), CliError> {
    let entry = spec.entry().map_err(|e| CliError::usage(e.to_string()))?;
    let needs = spec.build().map_err(|e| CliError::usage(e.to_string()))?.needs();
    let name = entry.name();
    if arms > 0 && !entry.takes(Takes::Arms) {
        let takers = registry::that_take(Takes::Arms);
        return Err(CliError::usage(format!("the strategy {name} takes no further arms"))
            .hint(format!("give --strategy {takers}, or drop --arm")));
    }
    if needs.arms as usize > arms + 1 {
        return Err(CliError::usage(format!("the strategy {name} needs {}", entry.entry.needs))
            .hint("give --arm MODEL or --escalate-to MODEL"));
    }
    if needs.verifier && verifiers == 0 {
        return Err(CliError::usage(format!("the strategy {name} needs a verifier"))
            .hint("give --verifier, such as --verifier self"));
    }
    Ok(())
}

fn question(given: &str) -> Result<String, CliError> {
    let mut text = given.to_owned();
    if given == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text).context("cannot read the question from standard input")?;
    }
    if text.trim().is_empty() {
        return Err(
            CliError::usage("the question is empty").hint("give it in quotes, or `-` to read it from standard input")
        );
    }
    Ok(text.trim().to_owned())
}

/// Carries the request out to its end or to Ctrl-C, showing the vote meanwhile; says which end it was. A second
/// Ctrl-C ends the process.
async fn drive(runner: &Runner, request: DriveRequest, spec: &StrategySpec) -> Result<(Outcome, bool), CliError> {
    let strategy = spec.build().map_err(|e| CliError::usage(e.to_string()))?;
    let mut run = runner.start(request, strategy);
    let live = render::Live::new(spec.max_samples);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    let (result, interrupted) = loop {
        tokio::select! {
            event = run.next() => match event {
                Event::Update(update) => live.show(&update),
                Event::End(end) => break (*end, false),
            },
            Ok(()) = &mut interrupt => {
                tokio::spawn(async {
                    if tokio::signal::ctrl_c().await.is_ok() {
                        std::process::exit(i32::from(INTERRUPTED));
                    }
                });
                match run.leave() {
                    Some(end) => break (end, true),
                    None => return Err(CliError::usage("the run had ended")),
                }
            }
        }
    };
    match result {
        Ok(outcome) => Ok((outcome, interrupted)),
        Err(failure) => Err(failure.error.into()),
    }
}
