//! Diverse verifier tree search.

use super::search::{Node, Plan, Rule, Search, alike};
use crate::StrategyError;
use crate::settings::Reader;
use outthink_core::{SampleId, Strategy};
use std::collections::BTreeSet;

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
        "dvts"
    }

    fn widths(&self, nodes: &[Node], left: u32) -> Vec<(SampleId, u32)> {
        let mut grown = BTreeSet::new();
        // Best first, so the first of a tree is its best.
        alike(nodes.iter().filter(|n| grown.insert(self.tree(n))), self.width, left)
    }
}

/// The search with this rule.
pub(crate) fn read(
    samples: u32,
    max_tokens: Option<u64>,
    settings: &mut Reader<'_>,
) -> Result<Box<dyn Strategy>, StrategyError> {
    let width = settings.count("width", samples.min(4), 1..=samples)?;
    let rule = Dvts { width, trees: samples.div_ceil(width) };
    Ok(Box::new(Search::new(Plan::read(samples, max_tokens, settings)?, Box::new(rule))))
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
