//! Newton's method for the sum of powers: second derivatives in place of a quasi-Newton search.
//!
//! ln(A/N^α + B/D^β + E) is a log-sum-exp, whose Hessian follows from the shares of its three terms at no further
//! exponential. The Huber loss adds its own: only runs within delta bend it. A step solves (H + λ G) s = g, where G is
//! the matrix of iteratively reweighted least squares (Holland and Welsch 1977) and λ follows the ratio of the fall to
//! the one expected (Marquardt 1963; Nielsen 1999): large λ gives short reweighted steps far away, small λ
//! Newton's own near the minimum. A variable projection (Golub and Pereyra 1973) would eliminate A and B, but they are
//! linear in the loss and not in its logarithm, on which the residuals are taken.

use crate::optim::Minimum;

use super::Held;
use super::robust::SCALE;

const UNKNOWNS: usize = 5;
type Vector = [f64; UNKNOWNS];
type Matrix = [[f64; UNKNOWNS]; UNKNOWNS];

/// Steps after which a search ends.
const STEPS: usize = 120;
/// Share of G's diagonal that is added to it: along A and α it is nearly singular, where H may bend downwards.
const RIDGE: f64 = 0.05;
/// Relative fall that a step may expect below which the search ends.
const FLAT: f64 = 1e-11;

/// The runs that a search sees, each with its weight, and what the last evaluation left of each.
pub(super) struct Weighted {
    params: Vec<f64>,
    tokens: Vec<f64>,
    ln_loss: Vec<f64>,
    weight: Vec<f64>,
    delta: f64,
    held: Held,
    /// Shares of the two power terms in the predicted loss.
    shares: Vec<[f64; 2]>,
    residuals: Vec<f64>,
}

/// Derivatives at one point.
struct Bend {
    gradient: Vector,
    hessian: Matrix,
    reweighted: Matrix,
}

impl Weighted {
    /// Rows of (ln N, ln D) and ln L, with weights.
    pub(super) fn new(
        (params, tokens): (&[f64], &[f64]),
        ln_loss: &[f64],
        rows: &[(u32, f64)],
        (delta, held): (f64, Held),
    ) -> Self {
        let pick = |column: &[f64]| rows.iter().map(|&(i, _)| column[i as usize]).collect::<Vec<f64>>();
        Self {
            params: pick(params),
            tokens: pick(tokens),
            ln_loss: pick(ln_loss),
            weight: rows.iter().map(|r| r.1).collect(),
            delta,
            held,
            shares: vec![[0.0; 2]; rows.len()],
            residuals: vec![0.0; rows.len()],
        }
    }

    /// The objective; keeps the shares and residuals for [`Self::bend`].
    fn value(&mut self, unknowns: &Vector) -> f64 {
        let p = self.held.apply(unknowns);
        let floor = p[4].exp();
        let mut value = 0.0;
        let rows = self.params.iter().zip(&self.tokens).zip(&self.ln_loss).zip(&self.weight);
        for ((((n, d), ln), w), (shares, kept)) in rows.zip(self.shares.iter_mut().zip(&mut self.residuals)) {
            let (of_params, of_tokens) = ((p[0] - p[1] * n).exp(), (p[2] - p[3] * d).exp());
            let sum = of_params + of_tokens + floor;
            let inverse = 1.0 / sum;
            let r = sum.ln() - ln;
            let clipped = r.clamp(-self.delta, self.delta);
            value += w * clipped * (r - 0.5 * clipped);
            *shares = [of_params * inverse, of_tokens * inverse];
            *kept = r;
        }
        value * SCALE
    }

    /// Gradient and matrices where [`Self::value`] was taken last.
    fn bend(&self) -> Bend {
        let (mut g, mut bent, mut least) = ([0.0; UNKNOWNS], [[0.0; UNKNOWNS]; UNKNOWNS], [[0.0; UNKNOWNS]; UNKNOWNS]);
        let rows = self.params.iter().zip(&self.tokens).zip(&self.weight);
        for (((n, d), w), (shares, r)) in rows.zip(self.shares.iter().zip(&self.residuals)) {
            let [np, dp] = *shares;
            let s = [np, -np * n, dp, -dp * d, 1.0 - np - dp];
            let pull = w * r.clamp(-self.delta, self.delta);
            let within = if r.abs() < self.delta { *w } else { 0.0 };
            let reweighted = w * (self.delta / r.abs()).min(1.0);
            for i in 0..UNKNOWNS {
                g[i] += pull * s[i];
                let (of_bend, of_least) = ((within - pull) * s[i], reweighted * s[i]);
                for j in 0..=i {
                    bent[i][j] += of_bend * s[j];
                    least[i][j] += of_least * s[j];
                }
            }
            // The curvature of a log-sum-exp: its features' second moment by share, less the square of their mean.
            bent[0][0] += pull * np;
            bent[1][0] -= pull * np * n;
            bent[1][1] += pull * np * n * n;
            bent[2][2] += pull * dp;
            bent[3][2] -= pull * dp * d;
            bent[3][3] += pull * dp * d * d;
            bent[4][4] += pull * s[4];
        }
        let whole = |half: Matrix| -> Matrix {
            std::array::from_fn(|i| std::array::from_fn(|j| SCALE * if j <= i { half[i][j] } else { half[j][i] }))
        };
        Bend {
            gradient: self.held.slopes(g.map(|x| SCALE * x)),
            hessian: self.without_held(whole(bent)),
            reweighted: self.without_held(whole(least)),
        }
    }

    /// A matrix of second derivatives in the unknowns that are left.
    fn without_held(&self, matrix: Matrix) -> Matrix {
        let rows = matrix.map(|row| self.held.slopes(row));
        let columns: Matrix = std::array::from_fn(|j| self.held.slopes(std::array::from_fn(|i| rows[i][j])));
        std::array::from_fn(|i| std::array::from_fn(|j| columns[j][i]))
    }

    /// Descends from `start`.
    pub(super) fn minimise(&mut self, start: Vector) -> Minimum<UNKNOWNS> {
        let mut at = start;
        let mut value = self.value(&at);
        if !value.is_finite() {
            return Minimum { at, value };
        }
        let (mut damping, mut growth) = (1.0, 4.0);
        let mut bend = self.bend();
        for _ in 0..STEPS {
            let Some(step) = step(&bend, damping) else {
                damping = 4.0 * damping.max(1e-4);
                if damping > 1e9 {
                    break;
                }
                continue;
            };
            let next: Vector = std::array::from_fn(|i| at[i] - step[i]);
            let expected = expected_fall(&bend, &step);
            let there = self.value(&next);
            let fall = value - there;
            if fall > 0.0 && there.is_finite() {
                let ratio = if expected > 0.0 { fall / expected } else { 0.5 };
                damping *= (1.0 - (2.0 * ratio - 1.0).powi(3)).clamp(0.05, 2.0);
                damping = damping.max(1e-10);
                growth = 4.0;
                (at, value) = (next, there);
                bend = self.bend();
                if fall <= FLAT * value && expected <= 10.0 * FLAT * value {
                    break;
                }
            } else {
                if expected.abs() <= FLAT * value || damping > 1e9 {
                    break;
                }
                damping = damping.max(1e-6) * growth;
                growth *= 2.0;
            }
        }
        Minimum { at, value }
    }
}

/// What the quadratic model says a step gains.
fn expected_fall(bend: &Bend, step: &Vector) -> f64 {
    let mut fall = 0.0;
    for i in 0..UNKNOWNS {
        let row: f64 = (0..UNKNOWNS).map(|j| bend.hessian[i][j] * step[j]).sum();
        fall += step[i] * (bend.gradient[i] - 0.5 * row);
    }
    fall
}

/// s of (H + λ G) s = g by a Cholesky factor; `None` where the matrix is not positive definite.
fn step(bend: &Bend, damping: f64) -> Option<Vector> {
    let mut l = [[0.0; UNKNOWNS]; UNKNOWNS];
    for i in 0..UNKNOWNS {
        for j in 0..=i {
            let mut sum = bend.hessian[i][j] + damping * bend.reweighted[i][j];
            if i == j {
                // A held unknown has no slope anywhere.
                let ridge = RIDGE * damping + 1e-9;
                sum = if bend.reweighted[i][i] == 0.0 { 1.0 } else { sum + ridge * bend.reweighted[i][i] };
            }
            sum -= l[i].iter().zip(&l[j]).take(j).map(|(x, y)| x * y).sum::<f64>();
            if i == j {
                if !(sum > 0.0 && sum.is_finite()) {
                    return None;
                }
                l[i][i] = sum.sqrt();
            } else {
                l[i][j] = sum / l[j][j];
            }
        }
    }
    let mut s = bend.gradient;
    for i in 0..UNKNOWNS {
        let done: f64 = (0..i).map(|k| l[i][k] * s[k]).sum();
        s[i] = (s[i] - done) / l[i][i];
    }
    for i in (0..UNKNOWNS).rev() {
        let done: f64 = (i + 1..UNKNOWNS).map(|k| l[k][i] * s[k]).sum();
        s[i] = (s[i] - done) / l[i][i];
    }
    s.iter().all(|x| x.is_finite()).then_some(s)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Weighted {
        let (mut n, mut d, mut l) = (vec![], vec![], vec![]);
        for i in 0..30 {
            let (x, y) = (f64::from(i % 6) - 2.5, f64::from(i / 6) - 2.0);
            n.push(x);
            d.push(y);
            l.push(((0.3 - 0.4 * x).exp() + (0.1 - 0.3 * y).exp() + 1.5).ln() + 0.002 * f64::from((i * 7) % 5 - 2));
        }
        let rows: Vec<(u32, f64)> = (0..30).map(|i| (i, 1.0 + f64::from(i % 3))).collect();
        Weighted::new((&n, &d), &l, &rows, (1e-3, Held::default()))
    }

    #[test]
    fn derivatives_are_those_of_the_objective() {
        let mut runs = made();
        let at = [0.4, 0.35, 0.05, 0.36, 0.3];
        runs.value(&at);
        let bend = runs.bend();
        let side = |i: usize, h: f64| {
            let mut p = at;
            p[i] += h;
            p
        };
        for i in 0..UNKNOWNS {
            let (up, down) = (runs.value(&side(i, 1e-6)), runs.value(&side(i, -1e-6)));
            let slope = (up - down) / 2e-6;
            assert!((slope / bend.gradient[i] - 1.0).abs() < 1e-5, "{i}: {slope} {:?}", bend.gradient);
            runs.value(&side(i, 1e-7));
            let right = runs.bend().gradient;
            runs.value(&side(i, -1e-7));
            let left = runs.bend().gradient;
            for j in 0..UNKNOWNS {
                let second = (right[j] - left[j]) / 2e-7;
                let scale = bend.hessian[i][i].abs().max(bend.hessian[j][j].abs()).max(1.0);
                assert!((second - bend.hessian[i][j]).abs() < 1e-4 * scale, "{i} {j}: {second} {:?}", bend.hessian);
            }
        }
    }

    #[test]
    fn the_minimum_has_no_slope_and_held_constants_stay() {
        let mut runs = made();
        let end = runs.minimise([0.0, 0.8, 0.0, 0.1, 0.1]);
        let gradient = runs.bend().gradient;
        assert!(runs.value(&end.at) <= end.value * (1.0 + 1e-12));
        assert!(gradient.iter().all(|g| g.abs() < 1e-2), "{end:?} {gradient:?}");
        runs.held = Held { tied: true, floor: Some(1.5), ..Held::default() };
        let start = [0.0, 0.8, 0.0, 0.1, 0.1];
        let end = runs.minimise(start);
        assert!(end.at[3] == start[3] && end.at[4] == start[4], "{end:?}");
        assert!((0.25..0.45).contains(&end.at[1]), "{end:?}");
    }
}
