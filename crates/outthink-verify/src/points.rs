//! Comparison of scalars: exactly where possible, else at deterministic points.

use crate::ast::{Expr, Rel};
use crate::eval::evaluate;
use crate::exact::exact;
use crate::number::{decimal_eq, round_six};
use num_rational::BigRational;

/// Points at which expressions with variables are compared, and how many must be defined.
const POINTS: u64 = 8;
const MIN_FINITE: u32 = 3;

fn is_decimal(expr: &Expr) -> bool {
    match expr {
        Expr::Num { decimal, .. } => *decimal,
        Expr::Percent(inner) => is_decimal(inner),
        _ => false,
    }
}

/// Whether two numbers agree to six places.
pub(crate) fn approx(a: &Expr, b: &Expr) -> bool {
    match (exact(a, &[]), exact(b, &[])) {
        (Some(x), Some(y)) => decimal_eq(&x, &y),
        _ => false,
    }
}

/// Compares two expressions that stand for one number each, with variables or without.
pub(crate) fn scalars(a: &Expr, b: &Expr) -> bool {
    if !a.is_scalar() || !b.is_scalar() {
        return false;
    }
    let decimal = is_decimal(a) || is_decimal(b);
    let mut names = Vec::new();
    a.variables(&mut names);
    b.variables(&mut names);
    if names.is_empty() {
        if let (Some(x), Some(y)) = (exact(a, &[]), exact(b, &[])) {
            return x == y || (decimal && decimal_eq(&x, &y));
        }
        let none = |_: &str| f64::NAN;
        let (x, y) = (evaluate(a, &none), evaluate(b, &none));
        if x.is_finite() && y.is_finite() {
            let close = (x - y).abs() <= 1e-10 * x.abs().max(y.abs()) + 1e-13;
            return close || (decimal && rounds_alike(x.re, y.re) && (x.im - y.im).abs() < 1e-9);
        }
        // Overflow is not infinity.
        let infinite = |expr: &Expr| expr.any(&|part| *part == Expr::Infinity);
        let both = infinite(a) && infinite(b);
        return both && x.re == y.re && x.re.is_infinite() && x.is_real() && y.is_real();
    }
    identical(a, b, &names)
}

fn rounds_alike(x: f64, y: f64) -> bool {
    match (BigRational::from_float(x), BigRational::from_float(y)) {
        (Some(x), Some(y)) => round_six(&x) == round_six(&y) && decimal_eq(&x, &y),
        _ => false,
    }
}

/// The value of a variable at a point: between 0.3 and 2.7 in size, of either sign.
fn sample(name: &str, point: u64) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ point.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 31;
    hash = hash.wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 29;
    let size = 0.3 + 2.4 * ((hash >> 40) as f64 / f64::from(1 << 24));
    if point.is_multiple_of(3) { -size } else { size }
}

/// Whether two expressions agree at several points (Schwartz, Zippel), exactly where possible.
fn identical(a: &Expr, b: &Expr, names: &[String]) -> bool {
    let mut finite = 0;
    for point in 0..POINTS {
        let value_of = |name: &str| sample(name, point);
        let (x, y) = (evaluate(a, &value_of), evaluate(b, &value_of));
        if !x.is_finite() || !y.is_finite() {
            continue;
        }
        finite += 1;
        if (x - y).abs() > 1e-8 * x.abs().max(y.abs()) + 1e-11 {
            return false;
        }
    }
    if finite < MIN_FINITE {
        return false;
    }
    let at: Vec<(String, BigRational)> = names
        .iter()
        .zip(2_i64..)
        .map(|(name, index)| {
            let value = BigRational::new((index * index + 7).into(), (2 * index + 1).into());
            (name.clone(), value)
        })
        .collect();
    match (exact(a, &at), exact(b, &at)) {
        (Some(x), Some(y)) => {
            let decimal = a.any(&is_decimal) || b.any(&is_decimal);
            x == y || (decimal && decimal_eq(&x, &y))
        }
        _ => true,
    }
}

/// Whether two equations or inequalities `a rel 0` and `b rel 0` are the same up to a factor.
pub(crate) fn proportional(a: &Expr, b: &Expr, rel: Rel) -> bool {
    let mut ratio: Option<f64> = None;
    let mut finite = 0;
    for point in 0..POINTS {
        let value_of = |name: &str| sample(name, point);
        let (x, y) = (evaluate(a, &value_of), evaluate(b, &value_of));
        if !(x.is_finite() && y.is_finite() && x.is_real() && y.is_real()) || y.re == 0.0 {
            continue;
        }
        let here = x.re / y.re;
        if !here.is_finite() || here == 0.0 {
            return false;
        }
        let first = *ratio.get_or_insert(here);
        if (here - first).abs() > 1e-8 * first.abs() {
            return false;
        }
        finite += 1;
    }
    let sign_kept = ratio.is_some_and(|ratio| ratio > 0.0) || matches!(rel, Rel::Eq | Rel::Ne);
    // Without variables every two sides are in proportion.
    let varies = a.any(&|part| matches!(part, Expr::Var(_)));
    finite >= MIN_FINITE && sign_kept && varies
}
