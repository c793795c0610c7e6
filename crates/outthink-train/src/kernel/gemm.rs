//! Matrix products: C = A·B or C += A·B, with B packed into panels.
//!
//! The micro-kernel holds a block of C in registers (8 rows by two vectors where there are 32
//! registers, 6 rows otherwise), broadcasts A and streams a panel of B. This is the inner part of
//! Goto and van de Geijn 2008 ("Anatomy of high-performance matrix multiplication"). Departure: A is
//! not packed: at these sizes a panel of B lies in the first cache and the rows of A in the second.
//! B is packed once where it is a weight, which serves a whole optimizer step or a whole rollout.
//!
//! Each element of C is one chain of fused multiply-adds over k in order, whatever the shape of the
//! block that it falls into: a row of the product does not depend on the rows beside it.

use super::buffer::Buffer;
use pulp::{Arch, Simd, WithSimd};
use std::sync::OnceLock;

/// Columns of a panel: two vectors of this machine.
pub(crate) fn panel_width() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    static WIDTH: OnceLock<usize> = OnceLock::new();
    *WIDTH.get_or_init(|| 2 * Arch::new().dispatch(Lanes))
}

/// A matrix B `[k, n]` in panels of [`panel_width`] columns, the last one filled up with zeros.
#[derive(Debug, Default, Clone)]
pub(crate) struct Panels {
    data: Buffer,
    k: usize,
    n: usize,
}

impl Panels {
    fn reshape(&mut self, k: usize, n: usize) {
        (self.k, self.n) = (k, n);
        self.data.resize(k * n.next_multiple_of(panel_width()));
    }

    /// Packs B from its rows: row `p` begins at `p * stride`.
    pub(crate) fn pack_rows(&mut self, b: &[f32], stride: usize, k: usize, n: usize) {
        self.reshape(k, n);
        if k == 0 {
            return;
        }
        let width = panel_width();
        for (index, panel) in self.data.chunks_exact_mut(k * width).enumerate() {
            let first = index * width;
            let columns = width.min(n - first);
            for (p, row) in panel.chunks_exact_mut(width).enumerate() {
                row[..columns].copy_from_slice(&b[p * stride + first..][..columns]);
                row[columns..].fill(0.0);
            }
        }
    }

    /// Packs B from its columns, that is from the rows of its transpose: column `j` begins at
    /// `j * stride`.
    pub(crate) fn pack_columns(&mut self, b: &[f32], stride: usize, k: usize, n: usize) {
        self.reshape(k, n);
        if k == 0 {
            return;
        }
        let width = panel_width();
        for (index, panel) in self.data.chunks_exact_mut(k * width).enumerate() {
            let first = index * width;
            let columns = width.min(n - first);
            for j in 0..columns {
                let column = &b[(first + j) * stride..][..k];
                for (to, from) in panel.iter_mut().skip(j).step_by(width).zip(column) {
                    *to = *from;
                }
            }
            if columns < width {
                panel.chunks_exact_mut(width).for_each(|row| row[columns..].fill(0.0));
            }
        }
    }

    /// B of zeros, to be filled by row or by column.
    pub(crate) fn zeros(k: usize, n: usize) -> Self {
        Self { data: Buffer::zeros(k * n.next_multiple_of(panel_width())), k, n }
    }

    /// Sets row `p` of B.
    pub(crate) fn set_row(&mut self, p: usize, row: &[f32]) {
        let (k, width) = (self.k, panel_width());
        for (index, part) in row.chunks(width).enumerate() {
            self.data[(index * k + p) * width..][..part.len()].copy_from_slice(part);
        }
    }

    /// Sets column `j` of B.
    pub(crate) fn set_column(&mut self, j: usize, column: &[f32]) {
        let (k, width) = (self.k, panel_width());
        let panel = &mut self.data[j / width * k * width..][..k * width];
        for (to, from) in panel.iter_mut().skip(j % width).step_by(width).zip(column) {
            *to = *from;
        }
    }

    /// All of B.
    pub(crate) fn all(&self) -> View<'_> {
        View { panels: self, k: self.k, n: self.n }
    }

    /// The first `k` rows and `n` columns of B.
    pub(crate) fn part(&self, k: usize, n: usize) -> View<'_> {
        debug_assert!(k <= self.k && n <= self.n);
        View { panels: self, k, n }
    }
}

/// The upper left part of a packed matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    panels: &'a Panels,
    k: usize,
    n: usize,
}

/// A matrix A `[m, k]`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left<'a> {
    /// Row `i` begins at `i * stride`.
    Rows {
        /// The rows.
        data: &'a [f32],
        /// From row to row.
        stride: usize,
    },
    /// Column `p` begins at `p * stride`: A is the transpose of what lies there.
    Columns {
        /// The columns.
        data: &'a [f32],
        /// From column to column.
        stride: usize,
    },
}

/// A matrix C `[m, n]`; row `i` begins at `i * stride`.
#[derive(Debug)]
pub(crate) struct Out<'a> {
    /// The rows.
    pub(crate) data: &'a mut [f32],
    /// From row to row.
    pub(crate) stride: usize,
    /// Whether the product is added to what C holds.
    pub(crate) add: bool,
}

/// Computes C = A·B or C += A·B for `m` rows.
pub(crate) fn gemm(m: usize, left: Left<'_>, right: View<'_>, out: Out<'_>) {
    if m > 0 && right.n > 0 {
        Arch::new().dispatch(Product { m, left, right, out });
    }
}

struct Product<'a> {
    m: usize,
    left: Left<'a>,
    right: View<'a>,
    out: Out<'a>,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let width = 2 * S::F32_LANES;
        let View { panels, k, n } = self.right;
        for (index, first) in (0..n).step_by(width).enumerate() {
            let panel = &panels.data[index * panels.k * width..][..k * width];
            let (panel, _) = S::as_simd_f32s(panel);
            let (panel, _) = panel.as_chunks::<2>();
            let block = Columns { first, count: width.min(n - first) };
            if block.count > S::F32_LANES {
                self.panel::<S, 2>(simd, panel, block);
            } else {
                self.panel::<S, 1>(simd, panel, block);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Columns {
    first: usize,
    count: usize,
}

impl Product<'_> {
    /// All rows of one panel, `V` vectors wide.
    #[inline(always)]
    fn panel<S: Simd, const V: usize>(&mut self, simd: S, panel: &[[S::f32s; 2]], block: Columns) {
        let mut row = 0;
        if S::REGISTER_COUNT >= 32 {
            while row + 8 <= self.m {
                self.block::<S, 8, V>(simd, row, panel, block);
                row += 8;
            }
        } else {
            while row + 6 <= self.m {
                self.block::<S, 6, V>(simd, row, panel, block);
                row += 6;
            }
        }
        while row + 4 <= self.m {
            self.block::<S, 4, V>(simd, row, panel, block);
            row += 4;
        }
        while row < self.m {
            self.block::<S, 1, V>(simd, row, panel, block);
            row += 1;
        }
    }

    /// `R` rows of one panel.
    #[inline(always)]
    fn block<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        panel: &[[S::f32s; 2]],
        block: Columns,
    ) {
        let sums = match self.left {
            Left::Rows { data, stride } => {
                let rows = std::array::from_fn(|i| &data[(row + i) * stride..]);
                let block = ByRows::<S, R, V> { rows, panel };
                simd.vectorize(
                    #[inline(always)]
                    || block.sums(simd),
                )
            }
            Left::Columns { data, stride } => {
                let block = ByColumns::<S, R, V> { data: &data[row..], stride, panel };
                simd.vectorize(
                    #[inline(always)]
                    || block.sums(simd),
                )
            }
        };
        let lanes = S::F32_LANES;
        for (i, sum) in sums.iter().enumerate() {
            let to = &mut self.out.data[(row + i) * self.out.stride + block.first..][..block.count];
            if block.count == V * lanes {
                let (to, _) = S::as_mut_simd_f32s(to);
                for v in 0..V {
                    to[v] = if self.out.add { simd.add_f32s(to[v], sum[v]) } else { sum[v] };
                }
            } else {
                for (v, to) in to.chunks_mut(lanes).enumerate() {
                    let old = simd.partial_load_f32s(to);
                    let new = if self.out.add { simd.add_f32s(old, sum[v]) } else { sum[v] };
                    simd.partial_store_f32s(to, new);
                }
            }
        }
    }
}

/// A block of A·B, `R` rows by `V` vectors, that stays in registers.
///
/// Each kind is a function of its own: inside one large function the compiler leaves the sums in
/// memory, which costs three quarters of the speed.
struct ByRows<'a, S: Simd, const R: usize, const V: usize> {
    rows: [&'a [f32]; R],
    panel: &'a [[S::f32s; 2]],
}

impl<S: Simd, const R: usize, const V: usize> ByRows<'_, S, R, V> {
    #[inline(always)]
    fn sums(self, simd: S) -> [[S::f32s; V]; R] {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        let k = self.panel.len();
        let rows: [&[f32]; R] = std::array::from_fn(|i| &self.rows[i][..k]);
        for p in 0..k {
            let b = self.panel[p];
            for i in 0..R {
                let a = simd.splat_f32s(rows[i][p]);
                for v in 0..V {
                    sums[i][v] = simd.mul_add_e_f32s(a, b[v], sums[i][v]);
                }
            }
        }
        sums
    }
}

struct ByColumns<'a, S: Simd, const R: usize, const V: usize> {
    data: &'a [f32],
    stride: usize,
    panel: &'a [[S::f32s; 2]],
}

impl<S: Simd, const R: usize, const V: usize> ByColumns<'_, S, R, V> {
    #[inline(always)]
    fn sums(self, simd: S) -> [[S::f32s; V]; R] {
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        for p in 0..self.panel.len() {
            let b = self.panel[p];
            let Some(column) = self.data[p * self.stride..].first_chunk::<R>() else { break };
            for i in 0..R {
                let a = simd.splat_f32s(column[i]);
                for v in 0..V {
                    sums[i][v] = simd.mul_add_e_f32s(a, b[v], sums[i][v]);
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers(len: usize, seed: u64) -> Vec<f32> {
        let mut rng = crate::rng::Rng::stream(seed, 0);
        (0..len).map(|_| rng.normal() as f32).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_equals_the_plain_product(m in 1_usize..40, k in 1_usize..50, n in 1_usize..90, seed: u64) {
            let (a, b, c) = (numbers(m * k, seed), numbers(k * n, seed ^ 1), numbers(m * n, seed ^ 2));
            let transpose = |x: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                (0..columns).flat_map(|j| (0..rows).map(move |i| x[i * columns + j])).collect()
            };
            let (at, bt) = (transpose(&a, m, k), transpose(&b, k, n));
            let (mut by_rows, mut by_columns) = (Panels::default(), Panels::default());
            by_rows.pack_rows(&b, n, k, n);
            by_columns.pack_columns(&bt, k, k, n);
            let lefts = [Left::Rows { data: &a, stride: k }, Left::Columns { data: &at, stride: m }];
            for (left, right) in [(lefts[0], &by_rows), (lefts[1], &by_rows), (lefts[0], &by_columns)] {
                for add in [false, true] {
                    let mut out = c.clone();
                    gemm(m, left, right.all(), Out { data: &mut out, stride: n, add });
                    for i in 0..m {
                        for j in 0..n {
                            let product: f64 = (0..k).map(|p| f64::from(a[i * k + p]) * f64::from(b[p * n + j])).sum();
                            let want = product + if add { f64::from(c[i * n + j]) } else { 0.0 };
                            prop_assert!((f64::from(out[i * n + j]) - want).abs() < 1e-4, "{i} {j}");
                        }
                    }
                }
            }
        }
    }
}
