//! The next dollar: bills of training and of inference, and options side by side.
//!
//! Training takes 6 N D floating-point operations, a generated token 2 N (Kaplan et al. 2020, table 1;
//! attention over long contexts is left out). Dollars here are estimates and not a bill, so they are
//! floating-point numbers.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_positive};
use crate::interval::Interval;
use crate::pretrain::{Chinchilla, FLOP_PER_PARAM_TOKEN, Repeated};
use crate::verdict::{Outlook, Ranged};

/// Floating-point operations of a generated token for each parameter.
pub const FLOP_PER_PARAM_GENERATED: f64 = 2.0;

/// What an accelerator does and costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// Peak floating-point operations a second.
    pub flops: f64,
    /// Share of the peak that is reached, 0 to 1.
    pub utilisation: f64,
    /// Dollars for an hour of one.
    pub usd_per_hour: f64,
}

impl Hardware {
    /// Refuses numbers that are no hardware.
    ///
    /// # Errors
    ///
    /// A peak or price that is not positive, or a utilisation outside 0 to 1.
    pub fn check(&self) -> Result<(), LawError> {
        need_positive("flops", &[self.flops])?;
        need_positive("usd_per_hour", &[self.usd_per_hour])?;
        check("utilisation", &[self.utilisation], "a number above 0 and at most 1", |u| u > 0.0 && u <= 1.0)
    }

    /// Accelerator hours of `flops` operations.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::plan::Hardware;
    /// // The bill of 2.15e25 FLOP on accelerators of 312 TFLOP/s at 30 % and a dollar an hour: 64 million dollars.
    /// let a100 = Hardware { flops: 312e12, utilisation: 0.30, usd_per_hour: 1.0 };
    /// assert!((a100.usd(2.15e25) / 63.8e6 - 1.0).abs() < 0.01);
    /// assert!((a100.hours(2.15e25) / 63.8e6 - 1.0).abs() < 0.01);
    /// ```
    pub fn hours(&self, flops: f64) -> f64 {
        flops / (self.flops * self.utilisation) / 3_600.0
    }

    /// Dollars of `flops` operations.
    pub fn usd(&self, flops: f64) -> f64 {
        self.hours(flops) * self.usd_per_hour
    }

    /// Operations that `usd` dollars buy.
    pub fn flops_for(&self, usd: f64) -> f64 {
        usd / self.usd_per_hour * 3_600.0 * self.flops * self.utilisation
    }
}

/// Operations of training `params` parameters on `tokens` tokens.
///
/// # Examples
///
/// ```
/// // GPT-3: 175 billion parameters, 300 billion tokens.
/// assert_eq!(outthink_law::plan::training_flops(175e9, 300e9), 3.15e23);
/// ```
pub fn training_flops(params: f64, tokens: f64) -> f64 {
    FLOP_PER_PARAM_TOKEN * params * tokens
}

/// Operations of generating `tokens` tokens with `params` parameters.
///
/// # Examples
///
/// ```
/// assert_eq!(outthink_law::plan::inference_flops(7e9, 1_000.0), 1.4e13);
/// ```
pub fn inference_flops(params: f64, tokens: f64) -> f64 {
    FLOP_PER_PARAM_GENERATED * params * tokens
}

/// Queries after which training that costs `training_usd` more and serving that costs
/// `saved_usd_per_query` less have paid for each other; `None` where nothing is saved.
///
/// # Examples
///
/// ```
/// // Training that costs a million dollars more saves a hundredth of a cent a query.
/// let queries = outthink_law::plan::crossover_queries(1e6, 1e-4);
/// assert_eq!(queries, Some(1e10));
/// ```
pub fn crossover_queries(training_usd: f64, saved_usd_per_query: f64) -> Option<f64> {
    (saved_usd_per_query > 0.0).then(|| training_usd / saved_usd_per_query)
}

/// An accelerator that is bought, for the dollars that an hour of work on it costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Owned {
    /// Dollars for one accelerator.
    pub usd_to_buy: f64,
    /// Dollars of servers, network and building, as a share of the accelerators.
    pub beyond: f64,
    /// Years until it is written off.
    pub years: f64,
    /// Share of those hours in which it works.
    pub load: f64,
    /// Watts that it draws, with its share of server and cooling.
    pub watts: f64,
    /// Dollars for a kilowatt hour.
    pub usd_per_kwh: f64,
}

impl Owned {
    /// Dollars for an hour of work: written off evenly over the hours worked, and the power of that hour.
    ///
    /// # Errors
    ///
    /// A price, a time or a load that cannot be.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::plan::Owned;
    /// let owned = Owned { usd_to_buy: 28_000.0, beyond: 0.5, years: 4.0, load: 0.8, watts: 1_050.0, usd_per_kwh: 0.08 };
    /// let hour = owned.usd_per_hour()?;
    /// assert!(hour > 1.5 && hour < 1.7);
    /// # Ok::<(), outthink_law::LawError>(())
    /// ```
    pub fn usd_per_hour(&self) -> Result<f64, LawError> {
        need_positive("usd_to_buy", &[self.usd_to_buy])?;
        need_positive("years", &[self.years])?;
        check("load", &[self.load], "a number above 0 and at most 1", |x| x > 0.0 && x <= 1.0)?;
        let rest = [self.beyond, self.watts, self.usd_per_kwh];
        check("cost of owning", &rest, "a number of 0 or above", |x| x >= 0.0)?;
        let written_off = self.usd_to_buy * (1.0 + self.beyond) / (self.years * 8_766.0 * self.load);
        Ok(written_off + self.watts / 1_000.0 * self.usd_per_kwh)
    }
}

/// Where one stands and what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Parameters of the model in use.
    pub params: f64,
    /// Tokens that it was trained on.
    pub trained_tokens: Option<f64>,
    /// Tokens that are generated for a query today.
    pub tokens_per_query: f64,
    /// Queries over the time planned for.
    pub queries: f64,
    /// Dollars for a million generated tokens; `None` estimates 2 N operations a token on the hardware.
    pub usd_per_million_tokens: Option<f64>,
    /// The hardware.
    pub hardware: Hardware,
}

impl Standing {
    /// Dollars of generating `tokens` tokens with `params` parameters.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::plan::{Hardware, Standing};
    /// let standing = Standing {
    ///     params: 7e9,
    ///     trained_tokens: None,
    ///     tokens_per_query: 1_000.0,
    ///     queries: 1e6,
    ///     usd_per_million_tokens: Some(0.5),
    ///     hardware: Hardware { flops: 989e12, utilisation: 0.4, usd_per_hour: 2.0 },
    /// };
    /// // A price goes with the size: twice the parameters, twice the dollars.
    /// assert!((standing.serving_usd(14e9, 1_000.0) - 0.001).abs() < 1e-12);
    /// ```
    pub fn serving_usd(&self, params: f64, tokens: f64) -> f64 {
        match self.usd_per_million_tokens {
            Some(price) => price * tokens / 1e6 * params / self.params,
            None => self.hardware.usd(inference_flops(params, tokens)),
        }
    }
}

/// The aim.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Aim {
    /// The least dollars for an accuracy.
    Accuracy(f64),
    /// The most accuracy for dollars beyond what serving costs today.
    Usd(f64),
}

/// One way to spend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanOption {
    /// What is bought, in words.
    pub name: String,
    /// Accuracy expected; `None` where the laws given do not say.
    pub accuracy: Option<Ranged>,
    /// Loss expected, for options of pre-training.
    pub loss: Option<Ranged>,
    /// Dollars spent once.
    pub once_usd: f64,
    /// Interval of the dollars spent once and on serving together, where the amount follows from a law.
    pub usd_interval: Option<Interval>,
    /// Dollars of serving all queries.
    pub serving_usd: f64,
    /// Probability that the aim is met, where it can be told.
    pub probability: Option<f64>,
    /// How it was estimated and what it rests on.
    pub note: String,
}

impl PlanOption {
    /// Dollars in all.
    pub fn usd(&self) -> f64 {
        self.once_usd + self.serving_usd
    }
}

/// More thinking for each query, by the outlook of an effort curve.
pub fn more_thinking(standing: &Standing, outlook: &Outlook, aim: Aim) -> PlanOption {
    let usd = |tokens: f64| standing.queries * standing.serving_usd(standing.params, tokens);
    match aim {
        Aim::Accuracy(target) => {
            let reach = outlook.reach(target, 1e3 * standing.tokens_per_query);
            let note = if reach.median.is_finite() {
                format!(
                    "{:.0} tokens a query instead of {:.0} (median); the target is reached at 1,000x the tokens \
                     or fewer with probability {:.2}",
                    reach.median, standing.tokens_per_query, reach.probability
                )
            } else {
                "more likely than not the ceiling of thinking lies below the target".to_owned()
            };
            PlanOption {
                name: "more thinking a query".to_owned(),
                accuracy: Some(if reach.median.is_finite() {
                    outlook.measured(reach.median)
                } else {
                    outlook.measured(1e3 * standing.tokens_per_query)
                }),
                loss: None,
                once_usd: 0.0,
                usd_interval: Some(Interval {
                    low: usd(reach.interval.low),
                    high: usd(reach.interval.high),
                    level: reach.interval.level,
                }),
                serving_usd: usd(reach.median),
                probability: Some(reach.probability),
                note,
            }
        }
        Aim::Usd(extra) => {
            let today = usd(standing.tokens_per_query);
            let tokens = standing.tokens_per_query * (today + extra) / today;
            PlanOption {
                name: "more thinking a query".to_owned(),
                accuracy: Some(outlook.measured(tokens)),
                loss: None,
                once_usd: 0.0,
                usd_interval: None,
                serving_usd: usd(tokens),
                probability: None,
                note: format!("{tokens:.0} tokens a query instead of {:.0}", standing.tokens_per_query),
            }
        }
    }
}

/// A length of thinking that was measured: the cheapest that reached the accuracy, or the best that the dollars pay for.
/// `None` where no measured setting does, and where the outlook itself serves the aim: it goes through the points of a
/// curve that rises, and knows the lengths between them.
///
/// # Examples
///
/// ```
/// use outthink_law::forms::Curve;
/// use outthink_law::noise::Noise;
/// use outthink_law::plan::{Aim, Hardware, Standing, as_measured};
/// use outthink_law::verdict::{Outlook, Question};
/// let tokens = [1e3, 2e3, 4e3, 8e3, 16e3];
/// let humped = Curve { compute: &tokens, accuracy: &[0.40, 0.55, 0.70, 0.64, 0.55] };
/// let noise = Noise::stated(&[0.015; 5], 0.5)?;
/// let outlook = Outlook::new(&humped, &noise, Question { draws: 400, ..Question::default() })?;
/// let hardware = Hardware { flops: 989e12, utilisation: 0.4, usd_per_hour: 2.0 };
/// let standing = Standing {
///     params: 7e9, trained_tokens: None, tokens_per_query: 16e3, queries: 1e6, usd_per_million_tokens: None, hardware,
/// };
/// let found = as_measured(&standing, &outlook, Aim::Accuracy(0.68)).unwrap();
/// assert!((found.accuracy.unwrap().value - 0.70).abs() < 1e-9);
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn as_measured(standing: &Standing, outlook: &Outlook, aim: Aim) -> Option<PlanOption> {
    let usd = |tokens: f64| standing.queries * standing.serving_usd(standing.params, tokens);
    let astray = outlook.falls() || outlook.misses().is_some();
    let (tokens, accuracy, sure) = match aim {
        Aim::Accuracy(target) if !astray && outlook.reach(target, f64::INFINITY).median.is_finite() => return None,
        Aim::Usd(_) if !astray => return None,
        Aim::Accuracy(target) => outlook.reached(target).into_iter().next()?,
        Aim::Usd(extra) => {
            let most = (usd(standing.tokens_per_query) + extra) * (1.0 + 1e-9);
            let paid = outlook.reached(0.0).into_iter().filter(|(tokens, ..)| usd(*tokens) <= most);
            paid.max_by(|x, y| x.1.value.total_cmp(&y.1.value))?
        }
    };
    Some(PlanOption {
        name: "thinking at a measured length".to_owned(),
        accuracy: Some(accuracy),
        loss: None,
        once_usd: 0.0,
        usd_interval: None,
        serving_usd: usd(tokens),
        probability: matches!(aim, Aim::Accuracy(_)).then_some(sure),
        note: format!(
            "{tokens:.0} tokens a query instead of {:.0}: {:.3} was measured there",
            standing.tokens_per_query, accuracy.value
        ),
    })
}

/// A check that decides which queries go on to long reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Share of right answers that it lets pass.
    pub sensitivity: f64,
    /// Share of wrong answers that it sends on.
    pub specificity: f64,
}

/// Short reasoning first, long reasoning where a check doubts the short answer.
///
/// It is taken that what short reasoning gets right long reasoning gets right, too. With accuracy a1 at
/// the short length and a2 at the long one, the cascade is right on a1 + specificity (a2 − a1), and
/// sends on a1 (1 − sensitivity) + (1 − a1) specificity of the queries.
pub fn cascade(standing: &Standing, outlook: &Outlook, check: Check, (short, long): (f64, f64)) -> PlanOption {
    let (a1, gain) = (outlook.measured(short), outlook.gain(short, long));
    let right = |a: f64, g: f64| (a + check.specificity * g).clamp(0.0, 1.0);
    let sent_on = a1.value * (1.0 - check.sensitivity) + (1.0 - a1.value) * check.specificity;
    let tokens = short + sent_on * long;
    let interval = Interval {
        low: right(a1.interval.low, gain.interval.low.max(gain.value.min(0.0))),
        high: right(a1.interval.high, gain.interval.high),
        level: a1.interval.level,
    };
    PlanOption {
        name: "cascade of reasoning lengths".to_owned(),
        accuracy: Some(Ranged { value: right(a1.value, gain.value), interval }),
        loss: None,
        once_usd: 0.0,
        usd_interval: None,
        serving_usd: standing.queries * standing.serving_usd(standing.params, tokens),
        probability: None,
        note: format!(
            "{short:.0} tokens for all, {long:.0} more for the {:.0} % that a check sends on (it passes {:.0} % of right \
             answers, stops {:.0} % of wrong ones): {tokens:.0} tokens a query",
            100.0 * sent_on,
            100.0 * check.sensitivity,
            100.0 * check.specificity
        ),
    }
}

/// A law of the loss with its bootstrap draws.
#[derive(Debug, Clone, Copy)]
pub struct LossLaw<'a> {
    /// The best fit.
    pub law: &'a Chinchilla,
    /// One fit for each bootstrap draw.
    pub draws: &'a [Chinchilla],
    /// Level of the intervals.
    pub level: f64,
}

impl LossLaw<'_> {
    fn ranged(&self, f: impl Fn(&Chinchilla) -> f64) -> Ranged {
        let values: Vec<f64> = self.draws.iter().map(&f).collect();
        let value = f(self.law);
        let interval = if values.is_empty() {
            Interval { low: value, high: value, level: self.level }
        } else {
            Interval::from_draws(&values, self.level)
        };
        Ranged { value, interval }
    }
}

/// A larger model, trained from scratch at the best split of `usd` dollars.
pub fn larger_model(standing: &Standing, loss: &LossLaw<'_>, usd: f64) -> PlanOption {
    let best = loss.law.optimum(standing.hardware.flops_for(usd));
    let serving = standing.queries * standing.serving_usd(best.params, standing.tokens_per_query);
    PlanOption {
        name: "a model trained from scratch".to_owned(),
        accuracy: None,
        loss: Some(loss.ranged(|l| l.optimum(best.flops).loss)),
        once_usd: usd,
        usd_interval: None,
        serving_usd: serving,
        probability: None,
        note: format!(
            "{:.2e} FLOP: {:.3e} parameters on {:.3e} tokens ({:.0} tokens a parameter), {:.1}x the size of today's",
            best.flops,
            best.params,
            best.tokens,
            best.tokens_per_param(),
            best.params / standing.params
        ),
    }
}

/// The same size trained on for `usd` dollars; with `repeated`, the tokens beyond `unique` are repeats.
pub fn more_data(
    standing: &Standing,
    loss: &LossLaw<'_>,
    usd: f64,
    repeated: Option<(&Repeated, f64)>,
) -> Option<PlanOption> {
    let before = standing.trained_tokens?;
    let flops = standing.hardware.flops_for(usd);
    let tokens = before + flops / FLOP_PER_PARAM_TOKEN / standing.params;
    let (loss, note) = match repeated {
        Some((law, unique)) => {
            let worth = law.effective_tokens(tokens, unique);
            let ranged = loss.ranged(|l| Repeated { fresh: *l, ..*law }.loss(standing.params, tokens, unique));
            let epochs = tokens / unique.min(tokens);
            let note = format!(
                "{tokens:.3e} tokens in all, {epochs:.1} passes over {unique:.3e} unique ones: worth {worth:.3e} fresh ones"
            );
            (ranged, note)
        }
        None => (
            loss.ranged(|l| l.loss(standing.params, tokens)),
            format!("{tokens:.3e} fresh tokens in all instead of {before:.3e}"),
        ),
    };
    Some(PlanOption {
        name: if repeated.is_some() { "more passes over the data" } else { "more data at the same size" }.to_owned(),
        accuracy: None,
        loss: Some(loss),
        once_usd: usd,
        usd_interval: None,
        serving_usd: standing.queries * standing.serving_usd(standing.params, standing.tokens_per_query),
        probability: None,
        note,
    })
}

/// More reinforcement learning, by the outlook of accuracy over steps (or any compute) at `usd_per_step`.
pub fn more_rl(standing: &Standing, outlook: &Outlook, (done, usd_per_step): (f64, f64), aim: Aim) -> PlanOption {
    let serving_usd = standing.queries * standing.serving_usd(standing.params, standing.tokens_per_query);
    let cost = |steps: f64| (steps - done).max(0.0) * usd_per_step;
    let name = "more reinforcement learning".to_owned();
    match aim {
        Aim::Accuracy(target) => {
            let reach = outlook.reach(target, 1e3 * done);
            let note = if reach.median.is_finite() {
                format!("{:.0} steps instead of {done:.0} (median)", reach.median)
            } else {
                "more likely than not the ceiling of this training lies below the target".to_owned()
            };
            PlanOption {
                name,
                accuracy: Some(outlook.measured(if reach.median.is_finite() { reach.median } else { 1e3 * done })),
                loss: None,
                once_usd: cost(reach.median),
                usd_interval: Some(Interval {
                    low: cost(reach.interval.low) + serving_usd,
                    high: cost(reach.interval.high) + serving_usd,
                    level: reach.interval.level,
                }),
                serving_usd,
                probability: Some(reach.probability),
                note,
            }
        }
        Aim::Usd(extra) => {
            let steps = done + extra / usd_per_step;
            PlanOption {
                name,
                accuracy: Some(outlook.measured(steps)),
                loss: None,
                once_usd: extra,
                usd_interval: None,
                serving_usd,
                probability: None,
                note: format!("{steps:.0} steps instead of {done:.0}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms::Curve;
    use crate::noise::Noise;
    use crate::verdict::Question;

    fn a100(utilisation: f64) -> Hardware {
        Hardware { flops: 312e12, utilisation, usd_per_hour: 1.0 }
    }

    /// GPT-4 as reported: 2.15e25 FLOP on A100s at 30-36 %, a dollar an hour, about 63 million dollars.
    #[test]
    fn the_bill_of_gpt_4() {
        let (low, high) = (a100(0.36).hours(2.15e25) / 1e6, a100(0.30).hours(2.15e25) / 1e6);
        assert!((low - 53.2).abs() < 0.1 && (high - 63.8).abs() < 0.1, "{low} {high}");
        assert!((a100(0.30).usd(2.15e25) / 63e6 - 1.0).abs() < 0.02);
        assert!((a100(0.3).flops_for(a100(0.3).usd(1e20)) / 1e20 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_hour_of_what_is_owned() {
        let owned =
            Owned { usd_to_buy: 30_000.0, beyond: 0.5, years: 4.0, load: 0.5, watts: 1_000.0, usd_per_kwh: 0.10 };
        // 45,000 dollars over 17,532 hours of work, and a kilowatt hour.
        assert!((owned.usd_per_hour().unwrap() - (45_000.0 / 17_532.0 + 0.10)).abs() < 1e-9);
        assert!(Owned { load: 0.0, ..owned }.usd_per_hour().is_err());
    }

    #[test]
    fn the_bill_of_gpt_3() {
        assert!((training_flops(175e9, 300e9) / 3.15e23 - 1.0).abs() < 1e-12);
        assert_eq!(inference_flops(175e9, 1_000.0), 3.5e14);
        assert_eq!(crossover_queries(100.0, 0.01), Some(10_000.0));
        assert_eq!(crossover_queries(100.0, -0.01), None);
    }

    #[test]
    fn options_move_the_right_way() {
        let tokens = [500.0, 1e3, 2e3, 4e3, 8e3, 16e3];
        let curve = Curve { compute: &tokens, accuracy: &[0.2, 0.3, 0.4, 0.5, 0.58, 0.64] };
        let noise = Noise::stated(&[0.02; 6], 0.5).unwrap();
        let outlook = Outlook::new(&curve, &noise, Question { draws: 800, ..Question::default() }).unwrap();
        let standing = Standing {
            params: 7e9,
            trained_tokens: Some(2e12),
            tokens_per_query: 2_000.0,
            queries: 1e6,
            usd_per_million_tokens: Some(1.0),
            hardware: a100(0.4),
        };
        let small = more_thinking(&standing, &outlook, Aim::Usd(1_000.0));
        let large = more_thinking(&standing, &outlook, Aim::Usd(8_000.0));
        assert!(small.accuracy.unwrap().value < large.accuracy.unwrap().value);
        assert!((small.usd() - 3_000.0).abs() < 1e-6, "{small:?}");
        let target = more_thinking(&standing, &outlook, Aim::Accuracy(0.5));
        assert!((target.serving_usd / 4_000.0 - 1.0).abs() < 0.2, "{target:?}");
        let never = more_thinking(&standing, &outlook, Aim::Accuracy(0.999));
        assert!(never.probability.unwrap() < 0.2 && never.usd().is_infinite(), "{never:?}");
        // A perfect check costs less than long reasoning for all, and is as good.
        let perfect = Check { sensitivity: 1.0, specificity: 1.0 };
        let both = cascade(&standing, &outlook, perfect, (1_000.0, 8_000.0));
        assert!(both.serving_usd < standing.queries * standing.serving_usd(7e9, 8_000.0));
        assert!((both.accuracy.unwrap().value - outlook.at(8_000.0).value).abs() < 1e-9);
        let law = Chinchilla { floor: 1.8, a: 480.0, alpha: 0.35, b: 2_000.0, beta: 0.37 };
        let loss = LossLaw { law: &law, draws: &[], level: 0.9 };
        let (cheap, dear) = (larger_model(&standing, &loss, 1e5), larger_model(&standing, &loss, 1e7));
        assert!(cheap.loss.unwrap().value > dear.loss.unwrap().value);
        let fresh = more_data(&standing, &loss, 1e6, None).unwrap().loss.unwrap().value;
        let repeats = Repeated { fresh: law, data_decay: 15.0, param_decay: 5.0 };
        let again = more_data(&standing, &loss, 1e6, Some((&repeats, 1e11))).unwrap().loss.unwrap().value;
        assert!(fresh < again, "{fresh} {again}");
    }
}
