//! Causal self-attention of one sequence, without the matrix of weights in memory.
//!
//! Blocks of queries against all keys before them, as in Dao et al. 2022 (`FlashAttention`, algorithm
//! 1): the forward pass keeps one log-sum-exp a query and head, and the backward pass computes the
//! weights again. Departure: a block sees all its keys at once, so no running maximum is needed; at
//! these lengths a block of scores fits the first cache.

use super::buffer::Buffer;
use super::gemm::{Left, Out, Panels, gemm};
use super::math::{exp, exp_sum, max, sum2};
use pulp::Arch;
use std::ops::Range;

/// Queries of a block.
const BLOCK: usize = 32;

/// Shape of attention: rows of queries, keys and values are `3 * d` wide, in this order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Width of the model.
    pub(crate) d: usize,
    /// Heads.
    pub(crate) heads: usize,
    /// Keys that a query sees at most, its own included.
    pub(crate) window: Option<usize>,
}

impl Shape {
    /// Width of a head.
    pub(crate) fn head(self) -> usize {
        self.d / self.heads
    }

    /// The first key that a query sees.
    fn first(self, query: usize) -> usize {
        self.window.map_or(0, |window| (query + 1).saturating_sub(window))
    }

    /// The keys that are packed for a block of queries out of `n`: those that it sees, or without a window all of
    /// them before the first block.
    fn keys(self, block: &Range<usize>, n: usize) -> Option<Range<usize>> {
        match self.window {
            Some(_) => Some(self.first(block.start)..block.end),
            None => (block.start == 0).then_some(0..n),
        }
    }

    /// What scores are multiplied by.
    pub(crate) fn scale(self) -> f32 {
        (self.head() as f32).sqrt().recip()
    }
}

/// Room for the blocks of one head.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    keys: Panels,
    values: Panels,
    key_rows: Panels,
    queries: Panels,
    outs: Panels,
    weights: Buffer,
    slopes: Buffer,
}

/// Attention over `qkv` `[n, 3d]` into `out` `[n, d]`; `lse` `[n, heads]` gets the log-sum-exp of
/// each query's scores.
pub(crate) fn attend(shape: Shape, qkv: &[f32], out: &mut [f32], lse: &mut [f32], scratch: &mut Scratch) {
    let Shape { d, heads, .. } = shape;
    let (n, width, stride) = (out.len() / d, shape.head(), 3 * d);
    let room = n.next_multiple_of(16);
    scratch.weights.resize(BLOCK * room);
    for head in 0..heads {
        let (q, k, v) = (head * width, d + head * width, 2 * d + head * width);
        for first in (0..n).step_by(BLOCK) {
            let end = n.min(first + BLOCK);
            let (rows, from) = (end - first, shape.first(first));
            if let Some(keys) = shape.keys(&(first..end), n) {
                scratch.keys.pack_columns(&qkv[keys.start * stride + k..], stride, width, keys.len());
                scratch.values.pack_rows(&qkv[keys.start * stride + v..], stride, keys.len(), width);
            }
            let queries = Left::Rows { data: &qkv[first * stride + q..], stride };
            let weights = Out { data: &mut scratch.weights, stride: room, add: false };
            gemm(rows, queries, scratch.keys.part(width, end - from), weights);
            for (row, weights) in scratch.weights.chunks_exact_mut(room).take(rows).enumerate() {
                let at = first + row;
                let seen = shape.first(at) - from..at + 1 - from;
                lse[at * heads + head] = softmax(&mut weights[..end - from], seen, shape.scale());
            }
            let weights = Left::Rows { data: &scratch.weights, stride: room };
            let out = Out { data: &mut out[first * d + q..], stride: d, add: false };
            gemm(rows, weights, scratch.values.part(end - from, width), out);
        }
    }
}

/// Softmax over the scores in `seen` times `scale`; the others become 0. Returns the log-sum-exp.
pub(crate) fn softmax(row: &mut [f32], seen: Range<usize>, scale: f32) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let row = unmasked(row, seen);
            let most = max(row) * scale;
            let sum = exp_sum(row, scale, most);
            let inverse = sum.recip();
            for p in row {
                *p *= inverse;
            }
            most + sum.ln()
        },
    )
}

/// The part of a row that is seen; the rest becomes 0.
#[inline(always)]
fn unmasked(row: &mut [f32], seen: Range<usize>) -> &mut [f32] {
    let (row, after) = row.split_at_mut(seen.end);
    after.fill(0.0);
    let (before, row) = row.split_at_mut(seen.start);
    before.fill(0.0);
    row
}

/// What the gradient of attention needs from the forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attended<'a> {
    /// `[n, 3d]`.
    pub(crate) qkv: &'a [f32],
    /// `[n, d]`.
    pub(crate) out: &'a [f32],
    /// `[n, heads]`.
    pub(crate) lse: &'a [f32],
}

/// The gradient of [`attend`] in `qkv`, written to `dqkv` `[n, 3d]`, given `dout` `[n, d]`.
pub(crate) fn attend_back(shape: Shape, of: Attended<'_>, dout: &[f32], dqkv: &mut [f32], scratch: &mut Scratch) {
    let Shape { d, heads, .. } = shape;
    let (n, width, stride) = (dout.len() / d, shape.head(), 3 * d);
    let room = n.next_multiple_of(16);
    scratch.weights.resize(BLOCK * room);
    scratch.slopes.resize(BLOCK * room);
    dqkv.fill(0.0);
    for head in 0..heads {
        let (q, k, v) = (head * width, d + head * width, 2 * d + head * width);
        for first in (0..n).step_by(BLOCK) {
            let end = n.min(first + BLOCK);
            let (rows, from) = (end - first, shape.first(first));
            let seen = end - from;
            if let Some(keys) = shape.keys(&(first..end), n) {
                let (k, v) = (&of.qkv[keys.start * stride + k..], &of.qkv[keys.start * stride + v..]);
                scratch.keys.pack_columns(k, stride, width, keys.len());
                scratch.values.pack_columns(v, stride, width, keys.len());
                scratch.key_rows.pack_rows(k, stride, keys.len(), width);
            }
            let queries = &of.qkv[first * stride + q..];
            let douts = &dout[first * d + q..];
            scratch.queries.pack_rows(queries, stride, rows, width);
            scratch.outs.pack_rows(douts, d, rows, width);
            let scores = Out { data: &mut scratch.weights, stride: room, add: false };
            gemm(rows, Left::Rows { data: queries, stride }, scratch.keys.part(width, seen), scores);
            let slopes = Out { data: &mut scratch.slopes, stride: room, add: false };
            gemm(rows, Left::Rows { data: douts, stride: d }, scratch.values.part(width, seen), slopes);
            let pairs = scratch.weights.chunks_exact_mut(room).zip(scratch.slopes.chunks_exact_mut(room));
            for (row, (weights, slopes)) in pairs.take(rows).enumerate() {
                let at = first + row;
                let (out, dout) = (&of.out[at * d + q..][..width], &dout[at * d + q..][..width]);
                let lse = of.lse[at * heads + head];
                let (weights, slopes) = (&mut weights[..seen], &mut slopes[..seen]);
                let mask = shape.first(at) - from..at + 1 - from;
                softmax_slopes(weights, slopes, mask, shape.scale(), lse, (out, dout));
            }
            let slopes = Left::Rows { data: &scratch.slopes, stride: room };
            let dq = Out { data: &mut dqkv[first * stride + q..], stride, add: false };
            gemm(rows, slopes, scratch.key_rows.part(seen, width), dq);
            let slopes = Left::Columns { data: &scratch.slopes, stride: room };
            let dk = Out { data: &mut dqkv[from * stride + k..], stride, add: true };
            gemm(seen, slopes, scratch.queries.all(), dk);
            let weights = Left::Columns { data: &scratch.weights, stride: room };
            let dv = Out { data: &mut dqkv[from * stride + v..], stride, add: true };
            gemm(seen, weights, scratch.outs.all(), dv);
        }
    }
}

/// From scores and the slopes of the weights to weights and the slopes of the scores.
fn softmax_slopes(
    weights: &mut [f32],
    slopes: &mut [f32],
    seen: Range<usize>,
    scale: f32,
    lse: f32,
    (out, dout): (&[f32], &[f32]),
) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            // Σ_j p_j dp_j = Σ_c out_c dout_c (Dao et al. 2022, appendix B.4).
            let mean = sum2(out, dout, |x, y| x * y);
            let weights = unmasked(weights, seen.clone());
            let slopes = unmasked(slopes, seen);
            for (p, slope) in weights.iter_mut().zip(slopes) {
                *p = exp(*p * scale - lse);
                *slope = *p * (*slope - mean) * scale;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::check::{check_gradient, numbers};

    const SHAPE: Shape = Shape { d: 16, heads: 2, window: None };
    /// Windows within a block, of a block and a bit more, and longer than the text.
    const WINDOWS: [Option<usize>; 5] = [None, Some(2), Some(7), Some(37), Some(90)];

    fn attended(window: Option<usize>, qkv: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let n = qkv.len() / (3 * SHAPE.d);
        let (mut out, mut lse) = (vec![0.0; n * SHAPE.d], vec![0.0; n * SHAPE.heads]);
        attend(Shape { window, ..SHAPE }, qkv, &mut out, &mut lse, &mut Scratch::default());
        (out, lse)
    }

    #[test]
    fn it_is_softmax_of_scores_times_values() {
        let n = 70;
        let qkv = numbers(n * 48, 1);
        for window in WINDOWS {
            let (out, _) = attended(window, &qkv);
            for (i, head) in [(0_usize, 0), (1, 1), (31, 0), (32, 1), (69, 0)] {
                let part = |row: usize, kind: usize| &qkv[row * 48 + kind * 16 + head * 8..][..8];
                let seen = (i + 1).saturating_sub(window.unwrap_or(n))..=i;
                let score = |j: usize| part(i, 0).iter().zip(part(j, 1)).map(|(q, k)| f64::from(q * k)).sum::<f64>();
                let weights: Vec<f64> = seen.clone().map(|j: usize| (score(j) / 8_f64.sqrt()).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for c in 0..8 {
                    let terms = seen.clone().zip(&weights).map(|(j, w)| w / sum * f64::from(part(j, 2)[c]));
                    let want: f64 = terms.sum();
                    let got = f64::from(out[i * 16 + head * 8 + c]);
                    assert!((got - want).abs() < 1e-5, "{window:?} {i} {head} {c}");
                }
            }
        }
    }

    #[test]
    fn a_window_that_holds_the_text_changes_no_bit() {
        let qkv = numbers(70 * 48, 4);
        assert_eq!(attended(None, &qkv), attended(Some(70), &qkv));
        assert_ne!(attended(None, &qkv), attended(Some(69), &qkv));
    }

    #[test]
    fn gradient_of_attention() {
        // One block, a whole one, and one that goes over into a second.
        for n in [1, 5, 32, 37] {
            let (qkv, dout) = (numbers(n * 48, 2), numbers(n * 16, 3));
            for window in WINDOWS.into_iter().take(if n < 32 { 1 } else { 4 }) {
                let (out, lse) = attended(window, &qkv);
                let mut dqkv = vec![9.0; n * 48];
                let of = Attended { qkv: &qkv, out: &out, lse: &lse };
                attend_back(Shape { window, ..SHAPE }, of, &dout, &mut dqkv, &mut Scratch::default());
                check_gradient(&qkv, &dout, &dqkv, |qkv| attended(window, qkv).0);
            }
        }
    }
}
