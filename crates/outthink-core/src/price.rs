//! What an engine charges for tokens.

use crate::{Cost, Usage};
use serde::{Deserialize, Serialize};

/// What an engine charges, in billionths of a dollar for a million tokens.
///
/// ```
/// use outthink_core::{Cost, Price, Usage};
///
/// // $2 and $8 for a million tokens, reasoning at $12.
/// let price = Price { reasoning: Some(12_000_000_000), ..Price::per_million_usd(2.0, 0.5, 8.0)? };
/// let usage = Usage { prompt: 1_000, completion: 1_000, reasoning: 500, ..Usage::default() };
/// assert_eq!(price.cost(&usage), Cost::from_usd(0.002 + 0.004 + 0.006).unwrap());
/// # Ok::<(), outthink_core::PriceError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// A million prompt tokens that were not cached.
    pub input: u64,
    /// A million prompt tokens that were.
    pub cached: u64,
    /// A million generated tokens.
    pub output: u64,
    /// A million prompt tokens that the engine wrote to its cache; `None` is the price of `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// A million of those that the engine keeps for an hour; `None` is the price of `cache_write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// A million generated tokens of reasoning; `None` is the price of `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// What a request with a long prompt costs in place of all of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<LongPrice>,
}

/// What all tokens of a request cost whose prompt is longer than a number of tokens, in the units of [`Price`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongPrice {
    /// Tokens of the prompt above which it holds.
    pub above: u64,
    /// As [`Price::input`].
    pub input: u64,
    /// As [`Price::cached`].
    pub cached: u64,
    /// As [`Price::output`].
    pub output: u64,
    /// As [`Price::cache_write`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// As [`Price::cache_write_1h`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// As [`Price::reasoning`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

/// A price that is negative or not a number.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a price of {0} dollars for a million tokens is not possible: give a number of 0 or more")]
pub struct PriceError(f64);

/// Dollars for a million tokens as a price has them.
///
/// # Errors
/// If the figure is negative or not finite.
pub fn per_million_usd(usd: f64) -> Result<u64, PriceError> {
    Cost::from_usd(usd).map(Cost::nano).ok_or(PriceError(usd))
}

impl Price {
    /// From dollars for a million tokens, as providers print their prices.
    ///
    /// # Errors
    /// If a figure is negative or not finite.
    pub fn per_million_usd(input: f64, cached: f64, output: f64) -> Result<Self, PriceError> {
        let [input, cached, output] = [per_million_usd(input)?, per_million_usd(cached)?, per_million_usd(output)?];
        Ok(Self { input, cached, output, ..Self::default() })
    }

    /// Whether everything is free.
    pub fn is_free(&self) -> bool {
        self.bound() == Self::default()
    }

    /// The price of a request whose prompt has so many tokens.
    fn at(&self, prompt: u64) -> Self {
        match self.long.filter(|long| prompt > long.above) {
            Some(LongPrice { input, cached, output, cache_write, cache_write_1h, reasoning, .. }) => {
                Self { input, cached, output, cache_write, cache_write_1h, reasoning, long: None }
            }
            None => Self { long: None, ..*self },
        }
    }

    /// A million prompt tokens that are written to a cache.
    fn written(&self) -> u64 {
        self.cache_write.unwrap_or(self.input)
    }

    fn written_for_an_hour(&self) -> u64 {
        self.cache_write_1h.unwrap_or_else(|| self.written())
    }

    /// The most that a prompt token of each kind and a generated token may cost, whatever the length of the prompt:
    /// what a claim on a budget is made of, before the kinds are known.
    #[must_use]
    pub fn bound(&self) -> Self {
        let (short, long) = (self.at(0), self.at(u64::MAX));
        let most = |of: fn(&Self) -> u64| of(&short).max(of(&long));
        Self {
            input: most(|p| p.input.max(p.cached).max(p.written()).max(p.written_for_an_hour())),
            cached: most(|p| p.cached),
            output: most(|p| p.output.max(p.reasoning.unwrap_or(0))),
            ..Self::default()
        }
    }

    /// The higher of the bounds of two prices, of each kind of token.
    #[must_use]
    pub fn highest(self, other: Self) -> Self {
        let (a, b) = (self.bound(), other.bound());
        Self {
            input: a.input.max(b.input),
            cached: a.cached.max(b.cached),
            output: a.output.max(b.output),
            ..Self::default()
        }
    }

    /// What the `usage` of one request costs, rounded up to the next billionth of a dollar.
    ///
    /// Verifier tokens are left out: they are charged at the verifier's own price.
    pub fn cost(&self, usage: &Usage) -> Cost {
        let price = self.at(usage.prompt);
        let cached = usage.cached.min(usage.prompt);
        let written = usage.cache_write.min(usage.prompt - cached);
        let for_an_hour = usage.cache_write_1h.min(written);
        let reasoning = usage.reasoning.min(usage.completion);
        let parts = [
            (usage.prompt - cached - written, price.input),
            (cached, price.cached),
            (written - for_an_hour, price.written()),
            (for_an_hour, price.written_for_an_hour()),
            (usage.completion - reasoning, price.output),
            (reasoning, price.reasoning.unwrap_or(price.output)),
        ];
        let total: u128 = parts.iter().map(|&(tokens, price)| u128::from(tokens) * u128::from(price)).sum();
        Cost::from_nano(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    /// How many more generated tokens of any kind `left` pays for; `None` if output is free.
    pub fn affordable_output(&self, left: Cost) -> Option<u64> {
        let output = self.bound().output;
        let tokens = u128::from(left.nano()) * 1_000_000 / u128::from((output != 0).then_some(output)?);
        Some(u64::try_from(tokens).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_price() -> impl Strategy<Value = Price> {
        let figure = || 0u64..20_000_000_000;
        let own = || prop::option::of(figure());
        let kinds = (figure(), figure(), figure(), own(), own(), own());
        (kinds.clone(), prop::option::of((0u64..2_000, kinds))).prop_map(|(own, long)| {
            let (input, cached, output, cache_write, cache_write_1h, reasoning) = own;
            let long = long.map(|(above, (input, cached, output, cache_write, cache_write_1h, reasoning))| LongPrice {
                above,
                input,
                cached,
                output,
                cache_write,
                cache_write_1h,
                reasoning,
            });
            Price { input, cached, output, cache_write, cache_write_1h, reasoning, long }
        })
    }

    fn any_usage() -> impl Strategy<Value = Usage> {
        (0u64..4_000, 0u64..4_000, 0u64..4_000, 0u64..4_000, 0u64..4_000).prop_map(
            |(prompt, cached, cache_write, completion, reasoning)| Usage {
                prompt,
                cached,
                cache_write,
                cache_write_1h: cache_write / 3,
                completion,
                reasoning,
                ..Usage::default()
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_affordable_never_costs_more_than_is_left(
            left in 0u64..1_000_000_000_000, price in any_price(), prompt in 0u64..4_000, part in 0u64..4_000,
        ) {
            let Some(completion) = price.affordable_output(Cost::from_nano(left)) else { return Ok(()) };
            let free_prompt = Price { input: 0, cached: 0, cache_write: None, cache_write_1h: None,
                long: price.long.map(|long| LongPrice { input: 0, cached: 0, cache_write: None, cache_write_1h: None, ..long }), ..price };
            let usage = Usage { prompt, completion, reasoning: part, ..Usage::default() };
            prop_assert!(free_prompt.cost(&usage).nano() <= left);
        }

        /// Whatever turns out to be cached, written or reasoning, and however long the prompt is.
        #[test]
        fn a_bound_is_never_exceeded(price in any_price(), other in any_price(), usage in any_usage()) {
            let Usage { prompt, completion, .. } = usage;
            let most = price.bound().cost(&Usage { prompt, completion, ..Usage::default() });
            prop_assert!(price.cost(&usage) <= most);
            let either = price.highest(other).cost(&Usage { prompt, completion, ..Usage::default() });
            prop_assert!(most <= either);
            prop_assert_eq!(price.bound().bound(), price.bound());
        }
    }

    #[test]
    fn an_impossible_price_is_refused() {
        assert!(Price::per_million_usd(-1.0, 0.0, 0.0).is_err());
        assert!(Price::per_million_usd(f64::NAN, 0.0, 0.0).is_err());
    }

    #[test]
    fn each_kind_of_token_has_its_price_and_a_long_prompt_another_one() {
        let long = LongPrice {
            above: 1_000,
            input: 20_000_000,
            cached: 2_000_000,
            output: 40_000_000,
            cache_write: Some(25_000_000),
            cache_write_1h: Some(32_000_000),
            reasoning: None,
        };
        let price = Price {
            input: 10_000_000,
            cached: 1_000_000,
            output: 30_000_000,
            cache_write: Some(12_000_000),
            cache_write_1h: Some(20_000_000),
            reasoning: Some(50_000_000),
            long: Some(long),
        };
        let usage =
            |prompt| Usage { prompt, cached: 100, cache_write: 200, completion: 40, reasoning: 30, ..Usage::default() };
        assert_eq!(price.cost(&usage(1_000)).nano(), 700 * 10 + 100 + 200 * 12 + 10 * 30 + 30 * 50);
        assert_eq!(price.cost(&usage(1_001)).nano(), 701 * 20 + 100 * 2 + 200 * 25 + 40 * 40);
        let hour = |prompt| Usage { cache_write_1h: 150, ..usage(prompt) };
        assert_eq!(price.cost(&hour(1_000)).nano(), 700 * 10 + 100 + 50 * 12 + 150 * 20 + 10 * 30 + 30 * 50);
        assert_eq!(price.cost(&hour(1_001)).nano(), 701 * 20 + 100 * 2 + 50 * 25 + 150 * 32 + 40 * 40);
        let one = Price { cache_write_1h: None, ..price };
        assert_eq!(one.cost(&hour(1_000)), one.cost(&usage(1_000)), "one price for both");
        // Kinds without a price of their own cost what they are a part of.
        let plain = Price { input: 10_000_000, cached: 1_000_000, output: 30_000_000, ..Price::default() };
        assert_eq!(plain.cost(&usage(1_000)).nano(), 900 * 10 + 100 + 40 * 30);
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"input":10000000,"cached":1000000,"output":30000000}"#);
    }
}
