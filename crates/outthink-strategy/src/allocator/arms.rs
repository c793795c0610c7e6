//! Which prompt or model to draw from next, learned without labels.

/// How often the samples of each arm agree with what the other arms say.
///
/// Arms (prompts, models) of different quality vote on the same problems. The share of an arm's
/// samples that agree with the majority of the *other* arms needs no labels and rises with the arm's
/// accuracy, as in the two-coin model of Dawid and Skene (1979) with one coin. Arms that are not
/// worse than the best by two standard errors are taken in turn, since two arms make fewer of the
/// same mistakes than one arm twice; a worse arm is drawn from less often, by the
/// [`ArmValues::SHARPNESS`]th power of its agreement over the best one's.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmValues {
    agree: Vec<f64>,
    seen: Vec<f64>,
}

impl ArmValues {
    /// How sharply draws follow agreement; see `docs/LOG.md` for other values.
    pub const SHARPNESS: i32 = 4;

    /// Votes of an arm that its agreement is shrunk towards the mean by.
    const PRIOR: f64 = 8.0;

    /// Nothing known of `arms` arms.
    pub fn new(arms: usize) -> Self {
        Self { agree: vec![0.0; arms], seen: vec![0.0; arms] }
    }

    /// Learns from the votes of one problem: the arm and the class of each.
    pub fn observe(&mut self, votes: &[(usize, u32)]) {
        for arm in 0..self.agree.len() {
            let mut others: Vec<(u32, u32)> = Vec::new();
            for &(_, class) in votes.iter().filter(|v| v.0 != arm) {
                match others.iter_mut().find(|o| o.0 == class) {
                    Some(other) => other.1 += 1,
                    None => others.push((class, 1)),
                }
            }
            let most = others.iter().map(|o| o.1).max().unwrap_or(0);
            let mut leaders = others.iter().filter(|o| o.1 == most);
            // A tie of the others says nothing.
            let (Some(leader), None) = (leaders.next(), leaders.next()) else { continue };
            for &(_, class) in votes.iter().filter(|v| v.0 == arm) {
                self.seen[arm] += 1.0;
                self.agree[arm] += f64::from(u8::from(class == leader.0));
            }
        }
    }

    /// The worth of each arm beside the best one's, in [0, 1].
    pub fn weights(&self) -> Vec<f64> {
        let (agree, seen) = (self.agree.iter().sum::<f64>(), self.seen.iter().sum::<f64>());
        let mean = if seen > 0.0 { agree / seen } else { 1.0 };
        let rate: Vec<f64> =
            self.agree.iter().zip(&self.seen).map(|(a, s)| (a + Self::PRIOR * mean) / (s + Self::PRIOR)).collect();
        let error = |arm: usize| (rate[arm] * (1.0 - rate[arm]) / (self.seen[arm] + Self::PRIOR)).max(0.0);
        let best = (0..rate.len()).max_by(|&a, &b| rate[a].total_cmp(&rate[b]).then(b.cmp(&a))).unwrap_or(0);
        (0..rate.len())
            .map(|arm| {
                let worse = rate[best] - rate[arm] > 2.0 * (error(arm) + error(best)).sqrt();
                if worse && rate[best] > 0.0 { (rate[arm] / rate[best]).powi(Self::SHARPNESS) } else { 1.0 }
            })
            .collect()
    }

    /// The arm to draw from next: the one with the most worth for each sample drawn and one more;
    /// equal ones in turn as `order` has them. An order of its own for each problem keeps two arms
    /// that make the same mistakes from always coming first.
    pub fn next(weights: &[f64], drawn: &[u32], order: impl IntoIterator<Item = usize>) -> Option<usize> {
        let mut best: Option<(usize, f64)> = None;
        for arm in order {
            let worth = weights.get(arm).copied().unwrap_or(0.0) / f64::from(drawn.get(arm).copied().unwrap_or(0) + 1);
            if best.is_none_or(|b| worth > b.1 + 1e-12) {
                best = Some((arm, worth));
            }
        }
        best.map(|b| b.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_arms_are_taken_in_turn() {
        let weights = ArmValues::new(3).weights();
        let mut drawn = [0; 3];
        let order: Vec<usize> = (0..6)
            .filter_map(|_| {
                let arm = ArmValues::next(&weights, &drawn, [1, 2, 0])?;
                drawn[arm] += 1;
                Some(arm)
            })
            .collect();
        assert_eq!(order, [1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn an_arm_that_disagrees_is_drawn_from_less() {
        let mut values = ArmValues::new(3);
        for i in 0..100 {
            values.observe(&[(0, 0), (1, 0), (2, if i % 2 == 0 { 0 } else { i + 1 })]);
        }
        let weights = values.weights();
        assert_eq!(weights[..2], [1.0, 1.0]);
        assert!(weights[2] < 0.2, "{weights:?}");
        assert_eq!(ArmValues::next(&weights, &[1, 1, 0], 0..3), Some(0));
        assert_eq!(ArmValues::next(&weights, &[1, 1, 0], [2]), Some(2));
    }
}
