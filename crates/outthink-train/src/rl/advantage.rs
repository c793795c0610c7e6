//! How much better than its group a reply did.

use serde::{Deserialize, Serialize};

/// How the advantage of a reply is made of the rewards of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// Reward less the mean of the group, over its standard deviation: GRPO (Shao et al. 2024,
    /// section 4.1.2).
    Std,
    /// Reward less the mean of the group: Dr. GRPO (Liu et al. 2025, eq. 2), which does not weigh
    /// questions with nearly equal rewards more.
    None,
}

/// What is added to a standard deviation before it divides.
const EPS: f64 = 1e-4;

/// The advantage of each reply of one group; `None` for replies that count for nothing, `None`
/// altogether where all rewards that count are the same: such a group teaches nothing.
///
/// ```
/// use outthink_train::rl::{Scaling, advantages};
///
/// let group = [Some(1.0), Some(0.0), Some(0.0), None];
/// let found = advantages(&group, Scaling::None).expect("the rewards differ");
/// assert!((found[0].expect("it counts") - 2.0 / 3.0).abs() < 1e-6);
/// assert_eq!(found[3], None);
/// assert_eq!(advantages(&[Some(1.0), Some(1.0), None], Scaling::None), None);
/// ```
pub fn advantages(rewards: &[Option<f64>], scaling: Scaling) -> Option<Vec<Option<f32>>> {
    let counting: Vec<f64> = rewards.iter().flatten().copied().collect();
    let n = counting.len() as f64;
    let mean = counting.iter().sum::<f64>() / n;
    let variance = counting.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
    // An empty group has no mean, and its variance is no number.
    if variance.is_nan() || variance < 1e-12 {
        return None;
    }
    let unit = match scaling {
        Scaling::Std => variance.sqrt() + EPS,
        Scaling::None => 1.0,
    };
    Some(rewards.iter().map(|r| r.map(|r| ((r - mean) / unit) as f32)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_standard_deviation_makes_rare_success_weigh_more() {
        let rare: Vec<Option<f64>> = (0..8).map(|i| Some(f64::from(u8::from(i == 0)))).collect();
        let first = |scaling| advantages(&rare, scaling).unwrap()[0].unwrap();
        assert!((first(Scaling::None) - 0.875).abs() < 1e-6);
        assert!((first(Scaling::Std) - 0.875 / (7.0_f32 / 64.0).sqrt()).abs() < 2e-3);
    }

    #[test]
    fn groups_without_variance_teach_nothing() {
        for group in [&[][..], &[None, None], &[Some(0.5)], &[Some(1.0); 8], &[Some(0.0), None, Some(0.0)]] {
            assert_eq!(advantages(group, Scaling::Std), None, "{group:?}");
        }
    }

    proptest! {
        #[test]
        fn advantages_of_a_group_cancel(rewards in proptest::collection::vec(proptest::option::of(-1.0..1.0_f64), 0..20)) {
            for scaling in [Scaling::Std, Scaling::None] {
                let Some(found) = advantages(&rewards, scaling) else { continue };
                prop_assert_eq!(found.len(), rewards.len());
                prop_assert!(found.iter().zip(&rewards).all(|(a, r)| a.is_some() == r.is_some()));
                let sum: f32 = found.iter().flatten().sum();
                prop_assert!(sum.abs() < 1e-3, "{sum}");
            }
        }
    }
}
