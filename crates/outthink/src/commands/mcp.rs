//! `outthink mcp`: asking as a tool of the Model Context Protocol.

use super::ask::DrawArgs;
use super::engine::EngineArgs;
use super::runtime;
use super::thinking::{PriceArgs, ThinkingArgs, spend};
use crate::error::CliError;
use crate::{defaults, env};
use anyhow::Context;
use clap::Args;
use futures_util::future::{BoxFuture, FutureExt as _};
use outthink_core::{Budget, Cost, Engine, Outcome, Price, ProgramRunner};
use outthink_engine::judge::ModelComparer;
use outthink_mcp::{Asks, Call, Progress, Reply};
use outthink_runner::{Event, Run, Runner};
use outthink_strategy::{DriveRequest, Update};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Args)]
pub(crate) struct McpArgs {
    /// Serve streamable HTTP at this address instead of standard input and output. Addresses that other machines
    /// reach need a token in `OUTTHINK_MCP_TOKEN`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Generated tokens of all calls together at most; a call that finds nothing left is refused.
    #[arg(long, value_name = "N")]
    total_tokens: Option<u64>,
    /// Maximum spend of all calls together in dollars (requires --price-input or --price-output).
    #[arg(long, value_name = "USD")]
    total_usd: Option<f64>,
    #[command(flatten)]
    thinking: ThinkingArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    price: PriceArgs,
    #[command(flatten)]
    draw: DrawArgs,
}

/// Runs the subcommand.
pub(crate) fn run(args: &McpArgs) -> Result<ExitCode, CliError> {
    args.draw.check()?;
    let price = args.price.price()?;
    // Whatever a call may leave out is checked before the first model is fetched.
    args.thinking.budget(price)?;
    let needs = args.thinking.spec()?.build().map_err(|e| CliError::usage(e.to_string()))?.needs();
    args.engine.check()?;
    let purse = Purse::new(args.total_tokens, spend("--total-usd", args.total_usd, price)?);
    let file = args.engine.locate()?;
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let programs = if needs.programs { Some(super::verifiers::programs().await?) } else { None };
        let engine = args.engine.connect(file, price, needs).await?;
        let asker = Asker(Arc::new(Asking {
            engine,
            programs,
            thinking: args.thinking.clone(),
            draw: args.draw.clone(),
            price,
            is_embedded: args.engine.is_embedded()?,
            purse,
        }));
        let Some(address) = args.listen else {
            return outthink_mcp::stdio(asker).await.map_err(|error| CliError::from(anyhow::Error::new(error)));
        };
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}: choose another --listen"))?;
        eprintln!("outthink mcp listens on http://{}", listener.local_addr().context("no address")?);
        let until = tokio::signal::ctrl_c().map(|_| ());
        let served = outthink_mcp::http(asker, listener, env::var(env::MCP_TOKEN), until).await;
        served.map_err(|error| {
            CliError::from(anyhow::Error::new(error)).hint("the token is read from OUTTHINK_MCP_TOKEN")
        })
    });
    // An engine's threads may still be at work on what was cancelled.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

/// What all calls need.
struct Asking {
    engine: Arc<dyn Engine>,
    programs: Option<Arc<dyn ProgramRunner>>,
    thinking: ThinkingArgs,
    draw: DrawArgs,
    price: Option<Price>,
    is_embedded: bool,
    purse: Arc<Purse>,
}

struct Asker(Arc<Asking>);

impl Asks for Asker {
    fn ask(&self, call: Call, progress: Progress) -> BoxFuture<'static, Result<Reply, String>> {
        let asking = Arc::clone(&self.0);
        async move { asking.answer(call, progress).await }.boxed()
    }
}

impl Asking {
    async fn answer(&self, call: Call, progress: Progress) -> Result<Reply, String> {
        let said = |error: CliError| error.message;
        let mut thinking = self.thinking.clone();
        thinking.effort = call.effort.or(thinking.effort);
        thinking.budget_tokens = least(call.budget_tokens, thinking.budget_tokens);
        thinking.budget_usd = least(call.budget_usd, thinking.budget_usd);
        thinking.budget_seconds = least(call.budget_seconds, thinking.budget_seconds);
        let spec = thinking.spec().map_err(said)?;
        let strategy = spec.build().map_err(|error| error.to_string())?;
        let mut budget = thinking.budget(self.price).map_err(said)?;
        let claim = self.purse.claim(&mut budget)?;
        let draw = DrawArgs { system: call.system.or_else(|| self.draw.system.clone()), ..self.draw.clone() };
        let request = DriveRequest {
            prompt: draw.prompt(call.question.trim()).into(),
            budget,
            sampling: defaults::sampling(self.is_embedded, draw.temperature, spec.draws_several()),
            seed: draw.seed(),
            seeded: draw.seed.is_some(),
            thinking: thinking.native(),
            logprobs: false,
            trace_id: "mcp".into(),
            notes: Vec::new(),
        };
        let engine = Arc::clone(&self.engine);
        let mut runner = Runner::new(Arc::clone(&engine)).with_comparer(Arc::new(ModelComparer::new(engine)));
        if let Some(programs) = &self.programs {
            runner = runner.with_programs(Arc::clone(programs));
        }
        let mut spending = Spending { run: runner.start(request, strategy), claim: Some(claim) };
        let mut votes = Vec::new();
        loop {
            match spending.run.next().await {
                Event::Update(Update::Vote { votes: now, finished, .. }) => {
                    progress.finished(finished, spec.max_samples);
                    votes = now;
                }
                Event::Update(_) => {}
                Event::End(end) => {
                    let outcome = match &*end {
                        Ok(outcome) => outcome,
                        Err(failed) => &failed.outcome,
                    };
                    spending.settle(outcome);
                    return match *end {
                        Ok(outcome) => Ok(reply(outcome, &votes)),
                        Err(failed) => Err(failed.error.to_string()),
                    };
                }
            }
        }
    }
}

fn least<T: PartialOrd>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b < a { b } else { a }),
        (a, b) => a.or(b),
    }
}

fn reply(outcome: Outcome, votes: &[(String, u32)]) -> Reply {
    let votes: Vec<Value> = votes.iter().map(|(answer, votes)| json!({"answer": answer, "votes": votes})).collect();
    let facts = json!({
        "answer": outcome.answer.as_ref().map(|answer| &answer.text),
        "votes": votes,
        "confidence": outcome.confidence,
        "samples": outcome.samples_drawn,
        "samples_failed": outcome.samples_failed,
        "usage": {
            "prompt_tokens": outcome.usage.prompt,
            "completion_tokens": outcome.usage.generated(),
            "estimated": outcome.usage.estimated,
        },
        "cost_usd": outcome.cost.usd(),
        "seconds": outcome.seconds,
        "stop_reason": outcome.stop,
        "stop_message": outcome.stop.words(),
        "notes": outcome.notes,
    });
    Reply { text: outcome.content, facts }
}

/// A run and what it claimed. Dropped before its end, it is settled with what was spent until then.
struct Spending {
    run: Run,
    claim: Option<Claim>,
}

impl Spending {
    fn settle(&mut self, outcome: &Outcome) {
        if let Some(claim) = self.claim.take() {
            claim.settle(outcome.usage.generated(), outcome.cost);
        }
    }
}

impl Drop for Spending {
    fn drop(&mut self) {
        match self.run.leave() {
            Some(Ok(outcome)) => self.settle(&outcome),
            Some(Err(failed)) => self.settle(&failed.outcome),
            None => {}
        }
    }
}

/// What all calls together may still spend and nobody has claimed; `None` is no limit.
#[derive(Debug)]
struct Purse(Mutex<(Option<u64>, Option<Cost>)>);

/// What one call may spend of it, and has not given back yet.
#[derive(Debug)]
struct Claim {
    purse: Arc<Purse>,
    tokens: u64,
    cost: Cost,
}

impl Purse {
    fn new(tokens: Option<u64>, cost: Option<Cost>) -> Arc<Self> {
        Arc::new(Self(Mutex::new((tokens, cost))))
    }

    /// Claims the budget of a call, which it lowers to what is left. A call without a budget claims half of what is
    /// left, so that another one finds something.
    fn claim(self: &Arc<Self>, budget: &mut Budget) -> Result<Claim, String> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let share = |asked: Option<u64>, left: u64| asked.unwrap_or(left.div_ceil(2)).min(left);
        let mut claim = Claim { purse: Arc::clone(self), tokens: 0, cost: Cost::ZERO };
        if left.0 == Some(0) || left.1.is_some_and(|cost| cost <= Cost::ZERO) {
            return Err(
                "the budget of this server is spent, or claimed by calls that run: ask again later, or have it \
                        started with a larger --total-tokens or --total-usd"
                    .to_owned(),
            );
        }
        if let Some(tokens) = &mut left.0 {
            claim.tokens = share(budget.max_tokens, *tokens);
            *tokens -= claim.tokens;
            budget.max_tokens = Some(claim.tokens);
        }
        if let Some(cost) = &mut left.1 {
            claim.cost = Cost::from_nano(share(budget.max_cost.map(Cost::nano), cost.nano()));
            *cost = Cost::from_nano(cost.nano() - claim.cost.nano());
            budget.max_cost = Some(claim.cost);
        }
        Ok(claim)
    }
}

impl Claim {
    /// Gives back what was not spent.
    fn settle(self, tokens: u64, cost: Cost) {
        let mut left = self.purse.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = &mut left.0 {
            *free += self.tokens.saturating_sub(tokens);
        }
        if let Some(free) = &mut left.1 {
            *free = Cost::from_nano(free.nano() + self.cost.nano().saturating_sub(cost.nano()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_never_exceed_the_purse_and_give_back_what_is_left() {
        let purse = Purse::new(Some(1_000), Some(Cost::from_nano(500)));
        let mut first = Budget { max_tokens: Some(300), ..Budget::default() };
        let claim = purse.claim(&mut first).unwrap();
        assert_eq!((first.max_tokens, first.max_cost), (Some(300), Some(Cost::from_nano(250))));
        let mut second =
            Budget { max_tokens: Some(5_000), max_cost: Some(Cost::from_nano(9_000)), ..Budget::default() };
        let other = purse.claim(&mut second).unwrap();
        assert_eq!((second.max_tokens, second.max_cost), (Some(700), Some(Cost::from_nano(250))));
        let refused = purse.claim(&mut Budget::default()).unwrap_err();
        assert!(refused.contains("--total-tokens"), "{refused}");
        claim.settle(100, Cost::from_nano(50));
        other.settle(700, Cost::from_nano(250));
        let mut third = Budget::default();
        purse.claim(&mut third).unwrap();
        assert_eq!((third.max_tokens, third.max_cost), (Some(100), Some(Cost::from_nano(100))));
    }

    #[test]
    fn without_a_limit_nothing_is_claimed() {
        let mut budget = Budget::default();
        Purse::new(None, None).claim(&mut budget).unwrap().settle(10, Cost::ZERO);
        assert_eq!(budget, Budget::default());
    }
}
