//! The shape of a model.

use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// The shape of a decoder-only transformer as llama.cpp has it under the name `llama`: RMSNorm
/// before attention and before the feed-forward layer, rotary positions, SwiGLU, no biases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Tokens of the vocabulary.
    pub vocab: usize,
    /// Width of the residual stream.
    pub d_model: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of attention; each is `d_model / heads` wide.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub d_ff: usize,
    /// Tokens of a sequence at most.
    pub context: usize,
    /// Base of the rotary angles.
    pub rope_theta: f64,
    /// What is added to the mean square in a norm.
    pub norm_eps: f32,
    /// Whether the output layer is the embedding.
    pub tied: bool,
    /// Sliding-window attention (Beltagy et al. 2020; Mistral 7B): a position sees this many tokens, itself included,
    /// in every layer. What a token depends on then ends [`ModelConfig::reach`] tokens back, so a text may be longer
    /// than any that was trained on. None: it sees all tokens before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
}

impl ModelConfig {
    /// The usual shape for a width and a number of layers: heads 32 wide (16 below width 64), a
    /// feed-forward layer of 8/3 of the width rounded up to a multiple of 16, tied embeddings.
    ///
    /// `(32, 2)`, `(64, 2)`, `(64, 4)`, `(128, 4)` and `(192, 6)` are the models of about 25k, 99k, 197k,
    /// 788k and 2.7M parameters without embeddings.
    pub fn sized(vocab: usize, context: usize, d_model: usize, layers: usize) -> Self {
        Self {
            vocab,
            d_model,
            layers,
            heads: (d_model / if d_model < 64 { 16 } else { 32 }).max(1),
            d_ff: (d_model * 8).div_ceil(3).next_multiple_of(16),
            context,
            rope_theta: 10_000.0,
            norm_eps: 1e-5,
            tied: true,
            window: None,
        }
    }

    /// The same with heads of this width.
    ///
    /// # Errors
    ///
    /// Where it does not divide the model's width.
    pub fn with_heads_of(self, width: usize) -> Result<Self, TrainError> {
        if width == 0 || !self.d_model.is_multiple_of(width) {
            let need = format!("a number that divides the width {}", self.d_model);
            return Err(TrainError::setting("the width of a head", width, need));
        }
        Ok(Self { heads: self.d_model / width, ..self })
    }

    /// Checks that the shape can be computed.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] names the first field that cannot work.
    pub fn check(&self) -> Result<(), TrainError> {
        let within = |what, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(TrainError::setting(what, value, format!("a number from {low} to {high}")))
        };
        within("the vocabulary", self.vocab, 2, 1 << 20)?;
        within("the width", self.d_model, 8, 1 << 14)?;
        within("the number of layers", self.layers, 1, 512)?;
        within("the number of heads", self.heads, 1, self.d_model)?;
        within("the feed-forward width", self.d_ff, 8, 1 << 16)?;
        within("the context", self.context, 2, 1 << 20)?;
        if let Some(window) = self.window {
            within("the window of attention", window, 2, self.context)?;
        }
        if !self.d_model.is_multiple_of(self.heads) || !(self.d_model / self.heads).is_multiple_of(2) {
            let need = format!("a multiple of twice the {} heads: rotary positions turn pairs", self.heads);
            return Err(TrainError::setting("the width", self.d_model, need));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0) {
            return Err(TrainError::setting("the rotary base", self.rope_theta, "a number above 1"));
        }
        if !(self.norm_eps.is_finite() && self.norm_eps > 0.0) {
            return Err(TrainError::setting("the epsilon of the norms", self.norm_eps, "a number above 0"));
        }
        Ok(())
    }

    /// How many tokens back the next token's probability depends on anything: every layer looks one window further.
    /// None where attention has no window.
    ///
    /// ```
    /// use outthink_train::ModelConfig;
    ///
    /// let model = ModelConfig { window: Some(96), ..ModelConfig::sized(101, 24_576, 64, 2) };
    /// assert_eq!(model.reach(), Some(191));
    /// ```
    pub fn reach(&self) -> Option<usize> {
        self.window.map(|window| self.layers * window.saturating_sub(1) + 1)
    }

    /// Positions that a query at most sees.
    pub(crate) fn span(&self) -> usize {
        self.window.unwrap_or(self.context)
    }

    /// Parameters without embeddings and output layer, the N of Kaplan et al. 2020.
    pub fn body_parameters(&self) -> u64 {
        let (d, ff) = (self.d_model as u64, self.d_ff as u64);
        self.layers as u64 * (4 * d * d + 3 * d * ff + 2 * d) + d
    }

    /// All parameters.
    pub fn parameters(&self) -> u64 {
        let table = (self.vocab * self.d_model) as u64;
        self.body_parameters() + if self.tied { table } else { 2 * table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_they_are_called_by() {
        for (d, layers, thousands) in [(32, 2, 25), (64, 2, 99), (64, 4, 197), (128, 4, 788), (192, 6, 2_700)] {
            let config = ModelConfig::sized(256, 128, d, layers);
            config.check().unwrap();
            let ratio = config.body_parameters() as f64 / f64::from(thousands) / 1e3;
            assert!((0.95..1.10).contains(&ratio), "{d} {layers}: {}", config.body_parameters());
        }
    }

    #[test]
    fn impossible_shapes_are_named() {
        let good = ModelConfig::sized(256, 128, 64, 2);
        assert_eq!(good.with_heads_of(8).unwrap().heads, 8);
        assert!(good.with_heads_of(24).unwrap_err().to_string().contains("divides the width 64"));
        for (bad, word) in [
            (ModelConfig { vocab: 0, ..good }, "vocabulary"),
            (ModelConfig { layers: 0, ..good }, "layers"),
            (ModelConfig { heads: 0, ..good }, "heads"),
            (ModelConfig { heads: 3, ..good }, "width"),
            (ModelConfig { heads: 64, ..good }, "width"),
            (ModelConfig { context: 1, ..good }, "context"),
            (ModelConfig { rope_theta: f64::NAN, ..good }, "rotary"),
            (ModelConfig { norm_eps: 0.0, ..good }, "epsilon"),
            (ModelConfig { window: Some(1), ..good }, "window"),
            (ModelConfig { window: Some(129), ..good }, "window"),
        ] {
            assert!(bad.check().unwrap_err().to_string().contains(word), "{word}");
        }
    }
}
