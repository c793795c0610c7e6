//! Samples that are equal by construction, which are one vote.

use super::Table;
use outthink_core::{Sample, SampleId, SampleKind};

/// Bytes of equal text that independent samples do not have, counted over all repetitions: one of a long solution, or two
/// of one that is not short.
const CERTAIN: usize = 200;
/// Replies of fewer bytes are equal by chance, however often.
const SHORT: usize = 100;

impl Table {
    /// Marks a sample as a copy if it equals an earlier one by construction: drawn greedily, or with an equal
    /// seed, or equal over a length that chance does not give. A server that is seen to be greedy is asked for
    /// no further samples.
    pub(super) fn find_copies(&mut self, id: SampleId) {
        let Some(sample) = self.state.sample(id).filter(|s| s.is_complete() && s.role.is_reply()) else { return };
        let greedy = self.arms.get(sample.arm as usize).is_some_and(|a| a.greedy);
        let seeded = self.seeded;
        let like =
            |s: &&Sample| s.id < id && s.arm == sample.arm && s.parent == sample.parent && s.is_complete() && !s.copy;
        let same_text = |s: &Sample| {
            s.content == sample.content && s.reasoning == sample.reasoning && s.tool_calls == sample.tool_calls
        };
        // Programs are drawn gently and say little beside the calculation: equal ones come by chance.
        let terse = self.kind_of(sample) == SampleKind::Program;
        let mut earlier = self.state.samples.iter().filter(like);
        let bytes = sample.content.len() + sample.reasoning.len();
        let repeated = || earlier.clone().filter(|s| same_text(s)).count() * bytes;
        let long = !terse && bytes >= SHORT && repeated() >= CERTAIN;
        let root = sample.is_root();
        let (copy, by_length) = match earlier.find(|s| (greedy && root) || same_text(s)) {
            None => return,
            Some(_) if greedy && root => (true, false),
            Some(other) => (long || (seeded && other.seed == sample.seed), long),
        };
        let arm = sample.arm as usize;
        if let Some(sample) = self.state.samples.get_mut(id as usize) {
            sample.copy = copy;
        }
        if copy && by_length && root && !self.arms[arm].greedy {
            self.arms[arm].greedy = true;
            let name = &self.arms[arm].info.name;
            self.remark(format!("{name} gives the same reply again, so no further copies of it were bought"));
        }
    }
}
