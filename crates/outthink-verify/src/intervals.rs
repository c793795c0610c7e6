//! Unions and intersections of intervals and points, in one form for one set.

use crate::ast::Expr;
use crate::fold::order;
use std::cmp::Ordering;

/// Parts that are put together.
const MOST_PARTS: usize = 32;

/// An interval with its ends, each in it or not.
#[derive(Debug, Clone)]
struct Span {
    low: (Expr, bool),
    high: (Expr, bool),
}

impl Span {
    fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Bracket { open, close, items } => {
                let [low, high] = items.as_slice() else { return None };
                let span = Self { low: (low.clone(), *open == '['), high: (high.clone(), *close == ']') };
                (order(low, high)? != Ordering::Greater).then_some(span)
            }
            Expr::Set(items) => match items.as_slice() {
                [one] => Self::of(one),
                _ => None,
            },
            point if point.is_scalar() && order(point, &Expr::int(0)).is_some() => {
                Some(Self { low: (point.clone(), true), high: (point.clone(), true) })
            }
            _ => None,
        }
    }

    fn into_expr(self) -> Expr {
        if self.low.0 == self.high.0 && self.low.1 && self.high.1 {
            return Expr::Set(vec![self.low.0]);
        }
        Expr::Bracket {
            open: if self.low.1 { '[' } else { '(' },
            close: if self.high.1 { ']' } else { ')' },
            items: vec![self.low.0, self.high.0],
        }
    }
}

fn spans(parts: &[Expr]) -> Option<Vec<Span>> {
    if parts.len() > MOST_PARTS {
        return None;
    }
    parts.iter().try_fold(Vec::new(), |mut spans, part| {
        match part {
            // A finite set is its points.
            Expr::Set(points) => {
                for point in points {
                    spans.push(Span::of(point)?);
                }
            }
            other => spans.push(Span::of(other)?),
        }
        Some(spans)
    })
}

/// A union in order and without parts that touch; nothing where the ends cannot be put in order.
pub(crate) fn union(parts: &[Expr]) -> Option<Expr> {
    let mut spans = spans(parts)?;
    // By hand, for the order may be unknown.
    for at in 1..spans.len() {
        for i in (0..at).rev() {
            if order(&spans[i].low.0, &spans[i + 1].low.0)? == Ordering::Greater {
                spans.swap(i, i + 1);
            } else {
                break;
            }
        }
    }
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        let Some(last) = merged.last_mut() else {
            merged.push(span);
            continue;
        };
        let touches = match order(&span.low.0, &last.high.0)? {
            Ordering::Less => true,
            Ordering::Equal => span.low.1 || last.high.1,
            Ordering::Greater => false,
        };
        if !touches {
            merged.push(span);
            continue;
        }
        if order(&span.low.0, &last.low.0)? == Ordering::Equal {
            last.low.1 |= span.low.1;
        }
        match order(&span.high.0, &last.high.0)? {
            Ordering::Greater => last.high = span.high,
            Ordering::Equal => last.high.1 |= span.high.1,
            Ordering::Less => {}
        }
    }
    let mut parts: Vec<Expr> = merged.into_iter().map(Span::into_expr).collect();
    if parts.len() == 1 { parts.pop() } else { Some(Expr::Union(parts)) }
}

/// What all of several intervals have in common.
pub(crate) fn intersection(parts: &[Expr]) -> Option<Expr> {
    let mut spans = parts.iter().take(MOST_PARTS + 1).map(Span::of).collect::<Option<Vec<_>>>()?;
    let mut common = spans.pop().filter(|_| spans.len() < MOST_PARTS)?;
    for span in spans {
        match order(&span.low.0, &common.low.0)? {
            Ordering::Greater => common.low = span.low,
            Ordering::Equal => common.low.1 &= span.low.1,
            Ordering::Less => {}
        }
        match order(&span.high.0, &common.high.0)? {
            Ordering::Less => common.high = span.high,
            Ordering::Equal => common.high.1 &= span.high.1,
            Ordering::Greater => {}
        }
    }
    Some(match order(&common.low.0, &common.high.0)? {
        Ordering::Less => common.into_expr(),
        Ordering::Equal if common.low.1 && common.high.1 => Expr::Set(vec![common.low.0]),
        _ => Expr::Set(Vec::new()),
    })
}
