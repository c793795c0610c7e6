//! L-BFGS (Nocedal 1980; Liu and Nocedal 1989) with a weak Wolfe line search by bisection.

const HISTORY: usize = 8;
const ARMIJO: f64 = 1e-4;
const CURVATURE: f64 = 0.9;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) iterations: usize,
    /// Largest gradient entry at which the point counts as stationary.
    pub(crate) gradient: f64,
    /// Relative fall of the objective, two steps in a row, below which no more is expected.
    pub(crate) relative: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { iterations: 400, gradient: 1e-9, relative: 1e-12 }
    }
}

/// Where the search ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Minimum<const P: usize> {
    pub(crate) at: [f64; P],
    pub(crate) value: f64,
}

fn dot<const P: usize>(a: &[f64; P], b: &[f64; P]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn along<const P: usize>(x: &[f64; P], t: f64, d: &[f64; P]) -> [f64; P] {
    std::array::from_fn(|i| x[i] + t * d[i])
}

/// One remembered step, its change of gradient and 1 / (s·y).
type Pair<const P: usize> = ([f64; P], [f64; P], f64);

/// −H g by the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4).
fn direction<const P: usize>(g: &[f64; P], pairs: &[Pair<P>]) -> [f64; P] {
    let mut q = g.map(|v| -v);
    let mut kept = [0.0; HISTORY];
    for (i, (s, y, rho)) in pairs.iter().enumerate().rev() {
        kept[i] = rho * dot(s, &q);
        q = along(&q, -kept[i], y);
    }
    if let Some((_, y, rho)) = pairs.last() {
        let scale = 1.0 / (rho * dot(y, y));
        q = q.map(|v| v * scale);
    }
    for (i, (s, y, rho)) in pairs.iter().enumerate() {
        q = along(&q, kept[i] - rho * dot(y, &q), s);
    }
    q
}

/// Minimises `f`, which returns the objective and its gradient.
///
/// A step to a value that is not finite is treated as too long.
pub(crate) fn minimise<const P: usize>(
    f: impl Fn(&[f64; P]) -> (f64, [f64; P]),
    start: [f64; P],
    limits: Limits,
) -> Minimum<P> {
    let mut x = start;
    let (mut value, mut g) = f(&x);
    let mut pairs: Vec<Pair<P>> = Vec::with_capacity(HISTORY);
    let mut flat = 0;
    for _ in 0..limits.iterations {
        if !value.is_finite() || g.iter().all(|v| v.abs() <= limits.gradient) {
            break;
        }
        let mut d = direction(&g, &pairs);
        let mut slope = dot(&d, &g);
        if slope >= 0.0 {
            pairs.clear();
            d = g.map(|v| -v);
            slope = dot(&d, &g);
        }
        let first = pairs.is_empty();
        let mut t = if first { (1.0 / dot(&g, &g).sqrt()).min(1.0) } else { 1.0 };
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut found = None;
        for _ in 0..50 {
            let next = along(&x, t, &d);
            let (fx, gx) = f(&next);
            if !fx.is_finite() || fx > value + ARMIJO * t * slope {
                high = t;
            } else {
                found = Some((next, fx, gx));
                if dot(&gx, &d) >= CURVATURE * slope {
                    break;
                }
                low = t;
            }
            t = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * t };
        }
        let Some((next, fx, gx)) = found else {
            if first {
                break;
            }
            pairs.clear();
            continue;
        };
        let s: [f64; P] = std::array::from_fn(|i| next[i] - x[i]);
        let y: [f64; P] = std::array::from_fn(|i| gx[i] - g[i]);
        let sy = dot(&s, &y);
        if sy > 1e-14 * dot(&y, &y) {
            if pairs.len() == HISTORY {
                pairs.remove(0);
            }
            pairs.push((s, y, 1.0 / sy));
        }
        let fall = value - fx;
        (x, value, g) = (next, fx, gx);
        flat = if fall <= limits.relative * value.abs() { flat + 1 } else { 0 };
        if flat >= 2 {
            break;
        }
    }
    Minimum { at: x, value }
}

/// x of A x = b by elimination with the largest pivots; `None` where A has no inverse.
pub(crate) fn solve<const P: usize>(mut a: [[f64; P]; P], mut b: [f64; P]) -> Option<[f64; P]> {
    for column in 0..P {
        let pivot = (column..P).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        a.swap(column, pivot);
        b.swap(column, pivot);
        if !(a[column][column].abs() > 0.0 && a[column][column].is_finite()) {
            return None;
        }
        let pivot_row = a[column];
        for row in column + 1..P {
            let factor = a[row][column] / pivot_row[column];
            for (x, p) in a[row].iter_mut().zip(pivot_row).skip(column) {
                *x -= factor * p;
            }
            b[row] -= factor * b[column];
        }
    }
    for row in (0..P).rev() {
        let rest: f64 = (row + 1..P).map(|k| a[row][k] * b[k]).sum();
        b[row] = (b[row] - rest) / a[row][row];
    }
    b.iter().all(|x| x.is_finite()).then_some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_rosenbrock_valley() {
        let f = |p: &[f64; 2]| {
            let (x, y) = (p[0], p[1]);
            let v = (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2);
            let g = [-2.0 * (1.0 - x) - 400.0 * x * (y - x * x), 200.0 * (y - x * x)];
            (v, g)
        };
        let m = minimise(f, [-1.2, 1.0], Limits::default());
        assert!(m.value < 1e-12, "{m:?}");
        assert!((m.at[0] - 1.0).abs() < 1e-5, "{m:?}");
    }

    #[test]
    fn a_matrix_without_an_inverse_is_told() {
        assert_eq!(solve([[2.0, 1.0], [1.0, 3.0]], [5.0, 10.0]), Some([1.0, 3.0]));
        assert_eq!(solve([[1.0, 2.0], [2.0, 4.0]], [1.0, 2.0]), None);
    }
}
