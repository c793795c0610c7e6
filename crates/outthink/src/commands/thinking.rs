//! The flags that say how much thinking is bought, and their check against each other.

use super::replay::read_table;
use crate::defaults;
use crate::error::CliError;
use clap::Args;
use outthink_core::{Budget, Cost, Effort, Price, Thinking};
use outthink_strategy::StrategySpec;
use std::path::PathBuf;

/// How much thinking is bought.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Thinking")]
pub(crate) struct ThinkingArgs {
    /// Named amount: auto, none, minimal, low, medium, high, xhigh or max [default: low].
    #[arg(long, value_name = "NAME")]
    pub(crate) effort: Option<Effort>,
    /// How samples are bought: single, self-consistency, adaptive, allocate, best-of-n,
    /// weighted-best-of-n, confidence-vote, cluster-vote, esc, short-m, deepconf, budget-forcing, probe,
    /// revise, beam, dvts, rebase, mcts, cascade or ensemble [default: adaptive, for effort none single].
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<String>,
    /// A setting of the strategy, such as width=4 for beam; docs/strategies.md lists them. May be
    /// repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Samples at most.
    #[arg(long, value_name = "N")]
    pub(crate) samples: Option<u32>,
    /// Generated tokens of one sample at most.
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u64>,
    /// Stop when the leading answer stays ahead with this probability, between 0.5 and 1.
    #[arg(long, value_name = "P")]
    pub(crate) target_confidence: Option<f64>,
    /// Budget forcing: tokens of thought at least; a shorter thought is extended.
    #[arg(long, value_name = "N")]
    pub(crate) thinking_floor: Option<u64>,
    /// Budget forcing: tokens of thought at most, after which the thought is closed.
    #[arg(long, value_name = "N")]
    pub(crate) thinking_cap: Option<u64>,
    /// Allocation table for the strategy allocate, as `outthink fit inference` writes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Generated tokens of all samples at most.
    #[arg(long, value_name = "N")]
    pub(crate) budget_tokens: Option<u64>,
    /// Dollars at most; needs a price.
    #[arg(long, value_name = "USD")]
    pub(crate) budget_usd: Option<f64>,
    /// Seconds at most.
    #[arg(long, value_name = "S")]
    pub(crate) budget_seconds: Option<f64>,
}

/// What tokens cost.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Price")]
pub(crate) struct PriceArgs {
    /// Dollars for a million prompt tokens.
    #[arg(long, value_name = "USD")]
    pub(crate) price_input: Option<f64>,
    /// Dollars for a million generated tokens.
    #[arg(long, value_name = "USD")]
    pub(crate) price_output: Option<f64>,
}

impl PriceArgs {
    /// The price, where one is set. Cached prompt tokens cost as much as others.
    pub(crate) fn price(&self) -> Result<Option<Price>, CliError> {
        if self.price_input.is_none() && self.price_output.is_none() {
            return Ok(None);
        }
        let input = self.price_input.unwrap_or(0.0);
        Price::per_million_usd(input, input, self.price_output.unwrap_or(0.0))
            .map(Some)
            .map_err(|e| CliError::usage(e.to_string()))
    }
}

impl ThinkingArgs {
    /// The strategy with its settings, checked.
    pub(crate) fn spec(&self) -> Result<StrategySpec, CliError> {
        let effort = self.effort.unwrap_or(defaults::EFFORT);
        let mut spec = StrategySpec::for_effort(effort);
        if let Some(name) = &self.strategy {
            spec.name.clone_from(name);
        }
        if let Some(samples) = self.samples {
            spec.max_samples = samples;
        }
        if let Some(tokens) = self.max_tokens {
            spec.max_tokens_per_sample = Some(tokens);
        }
        if let Some(target) = self.target_confidence {
            spec.target_confidence = target;
        }
        for pair in &self.settings {
            spec.settings.set_pair(pair).map_err(|e| CliError::usage(e.to_string()))?;
        }
        spec.thinking_floor = self.thinking_floor;
        spec.thinking_cap = self.thinking_cap;
        if let Some(path) = &self.table {
            if spec.name != "allocate" {
                return Err(CliError::usage(format!("--table tells the strategy allocate, not `{}`", spec.name))
                    .hint("give --strategy allocate, or drop --table"));
            }
            spec.table = Some(read_table(path)?);
        }
        self.contradiction(&spec)?;
        spec.build().map_err(|e| CliError::usage(e.to_string()).hint("see `outthink ask --help`"))?;
        Ok(spec)
    }

    /// How long the model should reason, for engines that have a setting for it: what `--effort` says.
    pub(crate) fn native(&self) -> Thinking {
        Thinking { effort: self.effort.filter(|e| *e != Effort::Auto), budget: None }
    }

    /// The hard limits, checked.
    pub(crate) fn budget(&self, price: Option<Price>) -> Result<Budget, CliError> {
        let max_cost = match self.budget_usd {
            None => None,
            Some(usd) => Some(Cost::from_usd(usd).filter(|c| *c > Cost::ZERO).ok_or_else(|| {
                CliError::usage(format!("a budget of {usd} dollars buys nothing")).hint("give a positive number")
            })?),
        };
        if max_cost.is_some() && price.is_none_or(|p| p == Price::default()) {
            return Err(CliError::usage("--budget-usd limits nothing while tokens cost nothing")
                .hint("set --price-input and --price-output, in dollars for a million tokens"));
        }
        let budget = Budget {
            max_tokens: self.budget_tokens,
            max_cost,
            max_seconds: self.budget_seconds,
            max_samples: self.samples,
        };
        match budget.problem() {
            Some(problem) => Err(CliError::usage(problem)),
            None => Ok(budget),
        }
    }

    fn contradiction(&self, spec: &StrategySpec) -> Result<(), CliError> {
        if spec.max_tokens_per_sample == Some(0) {
            return Err(CliError::usage("a sample of 0 tokens says nothing").hint("give --max-tokens at least 1"));
        }
        let single = spec.name == "single";
        if single && self.samples.is_some_and(|n| n > 1) {
            return Err(CliError::usage(format!(
                "one sample and --samples {} contradict each other",
                spec.max_samples
            ))
            .hint("drop --samples, or give --strategy self-consistency or an effort above none"));
        }
        if single && self.target_confidence.is_some() {
            return Err(CliError::usage("--target-confidence needs several samples, and one was asked for")
                .hint("give --strategy adaptive or an effort above none"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_in_dollars_needs_a_price() {
        let args = ThinkingArgs { budget_usd: Some(0.01), ..ThinkingArgs::default() };
        assert_eq!(args.budget(None).unwrap_err().code, 2);
        let price = Price::per_million_usd(1.0, 1.0, 2.0).unwrap();
        assert!(args.budget(Some(price)).unwrap().max_cost.is_some());
    }

    #[test]
    fn one_sample_and_several_contradict() {
        let args = ThinkingArgs { effort: Some(Effort::None), samples: Some(5), ..ThinkingArgs::default() };
        assert_eq!(args.spec().unwrap_err().code, 2);
    }
}
