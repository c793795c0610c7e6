//! The comparison of two parsed answers, part by part.

use crate::Equality;
use crate::ast::{Expr, Rel};
use crate::compare::proved;
use crate::intervals;
use crate::matrix;
use crate::points::proportional;
use crate::relation::{flip, interval, is_name, mirrored};
use num_rational::BigRational;

/// Leaf comparisons within one pair of answers.
const FUEL: u32 = 1_500;
/// Larger unordered collections are compared in the order given.
const MAX_UNORDERED: usize = 32;

/// One comparison with its bound on work.
pub(crate) struct Judge {
    fuel: u32,
    equality: Equality,
    /// Whether the parts of a collection are compared.
    within: bool,
}

/// A form that leaves out what only names the answer: `x = 3` and `3`, `x > 2` and `(2, \infty)`, a set of one.
/// Several names that differ keep the order of their names: `y = 2, x = 1` is `(1, 2)`.
pub(crate) fn normalised(expr: &Expr) -> Expr {
    match expr {
        Expr::Set(items) | Expr::List(items) if items.len() == 1 => {
            items.first().map_or_else(|| expr.clone(), normalised)
        }
        other => normalised_part(other),
    }
}

fn normalised_part(expr: &Expr) -> Expr {
    let all = |items: &[Expr]| items.iter().map(normalised_part).collect::<Vec<_>>();
    match expr {
        Expr::Relation(first, rest) => {
            if let Some(value) = bound_value(first, rest) {
                return normalised(value);
            }
            if let Some((set, _)) = interval(first, rest) {
                return normalised(&set);
            }
            expr.clone()
        }
        Expr::Percent(inner) => Expr::Mul(vec![(**inner).clone(), hundredth()]),
        Expr::Set(items) | Expr::List(items) => match named(items) {
            Names::One | Names::None => Expr::Set(all(items)),
            Names::Tuple(values) => tuple(all(&values)),
            Names::Tuples(tuples) => Expr::Set(tuples.iter().map(|values| tuple(all(values))).collect()),
            // Values without their names would be those of other names, too.
            Names::Mixed => expr.clone(),
        },
        Expr::Union(items) => {
            let parts = if same_name(items) { all(items) } else { items.clone() };
            intervals::union(&parts).unwrap_or(Expr::Union(parts))
        }
        Expr::Intersection(items) => {
            let parts = if same_name(items) { all(items) } else { items.clone() };
            intervals::intersection(&parts).unwrap_or(Expr::Intersection(parts))
        }
        Expr::Bracket { open, close, items } => match named(items) {
            Names::Tuple(values) => tuple(all(&values)),
            _ => Expr::Bracket { open: *open, close: *close, items: all(items) },
        },
        Expr::Matrix(rows) if rows.iter().all(|row| row.len() == 1) && rows.len() > 1 => {
            tuple(rows.iter().flatten().map(normalised_part).collect())
        }
        Expr::Quantity(inner, unit) => Expr::Quantity(Box::new(normalised_part(inner)), unit.clone()),
        other => matrix::value(other).unwrap_or_else(|| other.clone()),
    }
}

fn tuple(items: Vec<Expr>) -> Expr {
    Expr::Bracket { open: '(', close: ')', items }
}

/// What the names of several equations say.
enum Names {
    /// Not all items give a value to a name.
    None,
    /// `x = 1, x = 2`: the values of one name.
    One,
    /// `y = 2, x = 1`: one value for each name, in the order of the names.
    Tuple(Vec<Expr>),
    /// `x = 1, y = 2, x = 3, y = 4`: several of these.
    Tuples(Vec<Vec<Expr>>),
    /// Some names have more values than others.
    Mixed,
}

fn named(items: &[Expr]) -> Names {
    let one = |item: &'_ Expr| match item {
        Expr::Relation(first, rest)
            if is_name(first) && rest.iter().all(|(rel, _)| matches!(rel, Rel::Eq | Rel::About)) =>
        {
            Some(((**first).clone(), bound_value(first, rest)?.clone()))
        }
        _ => None,
    };
    let Some(pairs) = items.iter().map(one).collect::<Option<Vec<(Expr, Expr)>>>().filter(|pairs| pairs.len() > 1)
    else {
        return Names::None;
    };
    let mut groups: Vec<Vec<(Expr, Expr)>> = Vec::new();
    for pair in pairs {
        match groups.last_mut() {
            Some(group) if group.iter().all(|(name, _)| *name != pair.0) => group.push(pair),
            _ => groups.push(vec![pair]),
        }
    }
    for group in &mut groups {
        group.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let names = |group: &[(Expr, Expr)]| group.iter().map(|pair| pair.0.clone()).collect::<Vec<_>>();
    let first = groups.first().map(|group| names(group)).unwrap_or_default();
    if groups.iter().any(|group| names(group) != first) {
        return Names::Mixed;
    }
    let values = |group: Vec<(Expr, Expr)>| group.into_iter().map(|pair| pair.1).collect::<Vec<_>>();
    match (groups.len(), first.len()) {
        (_, 1) => Names::One,
        (1, _) => Names::Tuple(groups.into_iter().flat_map(values).collect()),
        _ => Names::Tuples(groups.into_iter().map(values).collect()),
    }
}

/// The values of names as they are written, where the names have no order of their own.
fn written(items: &[Expr]) -> Option<Vec<Expr>> {
    let (mut letters, mut values) = (Vec::new(), Vec::new());
    for item in items {
        let Expr::Relation(first, rest) = item else { return None };
        let Expr::Var(name) = first.as_ref() else { return None };
        letters.push(name.bytes().next().filter(|_| name.len() == 1)?);
        values.push(bound_value(first, rest)?.clone());
    }
    letters.sort_unstable();
    let follow = letters.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b));
    (!follow).then_some(values)
}

/// Whether all inequalities among the parts are in one name.
fn same_name(parts: &[Expr]) -> bool {
    let mut names = parts.iter().filter_map(|part| match part {
        Expr::Relation(first, rest) => Some(interval(first, rest).map(|set| set.1)),
        _ => None,
    });
    let first = names.next();
    names.all(|name| name.is_some() && Some(name) == first)
}

/// The value that a relation gives to a name, or that a true equation comes to.
fn bound_value<'a>(first: &'a Expr, rest: &'a [(Rel, Expr)]) -> Option<&'a Expr> {
    let (_, last) = rest.last()?;
    if !rest.iter().all(|(rel, _)| matches!(rel, Rel::Eq | Rel::About)) {
        return rest.iter().all(|(rel, _)| matches!(rel, Rel::In | Rel::Eq)).then_some(last).filter(|_| is_name(first));
    }
    let bare = |expr: &'a Expr| match expr {
        Expr::Quantity(inner, _) => inner.as_ref(),
        other => other,
    };
    let computes = |expr: &'a Expr| bare(expr).is_scalar() && !expr.any(&|part| matches!(part, Expr::Var(_)));
    if is_name(first) && !computes(first) {
        // `x = 9.5/3.14 \approx 3.03`: the exact value before the rounded one.
        let exactly = rest.iter().rev().find(|(rel, _)| *rel == Rel::Eq).map(|(_, side)| side);
        return exactly.or(Some(last));
    }
    if is_name(last) && !computes(last) && computes(first) && rest.len() == 1 {
        return Some(first);
    }
    // `3 + 4 = 7` comes to 7; `100/3 \approx 33.3` to what stands first.
    let sides_compute = computes(first) && rest.iter().all(|(_, side)| computes(side));
    if sides_compute && rest.iter().any(|(rel, _)| *rel == Rel::About) {
        return Some(first);
    }
    // The last side of a chain is what it claims, also where a rounding or a slip stands before it.
    (sides_compute || rest.len() > 1 && computes(last)).then_some(last)
}

impl Judge {
    pub(crate) const fn new(equality: Equality) -> Self {
        Self { fuel: FUEL, equality, within: false }
    }

    fn is_strict(&self) -> bool {
        self.equality == Equality::Strict
    }

    pub(crate) fn same(&mut self, a: &Expr, b: &Expr) -> bool {
        if self.fuel == 0 {
            return false;
        }
        self.fuel -= 1;
        if a == b {
            return true;
        }
        match (a, b) {
            (Expr::Relation(..), Expr::Relation(..)) => self.relations(a, b),
            (Expr::Quantity(x, u), Expr::Quantity(y, v)) => {
                let based = |value: &Expr, factor: &BigRational| {
                    let factor = Expr::Num { value: factor.clone(), decimal: false };
                    Expr::Mul(vec![value.clone(), factor])
                };
                let labels = if self.is_strict() { u.label == v.label } else { u.is_labelled_like(v) };
                labels
                    && u.dims == v.dims
                    && if u.factor == v.factor {
                        self.same(x, y)
                    } else {
                        self.same(&based(x, &u.factor), &based(y, &v.factor))
                    }
            }
            (Expr::Bracket { open, close, items }, Expr::Bracket { open: open_b, close: close_b, items: items_b }) => {
                open == open_b && close == close_b && self.ordered(items, items_b)
            }
            (Expr::List(x), Expr::List(y)) if !self.is_strict() && is_tuple_beside_values(x, y) => {
                if matches!(named(x), Names::None) { self.values_of(y, x) } else { self.values_of(x, y) }
            }
            (Expr::Set(x) | Expr::List(x), Expr::Set(y) | Expr::List(y)) => self.unordered(x, y),
            (Expr::Union(x), Expr::Union(y)) | (Expr::Intersection(x), Expr::Intersection(y))
                if self.unordered(x, y) =>
            {
                true
            }
            (Expr::Matrix(x), Expr::Matrix(y)) => {
                x.len() == y.len() && x.iter().zip(y).all(|(x, y)| self.ordered(x, y))
            }
            (Expr::Ratio(x), Expr::Ratio(y)) => self.ratios(x, y),
            _ if self.is_strict() => proved(a, b, false),
            _ => self.forgiving(a, b),
        }
    }

    /// What is the same only where something that one side leaves out is forgiven.
    fn forgiving(&mut self, a: &Expr, b: &Expr) -> bool {
        match (a, b) {
            (Expr::Relation(first, rest), other) | (other, Expr::Relation(first, rest)) => {
                self.relation_with_value(first, rest, other)
            }
            (Expr::Percent(x), Expr::Percent(y)) => self.same(x, y),
            (Expr::Percent(x), y) | (y, Expr::Percent(x)) if y.is_scalar() => {
                self.same(x, y) || self.same(&Expr::Mul(vec![(**x).clone(), hundredth()]), y)
            }
            (Expr::Quantity(x, _), y) | (y, Expr::Quantity(x, _)) => self.same(x, y),
            (Expr::Bracket { open: '(', close: ')', items }, Expr::List(others))
            | (Expr::List(others), Expr::Bracket { open: '(', close: ')', items }) => match named(others) {
                Names::Tuple(_) => self.values_of(others, items),
                _ => self.ordered(items, others),
            },
            // "0.5 or 1/2" names one value twice.
            (Expr::Set(x) | Expr::List(x), other) | (other, Expr::Set(x) | Expr::List(x))
                if other.is_scalar() && !self.within && (2..=4).contains(&x.len()) =>
            {
                x.iter().all(|item| self.same(item, other))
            }
            (Expr::Union(_) | Expr::Intersection(_), _) | (_, Expr::Union(_) | Expr::Intersection(_)) => {
                let (x, y) = (normalised(a), normalised(b));
                (x != *a || y != *b) && self.same(&x, &y)
            }
            (Expr::Set(x), other) | (other, Expr::Set(x)) if other.is_scalar() && !self.within => {
                matches!(x.as_slice(), [one] if self.same(one, other))
            }
            (Expr::Matrix(rows), Expr::Bracket { items, .. }) | (Expr::Bracket { items, .. }, Expr::Matrix(rows)) => {
                let cells: Vec<Expr> = rows.iter().flatten().cloned().collect();
                (rows.len() == 1 || cells.len() == rows.len()) && self.ordered(&cells, items)
            }
            (Expr::Matrix(_), other) | (other, Expr::Matrix(_)) => matrix::value(other)
                .is_some_and(|value| value != *other && self.same(&value, if a == other { b } else { a })),
            (Expr::Ratio(items), other) | (other, Expr::Ratio(items)) if items.len() == 2 && other.is_scalar() => {
                self.same(&Expr::Mul(vec![items[0].clone(), items[1].clone().recip()]), other)
            }
            (Expr::Text(x), Expr::Var(y)) | (Expr::Var(y), Expr::Text(x)) => x.eq_ignore_ascii_case(y),
            _ if a.any(&|part| matches!(part, Expr::Matrix(_))) => match (matrix::value(a), matrix::value(b)) {
                (Some(a), Some(b)) => self.same(&a, &b),
                _ => false,
            },
            _ => proved(a, b, true) || self.constant_of_integration(a, b),
        }
    }

    fn ordered(&mut self, a: &[Expr], b: &[Expr]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(a, b))
    }

    fn unordered(&mut self, a: &[Expr], b: &[Expr]) -> bool {
        // What is named twice is named.
        let (a, b) = (&self.distinct(a), &self.distinct(b));
        if a.len() != b.len() {
            return false;
        }
        if a.len() > MAX_UNORDERED {
            return self.ordered(a, b);
        }
        let mut free: Vec<&Expr> = b.iter().collect();
        let before = std::mem::replace(&mut self.within, true);
        let same = a.iter().all(|item| {
            let found = free.iter().position(|other| self.same(item, other));
            found.map(|index| free.swap_remove(index)).is_some()
        });
        self.within = before;
        same
    }

    /// Whether the values of names, in the order of the names, are those of a list. Names that do not follow each
    /// other in the alphabet may also count in the order in which they are written: `x = 1, p = 2`.
    fn values_of(&mut self, names: &[Expr], values: &[Expr]) -> bool {
        let Names::Tuple(named) = named(names) else { return false };
        self.ordered(&named, values) || written(names).is_some_and(|written| self.ordered(&written, values))
    }

    /// The items without those that are the same as one before.
    fn distinct(&mut self, items: &[Expr]) -> Vec<Expr> {
        let mut kept: Vec<Expr> = Vec::with_capacity(items.len());
        for item in items {
            if items.len() > MAX_UNORDERED || !kept.iter().any(|before| self.same(before, item)) {
                kept.push(item.clone());
            }
        }
        kept
    }

    fn ratios(&mut self, a: &[Expr], b: &[Expr]) -> bool {
        let (Some(x), Some(y)) = (a.first(), b.first()) else { return false };
        let cross = |s: &Expr, t: &Expr| Expr::Mul(vec![s.clone(), t.clone()]);
        a.len() == b.len() && a.iter().zip(b).skip(1).all(|(p, q)| self.same(&cross(p, y), &cross(q, x)))
    }

    /// `x^2 + C` and `x^2 + c`: the constant of an antiderivative in either case.
    fn constant_of_integration(&mut self, a: &Expr, b: &Expr) -> bool {
        let ends =
            |expr: &Expr, name: &str| matches!(expr, Expr::Add(items) if items.contains(&Expr::Var(name.to_owned())));
        let without = |expr: &Expr, name: &str| match expr {
            Expr::Add(items) => {
                Expr::Add(items.iter().filter(|item| **item != Expr::Var(name.to_owned())).cloned().collect())
            }
            other => other.clone(),
        };
        for (x, y) in [("C", "c"), ("c", "C")] {
            if ends(a, x) && ends(b, y) {
                return self.same(&without(a, x), &without(b, y));
            }
        }
        false
    }

    fn relation_with_value(&mut self, first: &Expr, rest: &[(Rel, Expr)], other: &Expr) -> bool {
        if let Some(value) = bound_value(first, rest) {
            let last = rest.last().map(|(_, side)| side);
            return self.same(value, other) || last.is_some_and(|last| last != value && self.same(last, other));
        }
        let set = interval(first, rest);
        set.is_some_and(|(set, _)| set == *other || self.same(&set, other))
    }

    fn relations(&mut self, a: &Expr, b: &Expr) -> bool {
        let (Expr::Relation(first_a, rest_a), Expr::Relation(first_b, rest_b)) = (a, b) else {
            return false;
        };
        if let (Some((x, name_x)), Some((y, name_y))) = (interval(first_a, rest_a), interval(first_b, rest_b))
            && name_x == name_y
        {
            return x == y || self.same(&x, &y);
        }
        if first_a == first_b
            && let (Some(x), Some(y)) = (bound_value(first_a, rest_a), bound_value(first_b, rest_b))
        {
            return self.same(x, y);
        }
        let truncated = |first: &Expr, rest: &[(Rel, Expr)]| match rest {
            [(Rel::About, side)] => Some((first.clone(), Rel::Eq, side.clone())),
            [(rel, side)] => Some((first.clone(), *rel, side.clone())),
            [.., (_, side)] if rest.iter().all(|(rel, _)| matches!(rel, Rel::Eq | Rel::About)) => {
                Some((first.clone(), Rel::Eq, side.clone()))
            }
            _ => None,
        };
        if let (Some(x), Some(y)) = (truncated(first_a, rest_a), truncated(first_b, rest_b)) {
            return self.two_sided(&x, &y) || self.two_sided(&x, &flip(&y)) || self.functions_of(&x, &y);
        }
        if rest_a.len() != rest_b.len() {
            return false;
        }
        let chain = |first: &Expr, rest: &[(Rel, Expr)]| -> (Vec<Expr>, Vec<Rel>) {
            let sides = std::iter::once(first.clone()).chain(rest.iter().map(|r| r.1.clone()));
            (sides.collect(), rest.iter().map(|r| r.0).collect())
        };
        let (sides_a, rels_a) = chain(first_a, rest_a);
        let (mut sides_b, mut rels_b) = chain(first_b, rest_b);
        if rels_a == rels_b && self.ordered(&sides_a, &sides_b) {
            return true;
        }
        sides_b.reverse();
        rels_b.reverse();
        for rel in &mut rels_b {
            *rel = mirrored(*rel);
        }
        rels_a == rels_b && self.ordered(&sides_a, &sides_b)
    }

    /// `W(n) = 1` and `W(x) = 1`: one constant function, whatever its argument is called.
    fn functions_of(&mut self, a: &(Expr, Rel, Expr), b: &(Expr, Rel, Expr)) -> bool {
        let function = |expr: &Expr| match expr {
            Expr::Mul(items) => match items.as_slice() {
                [Expr::Var(name), Expr::Var(_)] => Some(name.clone()),
                _ => None,
            },
            _ => None,
        };
        let constant = |expr: &Expr| !expr.any(&|part| matches!(part, Expr::Var(_)));
        !self.is_strict()
            && a.1 == Rel::Eq
            && b.1 == Rel::Eq
            && function(&a.0).is_some_and(|name| function(&b.0) == Some(name))
            && constant(&a.2)
            && constant(&b.2)
            && self.same(&a.2, &b.2)
    }

    fn two_sided(&mut self, a: &(Expr, Rel, Expr), b: &(Expr, Rel, Expr)) -> bool {
        if a.1 != b.1 {
            return false;
        }
        if self.same(&a.0, &b.0) && self.same(&a.2, &b.2) {
            return true;
        }
        let difference = |sides: &(Expr, Rel, Expr)| Expr::Add(vec![sides.0.clone(), sides.2.clone().neg()]);
        let all_scalar = [&a.0, &a.2, &b.0, &b.2].into_iter().all(Expr::is_scalar);
        all_scalar && proportional(&difference(a), &difference(b), a.1)
    }
}

/// Whether one of two lists names its values and the other does not.
fn is_tuple_beside_values(a: &[Expr], b: &[Expr]) -> bool {
    let relations = |items: &[Expr]| items.iter().filter(|item| matches!(item, Expr::Relation(..))).count();
    (relations(a) == 0 && matches!(named(b), Names::Tuple(_)))
        || (relations(b) == 0 && matches!(named(a), Names::Tuple(_)))
}

fn hundredth() -> Expr {
    Expr::Num { value: BigRational::new(1.into(), 100.into()), decimal: false }
}
