//! What is believed of how much the samples of a problem agree, before and after some are seen.

use outthink_core::{AgreementPart, AllocationTable};

/// A prior over the answer distribution of a problem: a mixture of Pitman-Yor processes.
///
/// After counts `c_1..c_k` of n votes, a component with discount d and strength t gives class j the
/// mean share `(c_j - d) / (n + t)` and the answers not yet seen `(t + k d) / (n + t)` together
/// (Pitman 1995, Eq. 2.7). How well it explains the counts is the probability of the partition,
/// `prod_{i<k} (t + i d) / (t + 1)_(n-1) * prod_j (1 - d)_(c_j - 1)` (Pitman 1995, Prop. 9), so that
/// the mixture learns from agreement alone which kind of problem it looks at. No labels are used.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    parts: Vec<AgreementPart>,
}

/// Components of the default prior: (discount, strength, weight). The weights are the mean of those
/// learned on the four voting pools of `docs/allocator.md`, half of them spread evenly.
const DEFAULT: [(f64, f64, f64); 16] = [
    (0.0, 0.02, 0.25),
    (0.0, 0.06, 0.05),
    (0.0, 0.15, 0.05),
    (0.0, 0.3, 0.09),
    (0.0, 0.6, 0.04),
    (0.0, 1.2, 0.07),
    (0.0, 2.5, 0.05),
    (0.0, 5.0, 0.03),
    (0.0, 12.0, 0.02),
    (0.0, 40.0, 0.02),
    (0.5, 0.0, 0.12),
    (0.5, 1.0, 0.05),
    (0.5, 4.0, 0.03),
    (-0.3, 0.6, 0.04),
    (-1.0, 2.0, 0.05),
    (-0.5, 2.0, 0.04),
];

impl Default for Prior {
    fn default() -> Self {
        Self::new(
            DEFAULT.iter().map(|&(discount, strength, weight)| AgreementPart { discount, strength, weight }).collect(),
        )
    }
}

impl From<&AllocationTable> for Prior {
    fn from(table: &AllocationTable) -> Self {
        Self::new(table.agreement.clone())
    }
}

impl Prior {
    /// A prior of these components; weights are brought to a sum of 1.
    pub fn new(mut parts: Vec<AgreementPart>) -> Self {
        let sum: f64 = parts.iter().map(|p| p.weight.max(0.0)).sum();
        let even = 1.0 / parts.len().max(1) as f64;
        for part in &mut parts {
            part.weight = if sum > 0.0 { part.weight.max(0.0) / sum } else { even };
        }
        Self { parts }
    }

    /// The components with their weights.
    pub fn parts(&self) -> &[AgreementPart] {
        &self.parts
    }

    /// The belief after votes for classes with these counts, in any order.
    pub fn after(&self, counts: &[u32]) -> Belief {
        let logs: Vec<f64> = self.parts.iter().map(|p| log_partition(p, counts)).collect();
        let top = logs.iter().copied().fold(f64::MIN, f64::max);
        let mut weights: Vec<f64> = self.parts.iter().zip(&logs).map(|(p, l)| p.weight * (l - top).exp()).collect();
        let sum: f64 = weights.iter().sum();
        if sum > 0.0 {
            for w in &mut weights {
                *w /= sum;
            }
        } else {
            weights = self.parts.iter().map(|p| p.weight).collect();
        }
        let parts = self.parts.iter().zip(weights).map(|(p, weight)| AgreementPart { weight, ..*p }).collect();
        Belief { parts, votes: f64::from(counts.iter().sum::<u32>()), classes: counts.len() as f64 }
    }

    /// Learns the weights from the votes of other problems: expectation-maximisation from this prior,
    /// which counts as `strength` problems. `seen` holds the counts of each problem.
    ///
    /// When to stop may have depended on the votes: the likelihood of what was seen does not change
    /// by it.
    #[must_use]
    pub fn learn(&self, seen: &[Vec<u32>], strength: f64, rounds: u32) -> Self {
        // The same counts come up over and over.
        let mut kinds: Vec<(Vec<u32>, f64)> = Vec::new();
        let mut sorted = seen.to_vec();
        for counts in &mut sorted {
            counts.sort_unstable_by_key(|c| std::cmp::Reverse(*c));
        }
        sorted.sort_unstable();
        for counts in sorted.into_iter().filter(|c| !c.is_empty()) {
            match kinds.last_mut() {
                Some(kind) if kind.0 == counts => kind.1 += 1.0,
                _ => kinds.push((counts, 1.0)),
            }
        }
        let likelihoods: Vec<(Vec<f64>, f64)> = kinds
            .iter()
            .map(|(counts, times)| {
                let logs: Vec<f64> = self.parts.iter().map(|p| log_partition(p, counts)).collect();
                let top = logs.iter().copied().fold(f64::MIN, f64::max);
                (logs.iter().map(|l| (l - top).exp()).collect(), *times)
            })
            .collect();
        let mut weights: Vec<f64> = self.parts.iter().map(|p| p.weight).collect();
        for _ in 0..rounds {
            let mut next: Vec<f64> = self.parts.iter().map(|p| p.weight * strength).collect();
            for (likelihood, times) in &likelihoods {
                let sum: f64 = likelihood.iter().zip(&weights).map(|(l, w)| l * w).sum();
                if sum > 0.0 {
                    for ((n, l), w) in next.iter_mut().zip(likelihood).zip(&weights) {
                        *n += times * l * w / sum;
                    }
                }
            }
            let sum: f64 = next.iter().sum();
            if sum > 0.0 {
                weights = next.into_iter().map(|n| n / sum).collect();
            }
        }
        Self::new(self.parts.iter().zip(weights).map(|(p, weight)| AgreementPart { weight, ..*p }).collect())
    }
}

/// The belief about one problem after some votes.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    parts: Vec<AgreementPart>,
    votes: f64,
    classes: f64,
}

impl Belief {
    /// Expected share of a class that was seen `count` times (at least once).
    pub fn share(&self, count: u32) -> f64 {
        let count = f64::from(count);
        self.parts.iter().map(|p| p.weight * (count - p.discount) / (self.votes + p.strength)).sum()
    }

    /// Expected share of all answers that were not seen yet.
    pub fn unseen(&self) -> f64 {
        let of = |p: &AgreementPart| {
            let whole = self.votes + p.strength;
            if whole > 0.0 { (p.strength + self.classes * p.discount).max(0.0) / whole } else { 1.0 }
        };
        self.parts.iter().map(|p| p.weight * of(p)).sum()
    }
}

/// Logarithm of the probability that votes fall into classes with these counts; minus infinity where
/// the component has no room for so many classes.
fn log_partition(part: &AgreementPart, counts: &[u32]) -> f64 {
    let (d, t) = (part.discount, part.strength);
    let votes: u32 = counts.iter().sum();
    let mut log = 0.0;
    for i in 1..counts.len() {
        let mass = t + i as f64 * d;
        if mass <= 1e-12 {
            return f64::NEG_INFINITY;
        }
        log += mass.ln();
    }
    for i in 1..votes {
        log -= (t + f64::from(i)).ln();
    }
    for &count in counts {
        for i in 1..count {
            log += (f64::from(i) - d).ln();
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dirichlet(strength: f64) -> Prior {
        Prior::new(vec![AgreementPart { discount: 0.0, strength, weight: 1.0 }])
    }

    #[test]
    fn one_process_is_its_closed_form() {
        let belief = dirichlet(2.0).after(&[3, 1]);
        assert!((belief.share(3) - 3.0 / 6.0).abs() < 1e-12);
        assert!((belief.unseen() - 2.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn agreement_elsewhere_makes_agreement_here_likelier() {
        let easy = Prior::default().learn(&vec![vec![8]; 40], 5.0, 30);
        let hard = Prior::default().learn(&vec![vec![2, 1, 1, 1, 1, 1, 1]; 40], 5.0, 30);
        let unseen = |prior: &Prior| prior.after(&[2]).unseen();
        assert!(unseen(&easy) < unseen(&Prior::default()) && unseen(&Prior::default()) < unseen(&hard));
        assert!(easy.after(&[2]).share(2) > hard.after(&[2]).share(2) + 0.2);
    }

    #[test]
    fn two_answers_only_leave_no_room_for_a_third() {
        let two = Prior::new(vec![AgreementPart { discount: -1.0, strength: 2.0, weight: 1.0 }]);
        assert!(two.after(&[2, 1]).unseen().abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_one(counts in proptest::collection::vec(1u32..12, 1..8)) {
            let belief = Prior::default().after(&counts);
            let sum: f64 = counts.iter().map(|&c| belief.share(c)).sum::<f64>() + belief.unseen();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }

        #[test]
        fn what_was_seen_in_any_order_is_believed_alike(counts in proptest::collection::vec(1u32..12, 1..8)) {
            let mut turned = counts.clone();
            turned.reverse();
            let (a, b) = (Prior::default().after(&counts), Prior::default().after(&turned));
            prop_assert!((a.unseen() - b.unseen()).abs() < 1e-9);
        }
    }
}
