//! Relations and what they say: names that are bound, sides that are exchanged, intervals.

use crate::ast::{Expr, Func, Rel};
use crate::exact::exact;
use num_rational::BigRational;

/// Holes that a set of numbers may have.
const MOST_HOLES: usize = 8;

/// Whether a side only names the answer: `x`, `f(x)`, `AB`, `(p, q)`, `V_1 : V_2`, `\frac{NO}{BO}`, `|AB|`.
pub(crate) fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Var(_) | Expr::Text(_) | Expr::I | Expr::E => true,
        Expr::Mul(items) => is_call(items) || items.iter().all(is_factor) && items.len() <= 8,
        Expr::Ratio(items) | Expr::Bracket { open: '(', items, .. } => items.iter().all(is_name),
        Expr::Call(Func::Abs, items) => {
            items.iter().all(|item| matches!(item, Expr::Mul(parts) if parts.iter().all(is_capital)))
        }
        _ => false,
    }
}

/// `f(x)` and `f(x, y)`, also of a number, as in `f(2)`.
fn is_call(items: &[Expr]) -> bool {
    match items {
        [Expr::Var(_), Expr::Var(_) | Expr::Bracket { open: '(', .. }] => true,
        [Expr::Var(name), Expr::Num { .. }] => name.len() == 1,
        _ => false,
    }
}

fn is_capital(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(name) if name.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// A factor of a name: a letter, or one over a product of capital letters.
fn is_factor(expr: &Expr) -> bool {
    let capitals = |expr: &Expr| match expr {
        Expr::Mul(parts) => parts.iter().all(is_capital),
        other => is_capital(other),
    };
    match expr {
        Expr::Var(_) => true,
        Expr::Mul(_) => capitals(expr),
        Expr::Pow(base, exponent) => **exponent == Expr::int(-1) && capitals(base),
        _ => false,
    }
}

pub(crate) fn mirrored(rel: Rel) -> Rel {
    match rel {
        Rel::Lt => Rel::Gt,
        Rel::Gt => Rel::Lt,
        Rel::Le => Rel::Ge,
        Rel::Ge => Rel::Le,
        other => other,
    }
}

pub(crate) fn flip(sides: &(Expr, Rel, Expr)) -> (Expr, Rel, Expr) {
    (sides.2.clone(), mirrored(sides.1), sides.0.clone())
}

fn bracket(low: Expr, low_in: bool, high: Expr, high_in: bool) -> Expr {
    Expr::Bracket {
        open: if low_in { '[' } else { '(' },
        close: if high_in { ']' } else { ')' },
        items: vec![low, high],
    }
}

/// All real numbers, as an interval.
pub(crate) fn reals() -> Expr {
    bracket(Expr::Infinity.neg(), false, Expr::Infinity, false)
}

/// The real numbers without some of them, as a union of intervals.
pub(crate) fn without(whole: &Expr, holes: &[Expr]) -> Option<Expr> {
    if *whole != reals() || holes.is_empty() || holes.len() > MOST_HOLES {
        return None;
    }
    let mut at: Vec<(BigRational, &Expr)> =
        holes.iter().map(|hole| Some((exact(hole, &[])?, hole))).collect::<Option<_>>()?;
    at.sort_by(|a, b| a.0.cmp(&b.0));
    let mut parts = Vec::new();
    let mut low = Expr::Infinity.neg();
    for (_, hole) in at {
        parts.push(bracket(low, false, hole.clone(), false));
        low = hole.clone();
    }
    parts.push(bracket(low, false, Expr::Infinity, false));
    Some(Expr::Union(parts))
}

/// The numbers whose absolute value lies in an interval of numbers that are not negative.
fn of_absolute(set: &Expr) -> Option<Expr> {
    let Expr::Bracket { open, close, items } = set else { return None };
    let [low, high] = items.as_slice() else { return None };
    let mirror = |c: char| match c {
        '(' => ')',
        '[' => ']',
        ')' => '(',
        _ => '[',
    };
    if *low == Expr::Infinity.neg() {
        // Below a positive bound: one interval around zero.
        return Some(Expr::Bracket {
            open: mirror(*close),
            close: *close,
            items: vec![high.clone().neg(), high.clone()],
        });
    }
    let negative = exact(low, &[])? < BigRational::default();
    let below = Expr::Bracket {
        open: mirror(*close),
        close: mirror(*open),
        items: vec![high.clone().neg(), low.clone().neg()],
    };
    (!negative).then(|| Expr::Union(vec![below, set.clone()]))
}

/// The set of numbers that an inequality in one name, or in its absolute value, means, and that name.
pub(crate) fn interval<'a>(first: &'a Expr, rest: &'a [(Rel, Expr)]) -> Option<(Expr, &'a Expr)> {
    let (set, name) = interval_of(first, rest)?;
    match name {
        Expr::Call(Func::Abs, items) => Some((of_absolute(&set)?, items.first()?)),
        name => Some((set, name)),
    }
}

/// The set of numbers in which a name lies by an inequality, and that name.
fn interval_of<'a>(first: &'a Expr, rest: &'a [(Rel, Expr)]) -> Option<(Expr, &'a Expr)> {
    let is_name = |expr: &Expr| {
        is_name(expr) || matches!(expr, Expr::Call(Func::Abs, items) if matches!(items.as_slice(), [Expr::Var(_)]))
    };
    let constant = |expr: &Expr| !expr.any(&|part| matches!(part, Expr::Var(_) | Expr::Text(_)));
    let bound = |name: &Expr, rel: Rel, value: &Expr| {
        if !is_name(name) || constant(name) || !constant(value) {
            return None;
        }
        match rel {
            Rel::Lt => Some(bracket(Expr::Infinity.neg(), false, value.clone(), false)),
            Rel::Le => Some(bracket(Expr::Infinity.neg(), false, value.clone(), true)),
            Rel::Gt => Some(bracket(value.clone(), false, Expr::Infinity, false)),
            Rel::Ge => Some(bracket(value.clone(), true, Expr::Infinity, false)),
            Rel::Ne => without(&reals(), std::slice::from_ref(value)),
            Rel::In if !value.is_scalar() => Some(value.clone()),
            _ => None,
        }
    };
    match rest {
        [(rel, side)] => {
            let here = bound(first, *rel, side).map(|set| (set, first));
            here.or_else(|| Some((bound(side, mirrored(*rel), first)?, side)))
        }
        [(rel, name), (rel_b, last)] => {
            if !constant(first) || !constant(last) || !is_name(name) || constant(name) {
                return None;
            }
            let set = match (rel, rel_b) {
                (Rel::Lt | Rel::Le, Rel::Lt | Rel::Le) => {
                    bracket(first.clone(), *rel == Rel::Le, last.clone(), *rel_b == Rel::Le)
                }
                (Rel::Gt | Rel::Ge, Rel::Gt | Rel::Ge) => {
                    bracket(last.clone(), *rel_b == Rel::Ge, first.clone(), *rel == Rel::Ge)
                }
                _ => return None,
            };
            Some((set, name))
        }
        _ => None,
    }
}
