//! What would change a plan: the inputs varied one by one, where a run may end, and the best loss for each sum of dollars.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_positive};
use crate::interval::{Interval, quantile};
use crate::lifetime::{Costs, Life, Serving, Supply, best_for, cheapest};
use crate::plan::Hardware;
use crate::pretrain::RunErrors;
use crate::verdict::Ranged;

/// Bootstrap draws of the law that a tornado looks at.
const DRAWS: usize = 60;
/// Probability that the ends of the law's own range leave out, on each side.
const TAIL: f64 = 0.05;
/// Turns in which a plan with a margin settles: the margin grows with the compute that it takes.
const SETTLED: usize = 12;

/// One input at its two ends, with the dollars that the same loss costs there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swing {
    /// The input, in words.
    pub input: String,
    /// Its low end, the value planned with, and its high end; `None` for the law as a whole.
    pub values: Option<[f64; 3]>,
    /// Dollars in all at the low end; `None` where no size reaches the loss.
    pub at_low: Option<f64>,
    /// Dollars in all at the high end; `None` where no size reaches the loss.
    pub at_high: Option<f64>,
    /// Parameters of the cheapest model at the two ends.
    pub sizes: [Option<f64>; 2],
}

impl Swing {
    /// ln of the more expensive end over the cheaper one; infinite where one end is out of reach.
    pub fn size(&self) -> f64 {
        match (self.at_low, self.at_high) {
            (Some(low), Some(high)) => (high / low).ln().abs(),
            (None, None) => 0.0,
            _ => f64::INFINITY,
        }
    }
}

/// A plan whose inputs are varied.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The law with the stock of data.
    pub supply: &'a Supply,
    /// One law for each bootstrap draw; empty for constants without an interval.
    pub draws: &'a [Supply],
    /// How far runs end from the law, from its backtests; `None` where nothing says it.
    pub errors: Option<&'a RunErrors>,
    /// What training and serving cost.
    pub costs: &'a Costs,
    /// How the model is used.
    pub serving: &'a Serving,
}

impl Planned<'_> {
    /// Loss of `params` parameters after `tokens` tokens, with the interval of a run; where nothing says how far runs
    /// end from the law, with that of the fitted mean, and for constants alone with none.
    pub fn loss(&self, params: f64, tokens: f64, level: f64) -> Ranged {
        let value = self.supply.loss(params, tokens);
        let draws: Vec<f64> = self.draws.iter().map(|d| d.loss(params, tokens)).collect();
        let mean = (!draws.is_empty()).then(|| Interval::from_draws(&draws, level));
        let none = Interval { low: value, high: value, level };
        let interval = match self.errors {
            Some(errors) => errors.interval(value, mean, errors.factor(params, tokens), level),
            None => mean.unwrap_or(none),
        };
        Ranged { value, interval }
    }

    /// The cheapest model whose interval at `level` has the end that `end` picks at `loss`, with the loss that the law
    /// promises for it.
    fn with_end_at(
        &self,
        loss: f64,
        level: f64,
        end: impl Fn(&Interval) -> f64,
    ) -> Result<Option<(f64, Life)>, LawError> {
        let mut target = loss;
        let mut found = None;
        for _ in 0..SETTLED {
            let Some(life) = cheapest(self.supply, self.costs, self.serving, target)? else { return Ok(None) };
            let at = self.loss(life.params, life.tokens, level);
            found = Some((target, life));
            let next = loss * at.value / end(&at.interval);
            if (next / target - 1.0).abs() < 1e-6 {
                break;
            }
            target = next;
        }
        Ok(found)
    }
}

/// A plan with a margin, so that a run ends at the loss or below it with a stated probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Assured {
    /// Probability that the run ends at the loss or below it.
    pub probability: f64,
    /// Loss that the law must promise for it.
    pub planned_loss: f64,
    /// The cheapest model that does.
    pub life: Life,
}

/// The cheapest model of which a run ends at `loss` or below it with `probability`, above one half; `None` where no size
/// makes it so sure, or where nothing says how far runs end from the law.
///
/// # Errors
///
/// As [`cheapest`]; a probability that is not between one half and 1.
///
/// # Examples
///
/// ```
/// use outthink_law::lifetime::{Costs, Serving, Supply};
/// use outthink_law::pretrain::{Chinchilla, RunErrors};
/// use outthink_law::sensitivity::{assured, Planned};
/// let law = Chinchilla { floor: 1.8172, a: 482.01, alpha: 0.3478, b: 2_085.43, beta: 0.3658 };
/// let hardware = outthink_law::plan::Hardware { flops: 989e12, utilisation: 0.4, usd_per_hour: 2.0 };
/// let costs = Costs { hardware, active: 1.0, overhead: 0.0, price: None };
/// let serving = Serving {
///     queries: 1e9,
///     prompt_tokens: 0.0,
///     cached: 0.0,
///     generated_tokens: 1_000.0,
///     prefill_utilisation: 0.4,
///     decode_utilisation: 0.2,
/// };
/// let supply = Supply::fresh(law, None);
/// let errors = RunErrors { scale: 0.002, near: 1.0, scatter: 0.002, reach: 8.0, largest_flops: 1e24, tested: true };
/// let plan = Planned { supply: &supply, draws: &[], errors: Some(&errors), costs: &costs, serving: &serving };
/// // To end at 1.97 or below nine times in ten, the law must promise less.
/// let sure = assured(&plan, 1.97, 0.9)?;
/// assert!(sure.is_some_and(|plan| plan.planned_loss < 1.97));
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn assured(plan: &Planned<'_>, loss: f64, probability: f64) -> Result<Option<Assured>, LawError> {
    check("probability", &[probability], "a number above one half and below 1", |p| p > 0.5 && p < 1.0)?;
    if plan.errors.is_none() {
        return Ok(None);
    }
    let found = plan.with_end_at(loss, 2.0 * probability - 1.0, |i| i.high)?;
    Ok(found.map(|(planned_loss, life)| Assured { probability, planned_loss, life }))
}

/// The inputs by how much they move the dollars for `loss`, the one that moves most first.
///
/// Each is divided and multiplied by a factor that we take for how far an estimate of it may be off: 3 for queries, 2 for
/// tokens, the stock and the utilisation of serving, 1.5 for the price of an hour, 1.25 for the utilisation of
/// training. Shares stay at most 1. A run is let end where 5 % and 95 % of runs end, and the plan must then make up for
/// it; of a law without backtests its bootstrap draws are taken, between their 5 % and 95 % quantiles of dollars. Inputs
/// that move nothing are left out.
///
/// # Errors
///
/// As [`cheapest`].
pub fn tornado(plan: &Planned<'_>, loss: f64) -> Result<Vec<Swing>, LawError> {
    let Planned { supply, costs, serving, .. } = *plan;
    let mut swings = Vec::new();
    let mut vary = |input: &str, value: f64, factor: f64, of: &dyn Fn(f64) -> (Supply, Costs, Serving)| {
        if value <= 0.0 {
            return Ok(());
        }
        let end = |x: f64| {
            let (supply, costs, serving) = of(x);
            cheapest(&supply, &costs, &serving, loss)
        };
        let (low, high) = (value / factor, value * factor);
        let (at_low, at_high) = (end(low)?, end(high)?);
        swings.push(Swing {
            input: input.to_owned(),
            values: Some([low, value, high]),
            at_low: at_low.map(|l| l.usd()),
            at_high: at_high.map(|l| l.usd()),
            sizes: [at_low, at_high].map(|l| l.map(|l| l.params)),
        });
        Ok::<(), LawError>(())
    };
    let with = |hardware: Hardware| Costs { hardware, ..*costs };
    let hardware = costs.hardware;
    let serve = |serving: Serving| (*supply, *costs, serving);
    vary("queries", serving.queries, 3.0, &|x| serve(Serving { queries: x, ..*serving }))?;
    vary("generated tokens a query", serving.generated_tokens, 2.0, &|x| {
        serve(Serving { generated_tokens: x, ..*serving })
    })?;
    vary("prompt tokens a query", serving.prompt_tokens, 2.0, &|x| serve(Serving { prompt_tokens: x, ..*serving }))?;
    vary("dollars for an accelerator hour", hardware.usd_per_hour, 1.5, &|x| {
        (*supply, with(Hardware { usd_per_hour: x, ..hardware }), *serving)
    })?;
    vary("utilisation of training", hardware.utilisation, 1.25, &|x| {
        (*supply, with(Hardware { utilisation: x.min(1.0), ..hardware }), *serving)
    })?;
    vary("utilisation of generating", serving.decode_utilisation, 2.0, &|x| {
        serve(Serving { decode_utilisation: x.min(1.0), ..*serving })
    })?;
    vary("utilisation of reading prompts", serving.prefill_utilisation, 2.0, &|x| {
        serve(Serving { prefill_utilisation: x.min(1.0), ..*serving })
    })?;
    vary("cost beyond the final run, as a share of it", costs.overhead, 2.0, &|x| {
        (*supply, Costs { overhead: x, ..*costs }, *serving)
    })?;
    vary("unique tokens at hand", supply.stock.unwrap_or(0.0), 2.0, &|x| {
        (Supply { stock: Some(x), ..*supply }, *costs, *serving)
    })?;
    swings.extend(of_law(plan, loss)?);
    swings.retain(|s| s.size() > 1e-6);
    swings.sort_by(|x, y| y.size().total_cmp(&x.size()));
    Ok(swings)
}

/// What the loss costs if runs end where the luckiest and unluckiest twentieth of them do; of a law without backtests,
/// the law between the quantiles of its draws, where a draw that does not reach the loss counts as without end.
fn of_law(plan: &Planned<'_>, loss: f64) -> Result<Option<Swing>, LawError> {
    if plan.errors.is_some() {
        let level = 1.0 - 2.0 * TAIL;
        let low = plan.with_end_at(loss, level, |i| i.low)?.map(|f| f.1);
        let high = plan.with_end_at(loss, level, |i| i.high)?.map(|f| f.1);
        return Ok(Some(Swing {
            input: "where a run ends (5 % to 95 % of runs)".to_owned(),
            values: None,
            at_low: low.map(|l| l.usd()),
            at_high: high.map(|l| l.usd()),
            sizes: [low, high].map(|l| l.map(|l| l.params)),
        }));
    }
    if plan.draws.len() < 20 {
        return Ok(None);
    }
    let mut found: Vec<(f64, f64)> = Vec::with_capacity(DRAWS);
    for draw in plan.draws.iter().step_by(plan.draws.len().div_ceil(DRAWS)) {
        let life = cheapest(draw, plan.costs, plan.serving, loss)?;
        found.push(life.map_or((f64::INFINITY, f64::INFINITY), |l| (l.usd(), l.params)));
    }
    found.sort_by(|x, y| x.0.total_cmp(&y.0));
    let of = |column: Vec<f64>, q: f64| Some(quantile(&column, q)).filter(|x| x.is_finite());
    let usd: Vec<f64> = found.iter().map(|f| f.0).collect();
    let sizes: Vec<f64> = found.iter().map(|f| f.1).collect();
    Ok(Some(Swing {
        input: "the mean of the fitted law (5 % to 95 % of its draws)".to_owned(),
        values: None,
        at_low: of(usd.clone(), TAIL),
        at_high: of(usd, 1.0 - TAIL),
        sizes: [of(sizes.clone(), TAIL), of(sizes, 1.0 - TAIL)],
    }))
}

/// The lowest loss for sums of dollars from `from` to `to`, evenly in the logarithm; sums that serving alone exceeds at
/// every size are left out.
///
/// # Errors
///
/// As [`best_for`].
pub fn frontier(plan: &Planned<'_>, (from, to): (f64, f64), points: usize) -> Result<Vec<Life>, LawError> {
    need_positive("usd", &[from, to])?;
    let step = (to / from).ln() / points.saturating_sub(1).max(1) as f64;
    let mut all = Vec::with_capacity(points);
    for i in 0..points {
        all.extend(best_for(plan.supply, plan.costs, plan.serving, from * (step * i as f64).exp())?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetime::made::{LAW, costs, serving};
    use crate::pretrain::Chinchilla;

    /// Errors of 0.2 % for each e-fold of compute, backtested to eight times the compute fitted.
    const ERRORS: RunErrors =
        RunErrors { scale: 0.002, near: 1.0, scatter: 0.002, reach: 8.0, largest_flops: 1e24, tested: true };

    #[test]
    fn queries_matter_where_there_are_many_and_the_hour_where_there_are_few() {
        let (supply, costs) = (Supply::fresh(LAW, None), costs());
        let first = |queries: f64| {
            let serving = serving(queries);
            let plan = Planned { supply: &supply, draws: &[], errors: None, costs: &costs, serving: &serving };
            let swings = tornado(&plan, LAW.optimum(1e24).loss).unwrap();
            assert!(swings.is_sorted_by(|x, y| x.size() >= y.size()));
            assert!(swings.iter().all(|s| s.input != "unique tokens at hand"));
            swings[0].clone()
        };
        assert_eq!(first(1e13).input, "queries");
        let hour = first(1.0);
        assert_eq!(hour.input, "dollars for an accelerator hour");
        // Without queries dollars are proportional to the hour's price.
        assert!((hour.size() - 2.25_f64.ln()).abs() < 1e-3, "{hour:?}");
    }

    #[test]
    fn a_stock_that_ends_is_the_first_of_all_inputs() {
        let (costs, serving) = (costs(), serving(1e9));
        let loss = LAW.optimum(1e25).loss;
        let free = cheapest(&Supply::fresh(LAW, None), &costs, &serving, loss).unwrap().unwrap();
        let mut stock = free.tokens;
        // The smallest stock, by halves, with which the loss is still reached.
        while cheapest(&Supply::fresh(LAW, Some(stock / 2.0)), &costs, &serving, loss).unwrap().is_some() {
            stock /= 2.0;
        }
        let supply = Supply::fresh(LAW, Some(stock));
        let plan = Planned { supply: &supply, draws: &[], errors: None, costs: &costs, serving: &serving };
        let swings = tornado(&plan, loss).unwrap();
        assert_eq!(swings[0].input, "unique tokens at hand");
        assert!(swings[0].at_low.is_none() && swings[0].size().is_infinite());
    }

    #[test]
    fn more_dollars_never_buy_a_higher_loss() {
        let (supply, costs, serving) = (Supply::fresh(LAW, Some(1e13)), costs(), serving(1e9));
        let draws: Vec<Supply> = (0..40)
            .map(|i| Supply::fresh(Chinchilla { floor: 1.80 + 0.001 * f64::from(i), ..LAW }, Some(1e13)))
            .collect();
        let plan = Planned { supply: &supply, draws: &draws, errors: None, costs: &costs, serving: &serving };
        let lives = frontier(&plan, (1e4, 1e9), 30).unwrap();
        assert!(lives.len() > 20 && lives.is_sorted_by(|x, y| x.loss >= y.loss - 1e-9), "{lives:?}");
        assert!(lives.iter().all(|l| l.usd() < 1.000_001e9));
        let law = tornado(&plan, lives[25].loss).unwrap().into_iter().find(|s| s.values.is_none()).unwrap();
        assert!(law.at_low.unwrap() < law.at_high.unwrap_or(f64::INFINITY), "{law:?}");
    }

    /// A plan for a loss that the law promises leaves every second run above it; the margin is paid for.
    #[test]
    fn a_margin_costs_dollars_and_grows_with_the_probability() {
        let (supply, costs, serving) = (Supply::fresh(LAW, None), costs(), serving(1.0));
        let bare = Planned { supply: &supply, draws: &[], errors: None, costs: &costs, serving: &serving };
        let plan = Planned { errors: Some(&ERRORS), ..bare };
        let loss = LAW.optimum(1e24).loss;
        assert!(assured(&bare, loss, 0.9).unwrap().is_none(), "nothing says how far runs end from constants");
        let usd = |p: f64| assured(&plan, loss, p).unwrap().unwrap();
        let plain = cheapest(&supply, &costs, &serving, loss).unwrap().unwrap();
        let (some, more) = (usd(0.8), usd(0.9));
        assert!(plain.usd() < some.life.usd() && some.life.usd() < more.life.usd(), "{some:?} {more:?}");
        // The upper end of the interval of the run planned lies at the loss.
        let at = plan.loss(more.life.params, more.life.tokens, 0.8);
        assert!((at.interval.high / loss - 1.0).abs() < 1e-5, "{at:?} {loss}");
        assert!((at.value / more.planned_loss - 1.0).abs() < 1e-5);
        assert!(assured(&plan, 1.001 * LAW.floor, 0.9).unwrap().is_none(), "no size is so sure near the floor");
        assert!(assured(&plan, loss, 0.5).is_err());
    }

    #[test]
    fn a_run_swings_the_dollars_more_than_the_mean_of_the_law() {
        let (supply, costs, serving) = (Supply::fresh(LAW, None), costs(), serving(1.0));
        let draws: Vec<Supply> = (0..40)
            .map(|i| Supply::fresh(Chinchilla { floor: LAW.floor + 1e-4 * f64::from(i - 20), ..LAW }, None))
            .collect();
        let of_mean = Planned { supply: &supply, draws: &draws, errors: None, costs: &costs, serving: &serving };
        let of_run = Planned { errors: Some(&ERRORS), ..of_mean };
        let loss = LAW.optimum(1e24).loss;
        let law = |plan: &Planned<'_>| tornado(plan, loss).unwrap().into_iter().find(|s| s.values.is_none()).unwrap();
        let (mean, run) = (law(&of_mean), law(&of_run));
        assert!(run.input.contains("run") && run.size() > 2.0 * mean.size(), "{run:?} {mean:?}");
        let width = |plan: &Planned<'_>| plan.loss(1e11, 2e12, 0.9).interval.width();
        assert!(width(&of_run) > 2.0 * width(&of_mean));
    }
}
