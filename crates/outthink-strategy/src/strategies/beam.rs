//! Beam search over steps.

use super::search::{Node, Plan, Rule, Search, alike};
use crate::StrategyError;
use crate::settings::Reader;
use outthink_core::{SampleId, Strategy};

/// Beam search (Yao et al. 2023; Snell et al. 2024, section 5.2): of N paths the best N/M are kept
/// after each step, whichever subtree they are of, and each grows in M ways. A path that ended makes
/// the beam narrower.
#[derive(Debug, Clone, Copy)]
struct Beam {
    width: u32,
}

impl Rule for Beam {
    fn name(&self) -> &'static str {
        "beam"
    }

    fn widths(&self, nodes: &[Node], left: u32) -> Vec<(SampleId, u32)> {
        let kept = left.div_ceil(self.width) as usize;
        alike(nodes.iter().take(kept), self.width, left)
    }
}

/// The search with this rule.
pub(crate) fn read(
    samples: u32,
    max_tokens: Option<u64>,
    settings: &mut Reader<'_>,
) -> Result<Box<dyn Strategy>, StrategyError> {
    let width = settings.count("width", samples.min(4), 1..=samples)?;
    Ok(Box::new(Search::new(Plan::read(samples, max_tokens, settings)?, Box::new(Beam { width }))))
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
