//! The flags that say how much thinking is bought, and their check against each other.

use super::replay::read_table;
use crate::defaults;
use crate::error::CliError;
use clap::Args;
use outthink_core::{Budget, Cost, Effort, Price, Thinking};
use outthink_strategy::registry::{self, Takes};
use outthink_strategy::{PlanError, Settings, StrategyError, StrategySpec, ThinkingPlan};
use std::path::PathBuf;

/// How much thinking is bought.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Thinking")]
pub(crate) struct ThinkingArgs {
    /// Named amount, from auto and none to max; the names are listed below [default: low].
    #[arg(long, value_name = "NAME")]
    pub(crate) effort: Option<Effort>,
    /// How samples are bought; the names are listed below [default: adaptive, for effort none single].
    #[arg(long, value_name = "NAME", value_parser = strategy)]
    pub(crate) strategy: Option<String>,
    /// A setting of the strategy, such as width=4 for beam; `outthink strategies NAME` lists them. May
    /// be repeated.
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
    /// Budget forcing: tokens of reasoning at least; shorter reasoning is extended.
    #[arg(long, value_name = "N")]
    pub(crate) thinking_floor: Option<u64>,
    /// Budget forcing: tokens of reasoning at most, after which it is closed.
    #[arg(long, value_name = "N")]
    pub(crate) thinking_cap: Option<u64>,
    /// Allocation table for the strategy allocate, as `outthink fit inference` writes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Generated tokens of all samples at most.
    #[arg(long, value_name = "N")]
    pub(crate) budget_tokens: Option<u64>,
    /// Maximum spend in dollars (requires --price-input or --price-output).
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

/// A limit in dollars that a flag sets, checked: it must be more than nothing, and tokens must cost something.
pub(crate) fn spend(flag: &str, usd: Option<f64>, price: Option<Price>) -> Result<Option<Cost>, CliError> {
    let Some(usd) = usd else { return Ok(None) };
    if price.is_none_or(|price| price.is_free()) {
        return Err(CliError::usage(format!("{flag} limits nothing while tokens cost nothing"))
            .hint("set --price-input and --price-output, in dollars for a million tokens"));
    }
    let cost = Cost::from_usd(usd).filter(|cost| *cost > Cost::ZERO);
    cost.map(Some).ok_or_else(|| {
        CliError::usage(format!("{flag} {usd} buys nothing")).hint(format!("give {flag} a positive number of dollars"))
    })
}

impl ThinkingArgs {
    /// What the flags ask for.
    fn plan(&self) -> Result<ThinkingPlan, CliError> {
        let mut settings = Settings::default();
        for pair in &self.settings {
            settings.set_pair(pair).map_err(|e| CliError::usage(e.to_string()))?;
        }
        Ok(ThinkingPlan {
            effort: self.effort,
            strategy: self.strategy.clone(),
            settings,
            samples: self.samples,
            max_tokens: self.max_tokens,
            target_confidence: self.target_confidence,
            thinking_cap: self.thinking_cap,
            thinking_floor: self.thinking_floor,
            thinking_budget: None,
            budget_tokens: self.budget_tokens,
            budget_usd: self.budget_usd,
            budget_seconds: self.budget_seconds,
        })
    }

    /// The strategy with its settings, checked.
    pub(crate) fn spec(&self) -> Result<StrategySpec, CliError> {
        let (_, mut spec) = self.plan()?.resolve(defaults::EFFORT, StrategySpec::for_effort).map_err(plan_error)?;
        for note in spec.renamed() {
            eprintln!("warning: {note}");
        }
        if let Some(path) = &self.table {
            if !spec.entry().is_ok_and(|entry| entry.takes(Takes::Table)) {
                let takers = registry::that_take(Takes::Table);
                return Err(CliError::usage(format!("the strategy {} reads no --table", spec.name))
                    .hint(format!("give --strategy {takers}, or drop --table")));
            }
            spec.table = Some(read_table(path)?);
        }
        Ok(spec)
    }

    /// How long the model should reason, for engines that have a setting for it: what `--effort` says.
    pub(crate) fn native(&self) -> Thinking {
        Thinking { effort: self.effort.filter(|e| *e != Effort::Auto), budget: None }
    }

    /// The hard limits, checked.
    pub(crate) fn budget(&self, price: Option<Price>) -> Result<Budget, CliError> {
        let budget = self.plan()?.budget().map_err(plan_error)?;
        spend("--budget-usd", self.budget_usd, price)?;
        Ok(Budget { max_samples: self.samples, ..budget })
    }
}

/// The name of a strategy, checked.
pub(crate) fn strategy(name: &str) -> Result<String, StrategyError> {
    registry::find(name).map(|entry| entry.name().to_owned())
}

/// What a plan's error tells at a command line: the flag is named after the field.
fn plan_error(error: PlanError) -> CliError {
    let flag = match error.field.as_str() {
        "settings" => "set".to_owned(),
        field => field.replace('_', "-"),
    };
    CliError::usage(error.message).hint(format!("see --{flag} in `outthink ask --help`"))
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
