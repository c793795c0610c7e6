//! Equations and inequalities: names, mirrors and the intervals that they mean.

use crate::ast::{Expr, Rel};

/// A variable, or the application of a named function: `f(x)`.
pub(crate) fn is_name(expr: &Expr) -> bool {
    match expr {
        Expr::Var(_) | Expr::Text(_) | Expr::I | Expr::E => true,
        Expr::Mul(items) => items.len() <= 3 && items.iter().all(|item| matches!(item, Expr::Var(_))),
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

/// The interval that an inequality in one variable means.
pub(crate) fn interval(first: &Expr, rest: &[(Rel, Expr)]) -> Option<Expr> {
    let bracket = |low: Expr, low_in: bool, high: Expr, high_in: bool| Expr::Bracket {
        open: if low_in { '[' } else { '(' },
        close: if high_in { ']' } else { ')' },
        items: vec![low, high],
    };
    let constant = |expr: &Expr| !expr.any(&|part| matches!(part, Expr::Var(_)));
    let bound = |name: &Expr, rel: Rel, value: &Expr| {
        if !matches!(name, Expr::Var(_)) || !constant(value) {
            return None;
        }
        match rel {
            Rel::Lt => Some(bracket(Expr::Infinity.neg(), false, value.clone(), false)),
            Rel::Le => Some(bracket(Expr::Infinity.neg(), false, value.clone(), true)),
            Rel::Gt => Some(bracket(value.clone(), false, Expr::Infinity, false)),
            Rel::Ge => Some(bracket(value.clone(), true, Expr::Infinity, false)),
            _ => None,
        }
    };
    match rest {
        [(rel, side)] => bound(first, *rel, side).or_else(|| bound(side, mirrored(*rel), first)),
        [(rel, Expr::Var(_)), (rel_b, last)] => {
            if !constant(first) || !constant(last) {
                return None;
            }
            match (rel, rel_b) {
                (Rel::Lt | Rel::Le, Rel::Lt | Rel::Le) => {
                    Some(bracket(first.clone(), *rel == Rel::Le, last.clone(), *rel_b == Rel::Le))
                }
                (Rel::Gt | Rel::Ge, Rel::Gt | Rel::Ge) => {
                    Some(bracket(last.clone(), *rel_b == Rel::Ge, first.clone(), *rel == Rel::Ge))
                }
                _ => None,
            }
        }
        _ => None,
    }
}
