//! The options of a plan that train a model from scratch: its size and tokens for the whole of its life.

use super::fit::{Table, fresh_law, law_error, pretrain_columns};
use super::plan::dollars;
use super::plan_saved::{LawSource, SavedLaw, law_source};
use crate::error::CliError;
use clap::Args;
use outthink_law::lifetime::{Costs, Life, Serving, Supply, best_for, cheapest, training_alone};
use outthink_law::plan::{PlanOption, Standing, training_flops};
use outthink_law::pretrain::{
    LossForm, PretrainOptions, Repeated, RunErrors, backtest, backtest_repeated, fit_repeated,
};
use outthink_law::sensitivity::Planned;

/// Tokens beyond which a plan without a stock is told to name one: about what the largest open corpora hold.
const LARGE_CORPUS: f64 = 1.5e13;

/// What a plan that forgets the queries would do.
pub(super) const ALONE: &str = "a model trained from scratch, by the bill of training alone";

/// The size and tokens that training and serving together lead to.
pub(super) const TOGETHER: &str = "a model trained from scratch, for training and serving together";

/// What a model costs over its life, and what there is to train it on.
#[derive(Debug, Args)]
pub(super) struct LifeArgs {
    /// Unique tokens at hand; further ones are repeats, and worth less with each pass.
    #[arg(long, value_name = "U")]
    unique_tokens: Option<f64>,
    /// The target loss, for the least dollars of training and serving.
    #[arg(long, value_name = "L")]
    pub(super) target_loss: Option<f64>,
    /// A law instead of runs: a file that `fit pretrain --save` wrote, or published constants, as
    /// E=1.82,A=482,alpha=0.348,B=2085,beta=0.366.
    #[arg(long, value_name = "FILE|CONSTANTS", value_parser = law_source)]
    law: Option<LawSource>,
    /// Prompt tokens of a query.
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    prompt_tokens: f64,
    /// Share of the prompt tokens that a cache holds.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    cached_share: f64,
    /// Share of the peak that reading prompts reaches [default: as training].
    #[arg(long, value_name = "SHARE")]
    prefill_utilisation: Option<f64>,
    /// Share of the peak that generating reaches [default: as training; batches of served models often reach less].
    #[arg(long, value_name = "SHARE")]
    decode_utilisation: Option<f64>,
    /// Parameters that a token passes, as a share of all (mixture of experts).
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    active_share: f64,
    /// Dollars beyond the final run that no other flag names, as a share of it.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    overhead: f64,
    /// Dollars of failed runs and experiments, as a share of the final run.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    failed_runs: f64,
    /// Dollars of staff, as a share of the final run.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    staff: f64,
}

impl LifeArgs {
    /// Whether there is a law of the loss without a file.
    pub(super) fn published(&self) -> bool {
        self.law.is_some()
    }

    pub(super) fn costs(&self, standing: &Standing) -> Costs {
        Costs {
            hardware: standing.hardware,
            active: self.active_share,
            overhead: self.overhead + self.failed_runs + self.staff,
            price: standing.usd_per_million_tokens.map(|usd| (usd, standing.params)),
        }
    }

    pub(super) fn serving(&self, standing: &Standing) -> Serving {
        let training = standing.hardware.utilisation;
        Serving {
            queries: standing.queries,
            prompt_tokens: self.prompt_tokens,
            cached: self.cached_share,
            generated_tokens: standing.tokens_per_query,
            prefill_utilisation: self.prefill_utilisation.unwrap_or(training),
            decode_utilisation: self.decode_utilisation.unwrap_or(training),
        }
    }
}

/// The law of the loss with its draws, and how far runs end from it.
pub(super) struct Law {
    pub(super) supply: Supply,
    pub(super) draws: Vec<Supply>,
    pub(super) level: f64,
    /// Runs behind it and their largest compute, where it is known.
    pub(super) fitted: Option<(usize, f64)>,
    /// From backtests on those runs; without them intervals are of the fitted mean.
    pub(super) errors: Option<RunErrors>,
}

/// What the intervals of a plan hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum IntervalOf {
    /// The loss that a run ends at, by backtests.
    Run,
    /// The mean of the fitted law, which held about a quarter of the runs it was tested on.
    Mean,
    /// Constants as given have none.
    #[default]
    Nothing,
}

impl IntervalOf {
    /// Its name in JSON.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Run => Some("run"),
            Self::Mean => Some("mean"),
            Self::Nothing => None,
        }
    }
}

impl Law {
    /// From runs, or from constants.
    pub(super) fn read(args: &LifeArgs, table: Option<Table>, level: f64, seed: u64) -> Result<Self, CliError> {
        if args.unique_tokens.is_some_and(|u| !(u.is_finite() && u > 0.0)) {
            return Err(CliError::usage("--unique-tokens must be above 0").hint("give a number above 0, such as 15e12"));
        }
        let stock = args.unique_tokens;
        let of = |law: Repeated| Supply { law, stock };
        let Some(table) = table else {
            return Ok(match &args.law {
                Some(LawSource::Constants(law)) => {
                    Self { supply: Supply::fresh(*law, stock), draws: Vec::new(), level, fitted: None, errors: None }
                }
                Some(LawSource::File(path)) => {
                    let saved = SavedLaw::read(path)?;
                    let draws = saved.draws.iter().map(|d| of(*d)).collect();
                    let fitted = Some((saved.runs, saved.largest_flops));
                    Self { supply: of(saved.best), draws, level, fitted, errors: saved.errors }
                }
                None => return Err(CliError::usage("no law of the loss").hint("give --pretrain or --law")),
            });
        };
        let columns = pretrain_columns(&table)?;
        let options = PretrainOptions { seed, level, bootstraps: 300, ..PretrainOptions::default() };
        let bad = |e: outthink_law::LawError| law_error(&e);
        if let Some(unique) = &columns.unique
            && let Ok(found) = fit_repeated(&columns.runs(), unique, options)
        {
            let errors = backtest_repeated(&columns.runs(), unique, options).map_err(bad)?;
            let draws = found.draws.iter().map(|d| of(*d)).collect();
            let fitted = Some((found.n, errors.largest_flops));
            return Ok(Self { supply: of(found.law), draws, level, fitted, errors: Some(errors) });
        }
        let (columns, found) = fresh_law(&columns, options)?;
        let most = columns.largest_compute();
        let errors = backtest(LossForm::Chinchilla, &columns.runs(), options).map_err(bad)?.errors(most);
        let draws = found.draws.iter().map(|d| Supply::fresh(*d, stock)).collect();
        let fitted = Some((found.n, most));
        Ok(Self { supply: Supply::fresh(found.law, stock), draws, level, fitted, errors: Some(errors) })
    }

    /// What the intervals of the loss hold.
    pub(super) fn interval_of(&self) -> IntervalOf {
        match (&self.errors, self.draws.is_empty()) {
            (Some(_), _) => IntervalOf::Run,
            (None, false) => IntervalOf::Mean,
            (None, true) => IntervalOf::Nothing,
        }
    }

    /// The plan whose inputs are varied.
    pub(super) fn planned<'a>(&'a self, costs: &'a Costs, serving: &'a Serving) -> Planned<'a> {
        Planned { supply: &self.supply, draws: &self.draws, errors: self.errors.as_ref(), costs, serving }
    }

    /// How far a run is from those that the law was fitted to, where that is further than its backtests reached.
    fn distance(&self, life: &Life) -> String {
        let Some(errors) = self.errors else { return String::new() };
        let factor = errors.factor(life.params, life.tokens);
        if !errors.beyond(factor) {
            return String::new();
        }
        let reach = if errors.tested {
            format!("backtests reached {:.1}x", errors.reach)
        } else {
            "the runs were too few for backtests".to_owned()
        };
        format!(
            "; {factor:.0}x the largest compute fitted ({reach}): the interval is widened by the growth of their errors"
        )
    }

    fn option(&self, name: &str, life: &Life, (plan, standing): (&Planned<'_>, &Standing), more: &str) -> PlanOption {
        let stock = match self.supply.stock {
            Some(stock) if life.epochs > 1.0 => format!("{:.1} passes over {stock:.3e} unique ones", life.epochs),
            Some(stock) => format!("of {stock:.3e} at hand"),
            None if life.tokens > LARGE_CORPUS => {
                "more than the largest open corpora hold: name your stock by --unique-tokens".to_owned()
            }
            None => "all fresh".to_owned(),
        };
        PlanOption {
            name: name.to_owned(),
            accuracy: None,
            loss: Some(plan.loss(life.params, life.tokens, self.level)),
            once_usd: life.training_usd,
            usd_interval: None,
            serving_usd: life.serving_usd,
            probability: None,
            note: format!(
                "{:.3e} parameters on {:.3e} tokens ({:.0} a parameter; {stock}), {:.2}x the size of today's, {:.2e} \
                 FLOP{more}{}",
                life.params,
                life.tokens,
                life.tokens / life.params,
                life.params / standing.params,
                training_flops(life.params, life.tokens),
                self.distance(life)
            ),
        }
    }
}

/// What is asked of a model trained from scratch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish {
    /// As good as the best split of these dollars of training, for the least over its life.
    AsGoodAs(f64),
    /// The lowest loss for these dollars beyond what serving costs today.
    Beyond(f64),
    /// This loss for the least.
    Loss(f64),
}

/// The options.
pub(super) fn options(
    args: &LifeArgs,
    law: &Law,
    standing: &Standing,
    wish: Wish,
) -> Result<Vec<PlanOption>, CliError> {
    let (costs, serving) = (args.costs(standing), args.serving(standing));
    let planned = law.planned(&costs, &serving);
    let at = (&planned, standing);
    let bad = |e: outthink_law::LawError| law_error(&e);
    let mut all = Vec::new();
    if let (Wish::Beyond(usd), Some(before)) = (wish, standing.trained_tokens) {
        let params = standing.params;
        let tokens = before + usd / costs.training(params, 1.0);
        let life = Life {
            params,
            tokens,
            epochs: law.supply.epochs(tokens),
            loss: law.supply.loss(params, tokens),
            training_usd: usd,
            serving_usd: standing.queries * costs.query(params, &serving),
        };
        let name = if life.epochs > 1.0 { "more passes over the data" } else { "more data at the same size" };
        all.push(law.option(name, &life, at, ""));
    }
    let unreachable = |loss: f64| PlanOption {
        name: TOGETHER.to_owned(),
        accuracy: None,
        loss: None,
        once_usd: f64::INFINITY,
        usd_interval: None,
        serving_usd: f64::INFINITY,
        probability: None,
        note: match law.supply.stock {
            Some(stock) => {
                format!("no size reaches a loss of {loss:.4} on {stock:.3e} unique tokens: the wall of data")
            }
            None => format!("no size reaches a loss of {loss:.4}: it lies at or below the floor of the law"),
        },
    };
    match wish {
        Wish::Loss(loss) => match cheapest(&law.supply, &costs, &serving, loss).map_err(bad)? {
            Some(life) => {
                let nobody = Serving { queries: 0.0, ..serving };
                let alone = cheapest(&law.supply, &costs, &nobody, loss).map_err(bad)?;
                all.push(law.option(TOGETHER, &life, at, ""));
                if let Some(found) = alone {
                    let served = Life { serving_usd: standing.queries * costs.query(found.params, &serving), ..found };
                    all.push(law.option(ALONE, &served, at, ""));
                }
            }
            None => all.push(unreachable(loss)),
        },
        Wish::AsGoodAs(usd) | Wish::Beyond(usd) => {
            let alone = training_alone(&law.supply, &costs, &serving, usd).map_err(bad)?;
            if let Some(alone) = &alone {
                all.push(law.option(ALONE, alone, at, ""));
            }
            let today = standing.queries * costs.query(standing.params, &serving);
            let found = match wish {
                Wish::Beyond(_) => best_for(&law.supply, &costs, &serving, today + usd).map_err(bad)?,
                _ => match &alone {
                    Some(alone) => cheapest(&law.supply, &costs, &serving, alone.loss).map_err(bad)?,
                    None => None,
                },
            };
            if let Some(life) = found {
                let more = alone.map_or_else(String::new, |a| {
                    format!(
                        "; {} in all where the bill of training alone leads to {}",
                        dollars(life.usd()),
                        dollars(a.usd())
                    )
                });
                all.push(law.option(TOGETHER, &life, at, &more));
            }
        }
    }
    Ok(all)
}
