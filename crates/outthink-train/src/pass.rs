//! Forward and backward passes over a handful of sequences.
//!
//! Sequences of different lengths lie end to end without padding; all that is row by row does not
//! notice, and attention goes sequence by sequence. A pass is kept to some hundred rows, so that its
//! activations stay in the second cache; a batch is many passes.

use crate::config::ModelConfig;
use crate::kernel::Buffer;
use crate::kernel::attention::{Attended, Scratch, Shape, attend, attend_back};
use crate::kernel::gemm::{Left, Out, Panels, gemm};
use crate::kernel::rows::{Normed, rms_norm, rms_norm_back, softmax_back, softmax_log_prob, swiglu, swiglu_back};
use crate::model::Model;
use crate::objective::{Objective, Term};
use std::ops::Range;

/// Rows of a pass, unless one sequence alone is longer.
const ROWS: usize = 256;

/// One sequence within a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Its place in the batch.
    pub(crate) sequence: usize,
    /// Its rows: one for each token but the last.
    pub(crate) rows: Range<usize>,
}

/// Splits a batch into passes.
pub(crate) fn split<T: AsRef<[u32]>>(sequences: &[T]) -> Vec<Vec<Span>> {
    let mut passes: Vec<Vec<Span>> = Vec::new();
    let mut rows = ROWS;
    for (sequence, tokens) in sequences.iter().enumerate() {
        let len = tokens.as_ref().len().saturating_sub(1);
        if rows + len > ROWS {
            passes.push(Vec::new());
            rows = 0;
        }
        if let Some(pass) = passes.last_mut() {
            pass.push(Span { sequence, rows: rows..rows + len });
        }
        rows += len;
    }
    passes
}

/// What the backward pass needs of one layer.
#[derive(Debug, Default)]
struct Activations {
    input: Buffer,
    inverse: Buffer,
    normed: Buffer,
    qkv: Buffer,
    lse: Buffer,
    attended: Buffer,
    middle: Buffer,
    middle_inverse: Buffer,
    middle_normed: Buffer,
    gate_up: Buffer,
    active: Buffer,
}

impl Activations {
    fn resize(&mut self, rows: usize, c: &ModelConfig) {
        let d = c.d_model;
        for buffer in [&mut self.input, &mut self.normed, &mut self.attended, &mut self.middle, &mut self.middle_normed]
        {
            buffer.resize(rows * d);
        }
        self.inverse.resize(rows);
        self.middle_inverse.resize(rows);
        self.qkv.resize(rows * 3 * d);
        self.lse.resize(rows * c.heads);
        self.gate_up.resize(rows * 2 * c.d_ff);
        self.active.resize(rows * c.d_ff);
    }
}

/// Room for one pass, kept from pass to pass.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    layers: Vec<Activations>,
    output: Buffer,
    output_inverse: Buffer,
    output_normed: Buffer,
    /// Logits, then probabilities, then their gradient.
    logits: Buffer,
    scratch: Scratch,
    dx: Buffer,
    dnormed: Buffer,
    dactive: Buffer,
    dqkv: Buffer,
    dattended: Buffer,
    packed: Panels,
}

impl Workspace {
    /// Computes the probabilities of all tokens of a pass.
    pub(crate) fn forward<T: AsRef<[u32]>>(&mut self, model: &Model, sequences: &[T], pass: &[Span]) {
        let c = &model.config;
        let (d, ff) = (c.d_model, c.d_ff);
        let rows = pass.last().map_or(0, |span| span.rows.end);
        self.layers.resize_with(c.layers, Activations::default);
        self.layers.iter_mut().for_each(|layer| layer.resize(rows, c));
        self.output.resize(rows * d);
        self.output_inverse.resize(rows);
        self.output_normed.resize(rows * d);
        self.logits.resize(rows * c.vocab);
        let embedding = &model.weights[model.layout.embedding.clone()];
        for span in pass {
            let into = &mut self.layers[0].input[span.rows.start * d..span.rows.end * d];
            for (row, token) in into.chunks_exact_mut(d).zip(sequences[span.sequence].as_ref()) {
                row.copy_from_slice(&embedding[*token as usize * d..][..d]);
            }
        }
        let shape = Shape { d, heads: c.heads, window: c.window };
        for layer in 0..c.layers {
            let (before, after) = self.layers.split_at_mut(layer + 1);
            let a = &mut before[layer];
            let next = after.first_mut().map_or(&mut self.output, |next| &mut next.input);
            let (at, packed) = (&model.layout.layers[layer], &model.packed.layers[layer]);
            let gain = &model.weights[at.attention_norm.clone()];
            rms_norm(&a.input, gain, c.norm_eps, &mut a.normed, &mut a.inverse);
            product(rows, &a.normed, &packed.qkv.forward, &mut a.qkv, false);
            for span in pass {
                for (position, row) in
                    a.qkv[span.rows.start * 3 * d..span.rows.end * 3 * d].chunks_exact_mut(3 * d).enumerate()
                {
                    model.rotary.turn(&mut row[..2 * d], position, false);
                }
                let rows = |width: usize| span.rows.start * width..span.rows.end * width;
                let (out, lse) = (&mut a.attended[rows(d)], &mut a.lse[rows(c.heads)]);
                attend(shape, &a.qkv[rows(3 * d)], out, lse, &mut self.scratch);
            }
            a.middle.copy_from_slice(&a.input);
            product(rows, &a.attended, &packed.out.forward, &mut a.middle, true);
            let gain = &model.weights[at.mlp_norm.clone()];
            rms_norm(&a.middle, gain, c.norm_eps, &mut a.middle_normed, &mut a.middle_inverse);
            product(rows, &a.middle_normed, &packed.gate_up.forward, &mut a.gate_up, false);
            swiglu(&a.gate_up, ff, &mut a.active);
            next.copy_from_slice(&a.middle);
            product(rows, &a.active, &packed.down.forward, next, true);
        }
        let gain = &model.weights[model.layout.final_norm.clone()];
        rms_norm(&self.output, gain, c.norm_eps, &mut self.output_normed, &mut self.output_inverse);
        product(rows, &self.output_normed, &model.packed.head.forward, &mut self.logits, false);
    }

    /// From logits to the log-probability of each next token, handed to `take` as (sequence, position,
    /// log-probability); the logits become probabilities.
    pub(crate) fn log_probs<T: AsRef<[u32]>>(
        &mut self,
        vocab: usize,
        sequences: &[T],
        pass: &[Span],
        mut take: impl FnMut(usize, usize, f32),
    ) {
        for span in pass {
            let tokens = sequences[span.sequence].as_ref();
            for (row, position) in span.rows.clone().zip(1..) {
                let log_prob = softmax_log_prob(&mut self.logits[row * vocab..][..vocab], tokens[position] as usize);
                take(span.sequence, position, log_prob);
            }
        }
    }

    /// Queries, keys and values of a layer in the last forward pass, `[rows, 3d]`, turned to their
    /// positions.
    pub(crate) fn qkv(&self, layer: usize) -> &[f32] {
        self.layers.get(layer).map_or(&[], |a| &a.qkv)
    }

    /// The logits of the last forward pass, `[rows, vocab]`.
    pub(crate) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Adds the gradient of the objective over a pass to `gradient`, after [`Self::forward`]. Returns
    /// the loss; `log_probs` gets what [`Self::log_probs`] gives.
    pub(crate) fn backward<T: AsRef<[u32]>>(
        &mut self,
        model: &Model,
        (sequences, pass): (&[T], &[Span]),
        objective: &dyn Objective,
        gradient: &mut [f32],
        mut log_probs: impl FnMut(usize, usize, f32),
    ) -> f64 {
        let c = &model.config;
        let (d, ff) = (c.d_model, c.d_ff);
        let rows = pass.last().map_or(0, |span| span.rows.end);
        let mut loss = 0.0;
        let mut slopes: Vec<f32> = Vec::with_capacity(rows);
        self.log_probs(c.vocab, sequences, pass, |sequence, position, log_prob| {
            let Term { loss: term, slope } = objective.term(sequence, position, log_prob);
            loss += f64::from(term);
            slopes.push(slope);
            log_probs(sequence, position, log_prob);
        });
        for span in pass {
            let tokens = sequences[span.sequence].as_ref();
            for (row, token) in span.rows.clone().zip(&tokens[1..]) {
                softmax_back(&mut self.logits[row * c.vocab..][..c.vocab], *token as usize, slopes[row]);
            }
        }
        self.dx.resize(rows * d);
        self.dnormed.resize(rows * d);
        self.dactive.resize(rows * ff);
        self.dqkv.resize(rows * 3 * d);
        self.dattended.resize(rows * d);

        let head = &mut gradient[model.layout.head.clone()];
        weight_gradient((rows, d, c.vocab), &self.logits, &self.output_normed, &mut self.packed, head);
        product(rows, &self.logits, &model.packed.head.backward, &mut self.dnormed, false);
        self.dx.fill(0.0);
        let gain = model.layout.final_norm.clone();
        let of = Normed { x: &self.output, gain: &model.weights[gain.clone()], inverse: &self.output_inverse };
        rms_norm_back(of, &self.dnormed, &mut self.dx, &mut gradient[gain]);

        let shape = Shape { d, heads: c.heads, window: c.window };
        for layer in (0..c.layers).rev() {
            let a = &mut self.layers[layer];
            let (at, packed) = (&model.layout.layers[layer], &model.packed.layers[layer]);
            product(rows, &self.dx, &packed.down.backward, &mut self.dactive, false);
            weight_gradient((rows, ff, d), &self.dx, &a.active, &mut self.packed, &mut gradient[at.down.clone()]);
            swiglu_back(&mut a.gate_up, ff, &self.dactive);
            let into = &mut gradient[at.gate_up.clone()];
            weight_gradient((rows, d, 2 * ff), &a.gate_up, &a.middle_normed, &mut self.packed, into);
            product(rows, &a.gate_up, &packed.gate_up.backward, &mut self.dnormed, false);
            let gain = at.mlp_norm.clone();
            let of = Normed { x: &a.middle, gain: &model.weights[gain.clone()], inverse: &a.middle_inverse };
            rms_norm_back(of, &self.dnormed, &mut self.dx, &mut gradient[gain]);

            product(rows, &self.dx, &packed.out.backward, &mut self.dattended, false);
            weight_gradient((rows, d, d), &self.dx, &a.attended, &mut self.packed, &mut gradient[at.out.clone()]);
            for span in pass {
                let rows = |width: usize| span.rows.start * width..span.rows.end * width;
                let of = Attended { qkv: &a.qkv[rows(3 * d)], out: &a.attended[rows(d)], lse: &a.lse[rows(c.heads)] };
                let dqkv = &mut self.dqkv[rows(3 * d)];
                attend_back(shape, of, &self.dattended[rows(d)], dqkv, &mut self.scratch);
                for (position, row) in dqkv.chunks_exact_mut(3 * d).enumerate() {
                    model.rotary.turn(&mut row[..2 * d], position, true);
                }
            }
            let into = &mut gradient[at.qkv.clone()];
            weight_gradient((rows, d, 3 * d), &self.dqkv, &a.normed, &mut self.packed, into);
            product(rows, &self.dqkv, &packed.qkv.backward, &mut self.dnormed, false);
            let gain = at.attention_norm.clone();
            let of = Normed { x: &a.input, gain: &model.weights[gain.clone()], inverse: &a.inverse };
            rms_norm_back(of, &self.dnormed, &mut self.dx, &mut gradient[gain]);
        }
        let embedding = &mut gradient[model.layout.embedding.clone()];
        for span in pass {
            let from = self.dx[span.rows.start * d..span.rows.end * d].chunks_exact(d);
            for (dx, token) in from.zip(sequences[span.sequence].as_ref()) {
                let into = &mut embedding[*token as usize * d..][..d];
                into.iter_mut().zip(dx).for_each(|(to, dx)| *to += dx);
            }
        }
        loss
    }
}

/// y = x·B or y += x·B for all rows of x.
pub(crate) fn product(rows: usize, x: &[f32], b: &Panels, y: &mut [f32], add: bool) {
    if let (Some(inputs), Some(outputs)) = (x.len().checked_div(rows), y.len().checked_div(rows)) {
        let left = Left::Rows { data: x, stride: inputs };
        gemm(rows, left, b.all(), Out { data: y, stride: outputs, add });
    }
}

/// dW += dyᵀ·x of a matrix W `[outputs, inputs]`.
fn weight_gradient(
    (rows, inputs, outputs): (usize, usize, usize),
    dy: &[f32],
    x: &[f32],
    packed: &mut Panels,
    dw: &mut [f32],
) {
    packed.pack_rows(x, inputs, rows, inputs);
    let left = Left::Columns { data: dy, stride: outputs };
    gemm(outputs, left, packed.all(), Out { data: dw, stride: inputs, add: true });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_hold_whole_sequences_and_few_rows() {
        let sequences: Vec<Vec<u32>> = [100, 100, 57, 300, 1, 2].map(|n| vec![0; n]).into();
        let passes = split(&sequences);
        let places: Vec<Vec<usize>> = passes.iter().map(|p| p.iter().map(|s| s.sequence).collect()).collect();
        assert_eq!(places, [vec![0, 1, 2], vec![3], vec![4, 5]]);
        assert_eq!(passes[0][2].rows, 198..254);
        assert_eq!(passes[1][0].rows, 0..299);
    }
}
