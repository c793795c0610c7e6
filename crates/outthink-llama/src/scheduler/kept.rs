//! What is kept of samples that ended, and how new prompts fork it.

use super::Scheduler;
use crate::sequence::Sequence;
use llama_cpp_2::token::LlamaToken;

/// A forked beginning shorter than this saves nothing worth the trouble.
const WORTH_FORKING: usize = 4;

/// The sequence of a sample that ended and may be continued.
pub(super) struct Kept {
    id: i32,
    /// What is in the cache: the prompt and the drawn tokens that were decoded.
    tokens: Vec<LlamaToken>,
    /// When it ended, in admissions.
    pub(super) used_at: u64,
}

/// The number of tokens that two texts begin with alike.
pub(super) fn common(a: &[LlamaToken], b: &[LlamaToken]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl Scheduler<'_> {
    /// Ends a sample: gives back what it reserved, and keeps its cells where it may be continued.
    pub(super) fn retire(&mut self, group: usize, sequence: &Sequence) {
        if !sequence.keep || self.setup.kept == 0 {
            self.release(sequence);
            return;
        }
        if self.kept.len() >= self.setup.kept as usize {
            self.forget_oldest_kept();
        }
        let prompt = &self.groups[group].tokens;
        let tokens: Vec<LlamaToken> = prompt.iter().chain(sequence.decoded()).copied().collect();
        self.running -= 1;
        self.used = self.used - sequence.reserved + tokens.len();
        self.kept.push_back(Kept { id: sequence.id, tokens, used_at: self.now });
    }

    pub(super) fn forget_oldest_kept(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            self.clear(kept.id);
            self.free.push(kept.id);
            self.used -= kept.tokens.len();
        }
    }

    /// Lets a group's prompt begin with the cells of the sequence that holds the most of it. The
    /// last token is always read, because what follows it is wanted.
    pub(super) fn fork_prompt(&mut self, index: usize) {
        let Some(slot) = self.groups[index].slot.filter(|_| self.setup.kept > 0) else { return };
        let wanted = &self.groups[index].tokens;
        let wanted = &wanted[..wanted.len() - 1];
        let mut best: (usize, i32) = (0, -1);
        let mut offer = |length: usize, id: i32| {
            if length > best.0 {
                best = (length, id);
            }
        };
        for kept in &self.kept {
            offer(common(wanted, &kept.tokens), kept.id);
        }
        for (_, group) in self.groups.iter().enumerate().filter(|(other, _)| *other != index) {
            let Some(id) = group.slot else { continue };
            let shared = common(wanted, &group.tokens);
            offer(shared.min(group.read), id);
            if shared == group.tokens.len() {
                for sequence in &group.live {
                    offer(shared + common(&wanted[shared..], sequence.decoded()), sequence.id);
                }
            }
        }
        let (length, id) = best;
        if length < WORTH_FORKING {
            return;
        }
        if self.context.copy_kv_cache_seq(id, slot, Some(0), Some(length as u32)).is_ok() {
            let group = &mut self.groups[index];
            group.read = length;
            group.forked = length;
            if let Some(kept) = self.kept.iter().position(|k| k.id == id).and_then(|at| self.kept.remove(at)) {
                // Used just now: the last to be forgotten.
                self.kept.push_back(Kept { used_at: self.now, ..kept });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_texts_begin_with() {
        let tokens = |ids: &[i32]| ids.iter().map(|&id| LlamaToken(id)).collect::<Vec<_>>();
        assert_eq!(common(&tokens(&[1, 2, 3]), &tokens(&[1, 2, 4, 3])), 2);
        assert_eq!(common(&tokens(&[]), &tokens(&[1])), 0);
    }
}
