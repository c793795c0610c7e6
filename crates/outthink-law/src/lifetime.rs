//! The size and the tokens of a model, chosen for the whole of its life: training and serving together
//! (Sardana et al. 2024, arXiv:2401.00448), with the stock of unique data inside the choice.
//!
//! The best split of a training budget (Hoffmann et al. 2022) forgets who uses the model: a smaller model
//! trained for longer reaches the same loss for more training and less serving. Here the dollars of both are
//! minimised over the size; at each size the tokens follow from the loss that is to be reached, or from the
//! dollars that serving leaves. Tokens beyond the stock are repeats and are worth what the law of repeated
//! data says (Muennighoff et al. 2023), so a size that the stock cannot train is found out of reach
//! instead of being proposed.

use serde::{Deserialize, Serialize};

use crate::LawError;
use crate::error::{check, need_positive};
use crate::plan::{FLOP_PER_PARAM_GENERATED, Hardware};
use crate::pretrain::{Chinchilla, FLOP_PER_PARAM_TOKEN, Repeated};

/// R*_D and R*_N of Muennighoff et al. 2023, for laws that were fitted to fresh data alone.
pub const PUBLISHED_DECAYS: (f64, f64) = (15.4, 5.3);
/// Sizes looked at.
const SIZES: (f64, f64, usize) = (1e6, 1e15, 541);
/// Most tokens looked at: a hundred passes over a stock, or as many fresh ones as nobody has.
const MOST_TOKENS: f64 = 1e19;

/// How a model is served, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    /// Queries over its life.
    pub queries: f64,
    /// Prompt tokens of a query.
    pub prompt_tokens: f64,
    /// Share of the prompt tokens that a cache holds.
    pub cached: f64,
    /// Generated tokens of a query.
    pub generated_tokens: f64,
    /// Share of the peak that reading a prompt reaches.
    pub prefill_utilisation: f64,
    /// Share of the peak that generating reaches: bound by memory, far below training's.
    pub decode_utilisation: f64,
}

/// What the hardware and the model's make-up cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// The hardware, at the utilisation of training.
    pub hardware: Hardware,
    /// Parameters that a token passes, as a share of all: 1 for a dense model, less for experts.
    pub active: f64,
    /// Dollars of training beyond the final run (failed runs, experiments, staff), as a share of it.
    pub overhead: f64,
    /// Dollars for a million generated tokens of a model of so many parameters, where they are bought;
    /// the price goes with the size.
    pub price: Option<(f64, f64)>,
}

impl Costs {
    /// Dollars of training `params` parameters on `tokens` tokens.
    ///
    /// # Examples
    ///
    /// ```
    /// use outthink_law::{lifetime::Costs, plan::Hardware};
    /// let hardware = Hardware { flops: 989e12, utilisation: 0.4, usd_per_hour: 2.0 };
    /// let costs = Costs { hardware, active: 1.0, overhead: 0.5, price: None };
    /// // 405 billion parameters on 15.6 trillion tokens, and half as much again for what fails.
    /// assert!((costs.training(405e9, 15.6e12) / 79.9e6 - 1.0).abs() < 0.01);
    /// ```
    pub fn training(&self, params: f64, tokens: f64) -> f64 {
        (1.0 + self.overhead) * self.hardware.usd(FLOP_PER_PARAM_TOKEN * self.active * params * tokens)
    }

    /// Dollars of one query.
    pub fn query(&self, params: f64, serving: &Serving) -> f64 {
        if let Some((usd, at)) = self.price {
            return usd / 1e6 * serving.generated_tokens * params / at;
        }
        let of = |tokens: f64, utilisation: f64| {
            Hardware { utilisation, ..self.hardware }.usd(FLOP_PER_PARAM_GENERATED * self.active * params * tokens)
        };
        of(serving.prompt_tokens * (1.0 - serving.cached), serving.prefill_utilisation)
            + of(serving.generated_tokens, serving.decode_utilisation)
    }

    fn check(&self, serving: &Serving) -> Result<(), LawError> {
        self.hardware.check()?;
        let share = |x: f64| x > 0.0 && x <= 1.0;
        check("active share", &[self.active], "a number above 0 and at most 1", share)?;
        check("overhead", &[self.overhead], "a number of 0 or above", |x| x >= 0.0)?;
        if let Some((usd, at)) = self.price {
            need_positive("price", &[usd, at])?;
        }
        check("queries", &[serving.queries], "a number of 0 or above", |x| x >= 0.0)?;
        check(
            "tokens of a query",
            &[serving.prompt_tokens, serving.generated_tokens],
            "a number of 0 or above",
            |x| x >= 0.0,
        )?;
        check("cached share", &[serving.cached], "a number from 0 to 1", |x| (0.0..=1.0).contains(&x))?;
        let shares = [serving.prefill_utilisation, serving.decode_utilisation];
        check("utilisation", &shares, "a number above 0 and at most 1", share)
    }
}

/// A law of the loss with the stock of unique tokens it may draw on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Supply {
    /// The law, with what repeats are worth.
    pub law: Repeated,
    /// Unique tokens; `None` for as many fresh ones as are asked for.
    pub stock: Option<f64>,
}

impl Supply {
    /// A law of fresh data with the published worth of repeats.
    pub fn fresh(law: Chinchilla, stock: Option<f64>) -> Self {
        Self { law: Repeated { fresh: law, data_decay: PUBLISHED_DECAYS.0, param_decay: PUBLISHED_DECAYS.1 }, stock }
    }

    /// Loss of `params` parameters after `tokens` tokens.
    pub fn loss(&self, params: f64, tokens: f64) -> f64 {
        match self.stock {
            Some(stock) if tokens > stock => self.law.loss(params, tokens, stock),
            _ => self.law.fresh.loss(params, tokens),
        }
    }

    /// Passes over the stock.
    pub fn epochs(&self, tokens: f64) -> f64 {
        self.stock.map_or(1.0, |stock| (tokens / stock).max(1.0))
    }

    /// The fewest tokens with which `params` parameters reach `loss`; `None` where no number does.
    fn tokens_for(&self, params: f64, loss: f64) -> Option<f64> {
        let most = self.stock.map_or(MOST_TOKENS, |stock| 100.0 * stock);
        if self.loss(params, most) > loss {
            return None;
        }
        let (mut low, mut high) = (0.0, most.ln());
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if self.loss(params, middle.exp()) > loss { low = middle } else { high = middle }
        }
        Some(high.exp())
    }
}

/// One model over its life.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Parameters.
    pub params: f64,
    /// Tokens trained on.
    pub tokens: f64,
    /// Passes over the stock.
    pub epochs: f64,
    /// Loss.
    pub loss: f64,
    /// Dollars of training.
    pub training_usd: f64,
    /// Dollars of serving all queries.
    pub serving_usd: f64,
}

impl Life {
    /// Dollars in all.
    pub fn usd(&self) -> f64 {
        self.training_usd + self.serving_usd
    }
}

fn life(supply: &Supply, costs: &Costs, serving: &Serving, params: f64, tokens: f64) -> Life {
    Life {
        params,
        tokens,
        epochs: supply.epochs(tokens),
        loss: supply.loss(params, tokens),
        training_usd: costs.training(params, tokens),
        serving_usd: serving.queries * costs.query(params, serving),
    }
}

/// The size at which `value` is least: a grid in ln N, then golden sections about its best.
fn least(value: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let step = (SIZES.1 / SIZES.0).ln() / (SIZES.2 - 1) as f64;
    let at = |i: usize| SIZES.0.ln() + step * i as f64;
    let of = |ln: f64| value(ln.exp()).unwrap_or(f64::INFINITY);
    let best = (0..SIZES.2).map(|i| (i, of(at(i)))).min_by(|x, y| x.1.total_cmp(&y.1))?;
    if !best.1.is_finite() {
        return None;
    }
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut low, mut high) = (at(best.0) - step, at(best.0) + step);
    for _ in 0..60 {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low));
        if of(left) <= of(right) { high = right } else { low = left }
    }
    let middle = f64::midpoint(low, high);
    // At the edge of what can be reached the middle may lie outside it.
    Some(if of(middle) <= best.1 { middle } else { at(best.0) }.exp())
}

/// The cheapest model, trained and served, that reaches `loss`; `None` where none does with the stock.
///
/// # Errors
///
/// Costs, queries or a loss that cannot be.
///
/// # Examples
///
/// ```
/// use outthink_law::lifetime::{cheapest, Costs, Serving, Supply};
/// use outthink_law::{plan::Hardware, pretrain::Chinchilla};
/// let law = Chinchilla { floor: 1.8172, a: 482.01, alpha: 0.3478, b: 2_085.43, beta: 0.3658 };
/// let hardware = Hardware { flops: 989e12, utilisation: 0.4, usd_per_hour: 2.0 };
/// let costs = Costs { hardware, active: 1.0, overhead: 0.0, price: None };
/// let serving = |queries: f64| Serving {
///     queries,
///     prompt_tokens: 0.0,
///     cached: 0.0,
///     generated_tokens: 1_000.0,
///     prefill_utilisation: 0.4,
///     decode_utilisation: 0.2,
/// };
/// let size = |queries: f64| cheapest(&Supply::fresh(law, None), &costs, &serving(queries), 1.95);
/// let (few, many) = (size(1e4)?, size(1e12)?);
/// // The more queries, the smaller the model and the longer its training.
/// assert!(few.is_some_and(|few| many.is_some_and(|many| many.params < few.params && many.tokens > few.tokens)));
/// # Ok::<(), outthink_law::LawError>(())
/// ```
pub fn cheapest(supply: &Supply, costs: &Costs, serving: &Serving, loss: f64) -> Result<Option<Life>, LawError> {
    costs.check(serving)?;
    need_positive("loss", &[loss])?;
    let usd = |params: f64| {
        let tokens = supply.tokens_for(params, loss)?;
        Some(life(supply, costs, serving, params, tokens).usd())
    };
    Ok(least(usd).and_then(|params| {
        let tokens = supply.tokens_for(params, loss)?;
        Some(life(supply, costs, serving, params, tokens))
    }))
}

/// The lowest loss for `usd` dollars of training and serving; `None` where serving alone costs more at
/// every size.
///
/// # Errors
///
/// Costs, queries or dollars that cannot be.
pub fn best_for(supply: &Supply, costs: &Costs, serving: &Serving, usd: f64) -> Result<Option<Life>, LawError> {
    costs.check(serving)?;
    need_positive("usd", &[usd])?;
    let tokens = |params: f64| {
        let left = usd - serving.queries * costs.query(params, serving);
        let per_token = costs.training(params, 1.0);
        let tokens = (left / per_token).min(supply.stock.map_or(MOST_TOKENS, |stock| 100.0 * stock));
        (left > 0.0 && tokens >= 1.0).then_some(tokens)
    };
    let size = least(|params| Some(supply.loss(params, tokens(params)?)));
    Ok(size.and_then(|params| Some(life(supply, costs, serving, params, tokens(params)?))))
}

/// The loss that the best split of the same dollars of training alone reaches, and its bill with serving:
/// what a plan that forgets the queries would do.
///
/// # Errors
///
/// As [`best_for`].
pub fn training_alone(supply: &Supply, costs: &Costs, serving: &Serving, usd: f64) -> Result<Option<Life>, LawError> {
    let nobody = Serving { queries: 0.0, ..*serving };
    let found = best_for(supply, costs, &nobody, usd)?;
    Ok(found.map(|l| life(supply, costs, serving, l.params, l.tokens)))
}

/// A law, its costs and its use, as tests of plans take them.
#[cfg(test)]
pub(crate) mod made {
    use super::*;

    pub(crate) const LAW: Chinchilla =
        Chinchilla { floor: 1.8172, a: 482.01, alpha: 0.3478, b: 2_085.43, beta: 0.3658 };

    pub(crate) fn costs() -> Costs {
        let hardware = Hardware { flops: 989e12, utilisation: 0.4, usd_per_hour: 2.0 };
        Costs { hardware, active: 1.0, overhead: 0.0, price: None }
    }

    pub(crate) fn serving(queries: f64) -> Serving {
        Serving {
            queries,
            prompt_tokens: 0.0,
            cached: 0.0,
            generated_tokens: 1_000.0,
            prefill_utilisation: 0.4,
            decode_utilisation: 0.2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::made::{LAW, costs, serving};
    use super::*;

    #[test]
    fn nobody_asking_gives_the_best_split_of_training() {
        let supply = Supply::fresh(LAW, None);
        let usd = costs().hardware.usd(1e24);
        let got = best_for(&supply, &costs(), &serving(0.0), usd).unwrap().unwrap();
        let want = LAW.optimum(1e24);
        assert!((got.params / want.params - 1.0).abs() < 0.02, "{got:?} {want:?}");
        assert!((got.loss - want.loss).abs() < 1e-6);
        let back = cheapest(&supply, &costs(), &serving(0.0), want.loss).unwrap().unwrap();
        assert!((back.usd() / usd - 1.0).abs() < 1e-3, "{back:?}");
    }

    #[test]
    fn the_more_queries_the_smaller_the_model_and_the_longer_its_training() {
        let supply = Supply::fresh(LAW, None);
        let loss = LAW.optimum(1e25).loss;
        let of = |queries: f64| cheapest(&supply, &costs(), &serving(queries), loss).unwrap().unwrap();
        let (few, many) = (of(1e4), of(1e13));
        assert!(many.params < few.params / 3.0 && many.tokens > 3.0 * few.tokens, "{few:?} {many:?}");
        assert!((few.loss - many.loss).abs() < 1e-6);
        // What forgets the queries costs more for the same loss.
        let forgetful = training_alone(&supply, &costs(), &serving(1e13), costs().hardware.usd(1e25)).unwrap().unwrap();
        assert!(forgetful.usd() > 1.5 * many.usd(), "{forgetful:?} {many:?}");
    }

    #[test]
    fn a_stock_is_a_wall() {
        let loss = LAW.optimum(1e26).loss;
        let free = cheapest(&Supply::fresh(LAW, None), &costs(), &serving(1e9), loss).unwrap().unwrap();
        // A tenth of the tokens: repeats take more dollars; a ten-thousandth: out of reach.
        let tight = Supply::fresh(LAW, Some(free.tokens / 10.0));
        let some = cheapest(&tight, &costs(), &serving(1e9), loss).unwrap();
        assert!(some.is_none_or(|s| s.usd() > free.usd() && s.epochs > 1.0), "{some:?}");
        let none = cheapest(&Supply::fresh(LAW, Some(free.tokens / 1e4)), &costs(), &serving(1e9), loss).unwrap();
        assert!(none.is_none(), "{none:?}");
        // And dollars do not buy past it: ten times as many gain next to nothing.
        let walled = Supply::fresh(LAW, Some(6e11));
        let of = |usd: f64| best_for(&walled, &costs(), &serving(0.0), usd).unwrap().unwrap();
        assert!(of(1e9).loss - of(1e10).loss < 0.02, "{:?} {:?}", of(1e9), of(1e10));
        assert!(
            of(1e10).loss
                > best_for(&Supply::fresh(LAW, None), &costs(), &serving(0.0), 1e10).unwrap().unwrap().loss + 0.02
        );
    }

    #[test]
    fn serving_beyond_the_dollars_is_no_plan() {
        let supply = Supply::fresh(LAW, None);
        assert!(best_for(&supply, &costs(), &serving(1e15), 1.0).unwrap().is_none());
        let bad = Costs { active: 0.0, ..costs() };
        assert!(cheapest(&supply, &bad, &serving(1.0), 2.0).is_err());
    }
}
