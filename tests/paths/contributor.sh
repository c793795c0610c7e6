#!/usr/bin/env bash
# The path of a contributor who adds a strategy by the recipe of CONTRIBUTING.md: a file with its ENTRY, `mod`, a line
# of REGISTRY; then generate, and what follows by itself: the docs, the list, a replay, tidy.
#
#   tests/paths/contributor.sh     builds in CARGO_TARGET_DIR (target), where what others wrote is built already
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
repo=$PWD
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repo/target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -co --exclude-standard -z | tar -c --null -T - | tar -x -C "$work"
cd "$work"

strategies=crates/outthink-strategy/src/strategies
cat >$strategies/three.rs <<'RUST'
//! Three samples; the most frequent answer wins.

use super::{give_up, stop_with_leader};
use crate::registry::{Draws, StrategyEntry};
use outthink_core::{Decision, Entry, Span, State, Step, StopReason, Strategy};

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry::new("three", "three samples; the most frequent answer wins"),
    stops: "after three samples",
    draws: Draws::Several,
    takes: &[],
    build: |from| Ok(Box::new(Three { max_tokens: from.max_tokens() })),
};

#[derive(Debug, Clone)]
struct Three {
    max_tokens: Option<u64>,
}

impl Strategy for Three {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if state.running() > 0 {
            return Decision::new(Step::Wait, "samples are running");
        }
        if state.done().next().is_some() {
            return stop_with_leader(state, StopReason::SamplesDrawn, "three samples are here");
        }
        if !state.samples.is_empty() || state.room(0).affordable(self.max_tokens) == 0 {
            return give_up(state);
        }
        Decision::new(Step::Sample { arm: 0, count: 3, span: Span::whole(self.max_tokens) }, "three samples")
    }
}
RUST
sed -i '0,/^mod budget_forcing;/s//mod three;\nmod budget_forcing;/; s/^    &single::ENTRY,/    \&single::ENTRY,\n    \&three::ENTRY,/' $strategies/mod.rs

cargo run -q -p xtask -- generate
grep -q '^| `three` | three samples; the most frequent answer wins |' docs/strategies.md
cargo run -q -p xtask -- tidy
# The crate's own tests hold every strategy of the registry to the rules: budgets, ends, names.
cargo test -q -p outthink-strategy --lib
echo "the contributor's path: done"
