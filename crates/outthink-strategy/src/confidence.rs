//! How sure a model is of its tokens, kept while a sample runs.

use outthink_core::{Delta, TokenConfidence};
use std::collections::VecDeque;

/// The running confidence of one sample: `DeepConf`'s group confidence (Fu et al. 2025, section 3.1),
/// the sliding mean over the last `group` tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running {
    group: usize,
    window: VecDeque<f64>,
    window_sum: f64,
    sum: f64,
    tokens: f64,
    lowest: Option<f64>,
}

impl Running {
    /// For groups of `group` tokens.
    pub(crate) fn new(group: u32) -> Self {
        Self { group: group.max(1) as usize, ..Self::default() }
    }

    /// Takes the tokens of a piece in: their confidences, or their log-probabilities where the
    /// engine tells no more.
    pub(crate) fn push(&mut self, delta: &Delta) {
        let known = if delta.confidences.is_empty() { &delta.logprobs } else { &delta.confidences };
        for value in known.iter().map(|&v| f64::from(v)).filter(|v| v.is_finite()) {
            self.sum += value;
            self.tokens += 1.0;
            self.window.push_back(value);
            self.window_sum += value;
            if self.window.len() > self.group {
                self.window_sum -= self.window.pop_front().unwrap_or(0.0);
            }
            if self.window.len() == self.group {
                let mean = self.window_sum / self.group as f64;
                self.lowest = Some(self.lowest.map_or(mean, |l| l.min(mean)));
            }
        }
    }

    /// What is known by now; `None` before the first token.
    pub(crate) fn read(&self) -> Option<TokenConfidence> {
        if self.window.is_empty() {
            return None;
        }
        let mean = self.sum / self.tokens;
        let tail = self.window_sum / self.window.len() as f64;
        Some(TokenConfidence { mean, tail, lowest: self.lowest.unwrap_or(mean) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delta(values: &[f32]) -> Delta {
        Delta { confidences: values.to_vec(), ..Delta::default() }
    }

    #[test]
    fn a_dip_of_one_group_is_remembered() {
        let mut running = Running::new(2);
        assert_eq!(running.read(), None);
        running.push(&delta(&[4.0]));
        assert_eq!(running.read().unwrap().lowest, 4.0);
        running.push(&delta(&[4.0, 1.0, 1.0, 4.0, 4.0]));
        let read = running.read().unwrap();
        assert_eq!((read.lowest, read.tail, read.mean), (1.0, 4.0, 3.0));
    }

    proptest! {
        #[test]
        fn the_sliding_mean_is_that_of_the_last_tokens(values in prop::collection::vec(-5.0f32..5.0, 1..60), group in 1u32..20) {
            let mut running = Running::new(group);
            for value in &values {
                running.push(&delta(&[*value]));
            }
            let mean = |v: &[f32]| v.iter().map(|&x| f64::from(x)).sum::<f64>() / v.len() as f64;
            let g = group as usize;
            let tail = mean(&values[values.len().saturating_sub(g)..]);
            let lowest = values.windows(g).map(mean).reduce(f64::min).unwrap_or_else(|| mean(&values));
            let read = running.read().unwrap();
            prop_assert!((read.tail - tail).abs() < 1e-9 && (read.lowest - lowest).abs() < 1e-9);
        }
    }
}
