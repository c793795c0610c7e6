//! Penalties for repeated tokens and biases of single ones, as the API's fields ask for them.

use llama_cpp_2::token::LlamaToken;
use std::collections::HashMap;
use std::sync::Arc;

/// What is added to the logits before a token is drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Penalties {
    /// Taken off for each time that a token was generated.
    pub(crate) frequency: f32,
    /// Taken off once a token was generated.
    pub(crate) presence: f32,
    /// Divides positive logits of tokens of the prompt and the reply, and multiplies negative ones; 1 does
    /// nothing, 0 stands for 1.
    pub(crate) repeat: f32,
    /// Added to the logits of these tokens.
    pub(crate) bias: Vec<(u32, f32)>,
}

impl Penalties {
    fn repeats(&self) -> bool {
        self.repeat != 0.0 && self.repeat != 1.0
    }
}

/// The penalties of one sample, and what it has generated so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Adjust {
    penalties: Arc<Penalties>,
    prompt: Arc<[LlamaToken]>,
    generated: HashMap<u32, u32>,
}

impl Adjust {
    pub(crate) fn new(penalties: &Arc<Penalties>, prompt: &Arc<[LlamaToken]>) -> Self {
        Self { penalties: Arc::clone(penalties), prompt: Arc::clone(prompt), generated: HashMap::new() }
    }

    /// Whether it changes nothing.
    pub(crate) fn is_neutral(&self) -> bool {
        let p = &*self.penalties;
        p.frequency == 0.0 && p.presence == 0.0 && !p.repeats() && p.bias.is_empty()
    }

    /// Takes note of a generated token.
    pub(crate) fn count(&mut self, token: u32) {
        if !self.is_neutral() {
            *self.generated.entry(token).or_default() += 1;
        }
    }

    /// Changes the logits, one value for each token of the vocabulary.
    pub(crate) fn apply(&self, logits: &mut [f32]) {
        let p = &*self.penalties;
        if p.repeats() {
            let mut seen: Vec<u32> = self.prompt.iter().map(|t| t.0 as u32).collect();
            seen.extend(self.generated.keys());
            seen.sort_unstable();
            seen.dedup();
            for token in seen {
                if let Some(logit) = logits.get_mut(token as usize) {
                    *logit = if *logit > 0.0 { *logit / p.repeat } else { *logit * p.repeat };
                }
            }
        }
        for (&token, &times) in &self.generated {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit -= p.frequency * times as f32 + p.presence;
            }
        }
        for &(token, bias) in &p.bias {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit += bias;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_penalty_hits_what_it_is_for() {
        let penalties = Penalties { frequency: 0.5, presence: 1.0, repeat: 2.0, bias: vec![(0, 7.0)] };
        let prompt: Arc<[LlamaToken]> = vec![LlamaToken(1)].into();
        let mut adjust = Adjust::new(&Arc::new(penalties), &prompt);
        adjust.count(2);
        adjust.count(2);
        let mut logits = [1.0, -3.0, 4.0, 5.0];
        adjust.apply(&mut logits);
        assert_eq!(logits, [8.0, -6.0, 0.0, 5.0]);
        assert!(!adjust.is_neutral() && Adjust::default().is_neutral());
    }
}
