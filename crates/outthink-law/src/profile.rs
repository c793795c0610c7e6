//! Profile-likelihood intervals (Venzon and Moolgavkar 1988): one unknown is held, the others are
//! fitted again, and the ends are where the objective has risen by a given amount.

use crate::optim::{Limits, minimise};

/// The values of unknown `index` at which the objective, minimised over the others, is `rise` above
/// its minimum at `best`; the end of `range` where it never rises so far.
pub(crate) fn profile<const P: usize>(
    objective: impl Fn(&[f64; P]) -> (f64, [f64; P]),
    best: &[f64; P],
    index: usize,
    rise: f64,
    range: (f64, f64),
) -> (f64, f64) {
    let lowest = objective(best).0;
    // A frozen unknown has no slope, so the search never moves it.
    let held = |from: &[f64; P], value: f64| {
        let mut start = *from;
        start[index] = value;
        let frozen = |p: &[f64; P]| {
            let (v, mut g) = objective(p);
            g[index] = 0.0;
            (v, g)
        };
        let warm = minimise(frozen, start, Limits::default());
        let mut other = *best;
        other[index] = value;
        let cold = minimise(frozen, other, Limits::default());
        if cold.value < warm.value { cold } else { warm }
    };
    let end = |sign: f64| {
        let limit = if sign < 0.0 { range.0 } else { range.1 };
        let (mut inner, mut inner_rise, mut from) = (best[index], 0.0, *best);
        let mut step = 1e-3 * best[index].abs().max(1.0);
        let (mut outer, mut outer_rise) = (limit, f64::INFINITY);
        for _ in 0..60 {
            let next = inner + sign * step;
            let next = if sign < 0.0 { next.max(limit) } else { next.min(limit) };
            let m = held(&from, next);
            let up = m.value - lowest;
            if up >= rise || !up.is_finite() {
                (outer, outer_rise) = (next, up);
                break;
            }
            if next == limit {
                return limit;
            }
            (inner, inner_rise, from) = (next, up.max(0.0), m.at);
            step *= 2.0;
        }
        // The rise is close to a parabola: its root is close to a line.
        for _ in 0..40 {
            let (a, b) = (inner_rise.max(0.0).sqrt(), outer_rise.max(0.0).sqrt());
            let goal = rise.sqrt();
            if (outer - inner).abs() < 1e-7 * inner.abs().max(1.0) || (b - a).abs() < 1e-9 {
                break;
            }
            let share = if b.is_finite() { ((goal - a) / (b - a)).clamp(0.05, 0.95) } else { 0.5 };
            let at = inner + share * (outer - inner);
            let m = held(&from, at);
            let up = m.value - lowest;
            if (up - rise).abs() < 1e-5 * rise {
                return at;
            }
            if up >= rise || !up.is_finite() {
                (outer, outer_rise) = (at, up);
            } else {
                (inner, inner_rise, from) = (at, up, m.at);
            }
        }
        f64::midpoint(inner, outer)
    };
    (end(-1.0), end(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilted_parabola_has_its_known_ends() {
        // Σ⁻¹ = [[2, 1], [1, 1]], so the variance of the first is 1.
        let f = |p: &[f64; 2]| {
            let (x, y) = (p[0] - 3.0, p[1]);
            (2.0 * x * x + 2.0 * x * y + y * y, [4.0 * x + 2.0 * y, 2.0 * x + 2.0 * y])
        };
        let (low, high) = profile(f, &[3.0, 0.0], 0, 4.0, (-100.0, 100.0));
        assert!((low - 1.0).abs() < 1e-3 && (high - 5.0).abs() < 1e-3, "{low} {high}");
        let (low, high) = profile(f, &[3.0, 0.0], 0, 4.0, (2.5, 100.0));
        assert!(low == 2.5 && (high - 5.0).abs() < 1e-3, "{low} {high}");
    }
}
