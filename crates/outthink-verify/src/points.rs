//! Comparison of scalars: exactly, else by normal forms, else by bounds on their values.

use crate::ast::{Expr, Func, Rel};
use crate::eval;
use crate::exact::exact;
use crate::number::{decimal_eq, round_six, terminates};
use crate::poly;
use crate::real::evaluate;
use num_rational::BigRational;

/// Points at which expressions with variables are compared, and how many must decide.
const POINTS: u64 = 16;
const MIN_SHARP: u32 = 3;

/// What is known of whether two values are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Same {
    Yes,
    No,
    /// It cannot be decided here: for votes and grades that is not the same.
    Unknown,
}

fn is_decimal(expr: &Expr) -> bool {
    match expr {
        Expr::Num { decimal, .. } => *decimal,
        Expr::Percent(inner) => is_decimal(inner),
        Expr::Mul(items) => items.iter().any(is_decimal) && items.iter().all(|item| exact(item, &[]).is_some()),
        _ => false,
    }
}

/// Compares two expressions that stand for one number each, with variables or without. Where `rounded` is set, a
/// decimal also equals what it is the rounding of, to six places.
pub(crate) fn scalars(a: &Expr, b: &Expr, rounded: bool) -> Same {
    if !a.is_scalar() || !b.is_scalar() {
        return Same::No;
    }
    let said = |same: bool| if same { Same::Yes } else { Same::No };
    let infinite = |expr: &Expr| expr.any(&|part| *part == Expr::Infinity);
    if infinite(a) || infinite(b) {
        return said(sign_of_infinity(a).is_some_and(|sign| sign_of_infinity(b) == Some(sign)));
    }
    let (x, y) = (exact(a, &[]), exact(b, &[]));
    let decimal = rounded && (is_decimal(a) || is_decimal(b));
    if let (Some(x), Some(y)) = (&x, &y) {
        return said(x == y || (decimal && !(terminates(x) && terminates(y)) && decimal_eq(x, y)));
    }
    if !decimal && let Some(same) = poly::decide(a, b) {
        return said(same);
    }
    let mut names = Vec::new();
    a.variables(&mut names);
    b.variables(&mut names);
    if !names.is_empty() {
        return functions(a, b);
    }
    constants(a, b, decimal)
}

/// The sign of an expression that is an infinity.
fn sign_of_infinity(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Infinity => Some(true),
        Expr::Mul(items) if items.len() == 2 && items.contains(&Expr::Infinity) => {
            let other = items.iter().find(|item| **item != Expr::Infinity)?;
            exact(other, &[]).map(|value| value > BigRational::default())
        }
        _ => None,
    }
}

fn constants(a: &Expr, b: &Expr, decimal: bool) -> Same {
    let none = |_: &str| f64::NAN;
    let (x, y) = (evaluate(a, &none), evaluate(b, &none));
    if x.is_known() && y.is_known() {
        if x.differs(y) {
            let close = decimal && rounds_alike(x.mid, y.mid);
            return if close { Same::Yes } else { Same::No };
        }
        return if x.is_sharp(y) { Same::Yes } else { Same::Unknown };
    }
    if is_piecewise(a) || is_piecewise(b) {
        return Same::Unknown;
    }
    let (x, y) = (eval::evaluate(a, &none), eval::evaluate(b, &none));
    if !(x.is_finite() && y.is_finite()) {
        return Same::Unknown;
    }
    let close = (x - y).abs() <= 1e-10 * x.abs().max(y.abs()) + 1e-13;
    let rounded = decimal && rounds_alike(x.re, y.re) && (x.im - y.im).abs() < 1e-9;
    if close || rounded { Same::Yes } else { Same::No }
}

fn rounds_alike(x: f64, y: f64) -> bool {
    match (BigRational::from_float(x), BigRational::from_float(y)) {
        (Some(x), Some(y)) => round_six(&x) == round_six(&y) && decimal_eq(&x, &y),
        _ => false,
    }
}

/// Whether a function that is not one formula everywhere is left: agreement at points then proves nothing.
fn is_piecewise(expr: &Expr) -> bool {
    expr.any(&|part| {
        let Expr::Call(func, _) = part else { return false };
        func.is_exact_only() || matches!(func, Func::Abs | Func::Floor | Func::Ceil | Func::Max | Func::Min)
    })
}

/// Whether agreement of values proves nothing: as [`is_piecewise`], also where the pieces only show in the normal
/// form, and where a summand is too small to show in a value.
fn in_pieces(expr: &Expr) -> bool {
    is_piecewise(expr) || poly::is_piecewise(expr) || poly::is_delicate(expr)
}

/// The value of a variable at a point: of either sign, and of four sizes up to some thousands.
fn sample(name: &str, point: u64) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ point.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 31;
    hash = hash.wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 29;
    let part = (hash >> 40) as f64 / f64::from(1 << 24);
    let size = match point % 8 {
        0..=3 => 0.3 + 2.4 * part,
        4 => 3.0 + 9.0 * part,
        5 => 12.0 + 100.0 * part,
        6 => 120.0 + 900.0 * part,
        _ => 1_000.0 + 4_000.0 * part,
    };
    if point % 3 == 2 { -size } else { size }
}

/// Whether two functions agree: a point at which they differ is a proof, agreement at many is one where both are
/// analytic (the identity theorem, up to the error of the values).
fn functions(a: &Expr, b: &Expr) -> Same {
    let complex = |expr: &Expr| expr.any(&|part| *part == Expr::I);
    if complex(a) || complex(b) {
        return complex_functions(a, b);
    }
    let mut sharp = 0;
    for point in 0..POINTS {
        let value_of = |name: &str| sample(name, point);
        let (x, y) = (evaluate(a, &value_of), evaluate(b, &value_of));
        if !x.is_known() || !y.is_known() {
            continue;
        }
        if x.differs(y) {
            return Same::No;
        }
        sharp += u32::from(x.is_sharp(y));
    }
    if sharp < MIN_SHARP || in_pieces(a) || in_pieces(b) { Same::Unknown } else { Same::Yes }
}

fn complex_functions(a: &Expr, b: &Expr) -> Same {
    let mut finite = 0;
    for point in 0..POINTS {
        let value_of = |name: &str| sample(name, point);
        let (x, y) = (eval::evaluate(a, &value_of), eval::evaluate(b, &value_of));
        if !x.is_finite() || !y.is_finite() {
            continue;
        }
        if (x - y).abs() > 1e-8 * x.abs().max(y.abs()) + 1e-11 {
            return Same::No;
        }
        finite += 1;
    }
    if finite < MIN_SHARP || in_pieces(a) || in_pieces(b) { Same::Unknown } else { Same::Yes }
}

/// Whether two equations or inequalities `a rel 0` and `b rel 0` are the same up to a factor.
pub(crate) fn proportional(a: &Expr, b: &Expr, rel: Rel) -> bool {
    // Without variables every two sides are in proportion.
    let varies = a.any(&|part| matches!(part, Expr::Var(_)));
    if !varies || !a.is_scalar() || !b.is_scalar() || is_piecewise(a) || is_piecewise(b) {
        return false;
    }
    let mut ratio: Option<f64> = None;
    let mut finite = 0;
    for point in 0..POINTS {
        let value_of = |name: &str| sample(name, point);
        let (x, y) = (evaluate(a, &value_of), evaluate(b, &value_of));
        if !x.is_known() || !y.is_known() || y.mid.abs() <= y.err {
            continue;
        }
        let here = x.mid / y.mid;
        if !here.is_finite() || x.mid.abs() <= x.err {
            return false;
        }
        let first = *ratio.get_or_insert(here);
        if (here - first).abs() > 1e-8 * first.abs() {
            return false;
        }
        finite += 1;
    }
    let sign_kept = ratio.is_some_and(|ratio| ratio > 0.0) || matches!(rel, Rel::Eq | Rel::Ne);
    finite >= MIN_SHARP && sign_kept
}
