//! Beam search over steps.

use super::search::{self, Node, Plan, Rule, Search, alike};
use crate::StrategyError;
use crate::registry::{Build, Draws, StrategyEntry};
use outthink_core::{DefaultValue, Entry, Kind, Paper, SampleId, Setting, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Snell et al. 2024", "https://arxiv.org/abs/2408.03314")),
        settings: &[
            Setting::new(
                "width",
                Kind::at_least(1),
                DefaultValue::Derived("4, or the samples where these are fewer"),
                "branches of each path that grows, at most --samples",
            ),
            search::STEP_TOKENS,
            search::AT,
            search::DEPTH,
            search::ANSWER_TOKENS,
            search::AGGREGATE,
        ],
        needs: "continuation; a verifier, else log-probabilities",
        also: &["beam-search", "tree-of-thoughts", "tot"],
        ..Entry::new("beam", "N paths step by step; the best N/width grow in width ways each")
    },
    stops: "all paths have ended",
    draws: Draws::Several,
    takes: &[],
    build: |from| read(from),
};

/// Beam search (Yao et al. 2023; Snell et al. 2024, section 5.2): of N paths the best N/M are kept
/// after each step, whichever subtree they are of, and each grows in M ways. A path that ended makes
/// the beam narrower.
#[derive(Debug, Clone, Copy)]
struct Beam {
    width: u32,
}

impl Rule for Beam {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn widths(&self, nodes: &[Node], left: u32) -> Vec<(SampleId, u32)> {
        let kept = left.div_ceil(self.width) as usize;
        alike(nodes.iter().take(kept), self.width, left)
    }
}

/// The search with this rule.
fn read(from: &mut Build<'_>) -> Result<Box<dyn Strategy>, StrategyError> {
    let width = from.count_up_to("width", 4, from.samples())?;
    Ok(Box::new(Search::new(Plan::read(from)?, Box::new(Beam { width }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_grow_whatever_they_descend_from() {
        let node = |id, root, value| Node { id, root, value };
        let nodes = [node(4, 0, 0.9), node(5, 0, 0.8), node(6, 1, 0.7)];
        assert_eq!(Beam { width: 2 }.widths(&nodes, 4), [(4, 2), (5, 2)]);
        assert_eq!(Beam { width: 2 }.widths(&nodes, 3), [(4, 2), (5, 1)]);
        assert_eq!(Beam { width: 4 }.widths(&nodes[..1], 8), [(4, 4)]);
    }
}
