//! Diverse verifier tree search.

use super::search::{self, Node, Plan, Rule, Search, alike};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{DefaultValue, Entry, Kind, Paper, SampleId, Setting, Strategy};
use std::collections::BTreeSet;

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new(
            "Beeching et al. 2024",
            "https://huggingface.co/spaces/HuggingFaceH4/blogpost-scaling-test-time-compute",
        )),
        settings: &[
            Setting::new(
                "width",
                Kind::at_least(1),
                DefaultValue::Derived("4, or the samples where these are fewer"),
                "branches of the best of a subtree, at most --samples",
            ),
            search::STEP_TOKENS,
            search::AT,
            search::DEPTH,
            search::ANSWER_TOKENS,
            search::AGGREGATE,
        ],
        needs: "continuation; a verifier, else log-probabilities",
        also: &["diverse-verifier-tree-search", "diverse-beam"],
        ..Entry::new("dvts", "as beam, but N/width subtrees keep a best of their own")
    },
    stops: "all paths have ended",
    draws: Draws::Several,
    takes: &[],
    build: |from| read(from),
};

/// Diverse verifier tree search (Beeching et al. 2024): N/M independent subtrees, of each of which
/// the best of M children grows. No subtree crowds another out, so it wins over beam search where
/// many paths are paid for.
///
/// The subtrees begin as the N first steps in N/M groups by their numbers.
#[derive(Debug, Clone, Copy)]
struct Dvts {
    width: u32,
    trees: u32,
}

impl Dvts {
    /// The subtree of a node: first steps have the numbers 0 to N - 1.
    const fn tree(self, node: &Node) -> u32 {
        node.root % self.trees
    }
}

impl Rule for Dvts {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn widths(&self, nodes: &[Node], left: u32) -> Vec<(SampleId, u32)> {
        let mut grown = BTreeSet::new();
        // Best first, so the first of a tree is its best.
        alike(nodes.iter().filter(|n| grown.insert(self.tree(n))), self.width, left)
    }
}

/// The search with this rule.
fn read(from: &mut Build<'_>) -> Result<Box<dyn Strategy>, StrategyError> {
    let width = from.count_up_to("width", 4, from.samples())?;
    let rule = Dvts { width, trees: from.samples().div_ceil(width) };
    Ok(Box::new(Search::new(Plan::read(from)?, Box::new(rule))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subtree_grows_from_its_own_best() {
        let node = |id, root, value| Node { id, root, value };
        let nodes = [node(4, 0, 0.9), node(5, 2, 0.8), node(6, 1, 0.1), node(7, 3, 0.05)];
        assert_eq!(Dvts { width: 2, trees: 2 }.widths(&nodes, 4), [(4, 2), (6, 2)]);
    }
}
