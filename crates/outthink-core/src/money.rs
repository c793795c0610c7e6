//! Money, in integers.

use crate::Usage;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign};

/// An amount in billionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(u64);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From billionths of a dollar.
    pub const fn from_nano(nano: u64) -> Self {
        Self(nano)
    }

    /// From dollars, rounded to the nearest billionth; `None` if negative, not finite or too large.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let nano = (usd * 1e9).round();
        (usd.is_finite() && (0.0..9e18).contains(&nano)).then_some(Self(nano as u64))
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// In billionths of a dollar.
    pub const fn nano(self) -> u64 {
        self.0
    }

    /// In dollars.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// What is left after `spent`, never below nothing.
    #[must_use]
    pub const fn saturating_sub(self, spent: Self) -> Self {
        Self(self.0.saturating_sub(spent.0))
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${:.6}", self.usd())
    }
}

/// What an engine charges, in billionths of a dollar for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// A million prompt tokens that were not cached.
    pub input: u64,
    /// A million prompt tokens that were.
    pub cached: u64,
    /// A million generated tokens.
    pub output: u64,
}

/// A price that is negative or not a number.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("a price of {0} dollars for a million tokens is not possible: give a number of 0 or more")]
pub struct PriceError(f64);

impl Price {
    /// From dollars for a million tokens, as providers print their prices.
    ///
    /// # Errors
    /// If a figure is negative or not finite.
    pub fn per_million_usd(input: f64, cached: f64, output: f64) -> Result<Self, PriceError> {
        let nano = |usd: f64| Cost::from_usd(usd).map(Cost::nano).ok_or(PriceError(usd));
        Ok(Self { input: nano(input)?, cached: nano(cached)?, output: nano(output)? })
    }

    /// Whether everything is free.
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }

    /// What `usage` costs, rounded up to the next billionth of a dollar.
    ///
    /// Verifier tokens are left out: they are charged at the verifier's own price.
    pub fn cost(&self, usage: &Usage) -> Cost {
        let fresh = usage.prompt.saturating_sub(usage.cached);
        let parts = [(fresh, self.input), (usage.cached, self.cached), (usage.completion, self.output)];
        let total: u128 = parts.iter().map(|&(t, p)| u128::from(t) * u128::from(p)).sum();
        Cost(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }

    /// How many more generated tokens `left` pays for; `None` if output is free.
    pub fn affordable_output(&self, left: Cost) -> Option<u64> {
        let tokens = u128::from(left.0) * 1_000_000 / u128::from((self.output != 0).then_some(self.output)?);
        Some(u64::try_from(tokens).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_affordable_never_costs_more_than_is_left(left in 0u64..1_000_000_000_000, output in 1u64..100_000_000_000) {
            let price = Price { input: 0, cached: 0, output };
            let tokens = price.affordable_output(Cost::from_nano(left)).unwrap();
            let usage = Usage { completion: tokens, ..Usage::default() };
            prop_assert!(price.cost(&usage).nano() <= left);
        }
    }

    #[test]
    fn an_impossible_price_is_refused() {
        assert!(Price::per_million_usd(-1.0, 0.0, 0.0).is_err());
        assert!(Price::per_million_usd(f64::NAN, 0.0, 0.0).is_err());
    }
}
