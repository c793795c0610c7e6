//! One score from the scores of a reply's steps.

/// How scores of steps become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Aggregate {
    /// The worst step's (Lightman et al. 2023).
    Min,
    /// The product of all.
    Product,
    /// The last step's: a process score read as the value of where the reply stands (Snell et al.
    /// 2024, Beeching et al. 2024).
    #[default]
    Last,
    /// The mean of all.
    Mean,
}

impl Aggregate {
    /// Their names, the default first.
    pub const NAMES: [&'static str; 4] = ["last", "min", "product", "mean"];

    /// The one of that name; the default for any other word.
    pub fn by_name(name: &str) -> Self {
        match name {
            "min" => Self::Min,
            "product" => Self::Product,
            "mean" => Self::Mean,
            _ => Self::Last,
        }
    }

    /// The aggregate of scores in [0, 1], in [0, 1]; `None` of none.
    ///
    /// ```
    /// use outthink_strategy::Aggregate;
    /// assert_eq!(Aggregate::Product.of(&[0.5, 0.5]), Some(0.25));
    /// assert_eq!(Aggregate::Last.of(&[]), None);
    /// ```
    pub fn of(self, scores: &[f64]) -> Option<f64> {
        let &last = scores.last()?;
        Some(match self {
            Self::Min => scores.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Product => scores.iter().product(),
            Self::Last => last,
            Self::Mean => scores.iter().sum::<f64>() / scores.len() as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_stay_between_nothing_and_one_and_in_order(scores in prop::collection::vec(0.0f64..=1.0, 1..20)) {
            let of = |a: Aggregate| a.of(&scores).unwrap();
            prop_assert!(of(Aggregate::Product) <= of(Aggregate::Min) + 1e-12);
            prop_assert!(of(Aggregate::Min) <= of(Aggregate::Mean) + 1e-12);
            prop_assert!(of(Aggregate::Min) <= of(Aggregate::Last));
            prop_assert!(Aggregate::NAMES.iter().all(|n| (0.0..=1.0).contains(&of(Aggregate::by_name(n)))));
        }
    }
}
