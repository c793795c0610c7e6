//! Reward-balanced search.

use super::search::{self, Node, Plan, Rule, Search};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{DefaultValue, Entry, Kind, Paper, SampleId, Setting, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Wu et al. 2024", "https://arxiv.org/abs/2408.00724")),
        settings: &[
            Setting::new(
                "temperature",
                Kind::number(0.001, 100.0),
                DefaultValue::Number(0.2),
                "how evenly paths grow: the larger, the more alike",
            ),
            search::STEP_TOKENS,
            search::AT,
            search::DEPTH,
            search::ANSWER_TOKENS,
            search::AGGREGATE,
        ],
        needs: "continuation; a verifier, else log-probabilities",
        also: &["reward-balanced-search"],
        ..Entry::new("rebase", "as beam, but each path grows in proportion to e^(value/temperature)")
    },
    stops: "all paths have ended",
    draws: Draws::Several,
    takes: &[],
    build: |from| read(from),
};

/// REBASE (Wu et al. 2024): a node with value `R_j` grows into
/// `W_j = ceil(B_left e^(R_j / T) / sum_k e^(R_k / T))` children, the best first, until `B_left`, the
/// paths that have not ended yet, are given away. T = 0.2 as in the paper.
#[derive(Debug, Clone, Copy)]
struct Rebase {
    temperature: f64,
}

impl Rule for Rebase {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn widths(&self, nodes: &[Node], left: u32) -> Vec<(SampleId, u32)> {
        let best = nodes.first().map_or(0.0, |n| n.value);
        let weights: Vec<f64> = nodes.iter().map(|n| ((n.value - best) / self.temperature).exp()).collect();
        let total: f64 = weights.iter().sum();
        let mut open = left;
        let mut widths = Vec::new();
        for (node, weight) in nodes.iter().zip(weights) {
            let width = ((f64::from(left) * weight / total).ceil() as u32).min(open);
            open -= width;
            if width > 0 {
                widths.push((node.id, width));
            }
        }
        widths
    }
}

/// The search with this rule.
fn read(from: &mut Build<'_>) -> Result<Box<dyn Strategy>, StrategyError> {
    let temperature = from.number("temperature")?;
    Ok(Box::new(Search::new(Plan::read(from)?, Box::new(Rebase { temperature }))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widths_are_those_of_the_formula() {
        let node = |id, value| Node { id, root: id, value };
        // e^0, e^-1 and e^-4 of their sum 1.386: 11.5, 4.2 and .2 of 16.
        let nodes = [node(0, 0.9), node(1, 0.7), node(2, 0.1)];
        assert_eq!(Rebase { temperature: 0.2 }.widths(&nodes, 16), [(0, 12), (1, 4)]);
        assert_eq!(Rebase { temperature: 100.0 }.widths(&nodes, 3), [(0, 2), (1, 1)]);
    }

    proptest! {
        #[test]
        fn no_more_than_what_is_left_is_given_away(
            mut values in prop::collection::vec(0.0f64..=1.0, 1..30), left in 1u32..64, temperature in 0.01f64..10.0,
        ) {
            values.sort_by(|a, b| b.total_cmp(a));
            let nodes: Vec<Node> = (0..).zip(values).map(|(id, value)| Node { id, root: id, value }).collect();
            let widths = Rebase { temperature }.widths(&nodes, left);
            prop_assert_eq!(widths.iter().map(|w| w.1).sum::<u32>(), left);
            prop_assert!(widths.is_sorted_by(|a, b| a.1 >= b.1 || b.0 > a.0));
        }
    }
}
