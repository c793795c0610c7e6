//! Whether two answers mean the same.

use crate::ast::{Expr, Rel};
use crate::exact::exact;
use crate::normal::{fold_words, is_literal_shape, squeeze, unwrap};
use crate::parser::{Parsed, parse};
use crate::points::{approx, proportional, scalars};
use crate::relation::{flip, interval, is_name, mirrored};
use num_rational::BigRational;

/// Longer answers are compared as text.
const MAX_LENGTH: usize = 4_096;
/// Leaf comparisons within one pair of answers.
const FUEL: u32 = 4_000;
/// Larger unordered collections are compared in the order given.
const MAX_UNORDERED: usize = 32;

/// Whether two answers mean the same.
///
/// Judges numbers in any spelling, LaTeX, units, tuples, intervals, sets, matrices, equations and
/// symbolic expressions; everything else is compared as words, case aside. It is reflexive and
/// symmetric, never panics and takes bounded time. It is not transitive where decimals are rounded
/// or percentages are read both ways (50% is both 0.5 and 50).
///
/// ```
/// use outthink_verify::equivalent;
///
/// assert!(equivalent("\\frac{\\sqrt{8}}{2}", "\\sqrt{2}"));
/// assert!(equivalent("x = 3", "3"));
/// assert!(equivalent("5 \\text{ cm}", "5"));
/// assert!(equivalent("(x+1)^2", "x^2 + 2x + 1"));
/// assert!(!equivalent("(1, 2]", "[1, 2]"));
/// ```
pub fn equivalent(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    if a == b {
        return true;
    }
    if let (Some(a), Some(b)) = (plain_integer(a), plain_integer(b)) {
        return a == b;
    }
    // The order of the arguments never matters.
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    if a.len() > MAX_LENGTH || b.len() > MAX_LENGTH {
        return squeeze(a) == squeeze(b);
    }
    let (a, b) = (unwrap(a), unwrap(b));
    if a == b || squeeze(a) == squeeze(b) {
        return true;
    }
    let (Some(left), Some(right)) = (read(a), read(b)) else {
        let (a, b) = (fold_words(a), fold_words(b));
        return a == b && !a.is_empty();
    };
    if let (Some(a), Some(b)) = (&left.unit, &right.unit)
        && a != b
    {
        return false;
    }
    let mut judge = Judge { fuel: FUEL };
    judge.same(&left.expr, &right.expr) || (bare_word(a) && fold_words(a) == fold_words(b))
}

/// Whether `answer` is right where `gold` is the reference answer.
///
/// As [`equivalent`], but the reference may name several accepted spellings, one a line. An empty reference
/// accepts nothing.
pub fn is_correct(answer: &str, gold: &str) -> bool {
    let mut lines = gold.lines().filter(|line| !line.trim().is_empty()).peekable();
    if gold.trim().is_empty() {
        return false;
    }
    equivalent(answer, gold) || lines.any(|line| equivalent(answer, line))
}

/// A normal form: answers with equal normal forms are equivalent, but not the other way round.
///
/// ```
/// use outthink_verify::canonical;
///
/// assert_eq!(canonical("\\frac{2}{4}"), canonical("1/2"));
/// assert_eq!(canonical("**Paris**."), "paris");
/// ```
pub fn canonical(answer: &str) -> String {
    let text = answer.trim();
    if let Some((sign, digits)) = plain_integer(text) {
        return format!("{sign}{digits}");
    }
    if text.len() > MAX_LENGTH {
        return squeeze(text);
    }
    let text = unwrap(text);
    match read(text) {
        Some(Parsed { expr, unit: None }) => match exact(&expr, &[]) {
            Some(value) if !matches!(expr, Expr::Percent(_)) => value.to_string(),
            _ => squeeze(text),
        },
        Some(_) => squeeze(text),
        None => Some(fold_words(text)).filter(|words| !words.is_empty()).unwrap_or_else(|| squeeze(text)),
    }
}

/// Sign and digits, without leading zeros, of a text that is an integer and nothing else.
fn plain_integer(text: &str) -> Option<(&str, &str)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match digits.trim_start_matches('0') {
        "" => Some(("", "0")),
        trimmed => Some((sign, trimmed)),
    }
}

/// Parses an answer; words, dates and times give nothing.
fn read(text: &str) -> Option<Parsed> {
    if is_literal_shape(text) || is_prose(text) {
        return None;
    }
    parse(text).filter(|parsed| !matches!(parsed.expr, Expr::Text(_)))
}

fn bare_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphabetic() || c == '(' || c == ')')
}

/// Whether a text is one short word that is a word rather than a product of variables.
fn is_prose(text: &str) -> bool {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    letters
        && text.len() > 1
        && crate::parser_atoms::function(text).is_none()
        && text != "pi"
        && text.bytes().any(|byte| b"eiouEIOU".contains(&byte))
}

struct Judge {
    fuel: u32,
}

impl Judge {
    fn same(&mut self, a: &Expr, b: &Expr) -> bool {
        if self.fuel == 0 {
            return false;
        }
        self.fuel -= 1;
        if a == b {
            return true;
        }
        match (a, b) {
            (Expr::Relation(..), Expr::Relation(..)) => self.relations(a, b),
            (Expr::Relation(first, rest), other) | (other, Expr::Relation(first, rest)) => {
                self.relation_with_value(first, rest, other)
            }
            (Expr::Percent(x), Expr::Percent(y)) => self.same(x, y),
            (Expr::Percent(x), y) | (y, Expr::Percent(x)) if y.is_scalar() => {
                self.same(x, y)
                    || self.same(&Expr::Mul(vec![(**x).clone(), hundredth()]), y)
                    || approx(&Expr::Mul(vec![(**x).clone(), hundredth()]), y)
            }
            (Expr::Bracket { open, close, items }, Expr::Bracket { open: open_b, close: close_b, items: items_b }) => {
                open == open_b && close == close_b && self.ordered(items, items_b)
            }
            (Expr::Bracket { open: '(', close: ')', items }, Expr::List(others))
            | (Expr::List(others), Expr::Bracket { open: '(', close: ')', items }) => self.ordered(items, others),
            (Expr::Set(x) | Expr::List(x), Expr::Set(y) | Expr::List(y))
            | (Expr::Union(x), Expr::Union(y))
            | (Expr::Intersection(x), Expr::Intersection(y)) => self.unordered(x, y),
            (Expr::Set(x), other) | (other, Expr::Set(x)) if other.is_scalar() => {
                matches!(x.as_slice(), [one] if self.same(one, other))
            }
            (Expr::Matrix(x), Expr::Matrix(y)) => {
                x.len() == y.len() && x.iter().zip(y).all(|(x, y)| self.ordered(x, y))
            }
            (Expr::Matrix(rows), Expr::Bracket { items, .. }) | (Expr::Bracket { items, .. }, Expr::Matrix(rows)) => {
                let cells: Vec<Expr> = rows.iter().flatten().cloned().collect();
                (rows.len() == 1 || cells.len() == rows.len()) && self.ordered(&cells, items)
            }
            (Expr::Text(x), Expr::Var(y)) | (Expr::Var(y), Expr::Text(x)) => x.eq_ignore_ascii_case(y),
            _ => scalars(a, b),
        }
    }

    fn ordered(&mut self, a: &[Expr], b: &[Expr]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| self.same(a, b))
    }

    fn unordered(&mut self, a: &[Expr], b: &[Expr]) -> bool {
        if a.len() != b.len() {
            return false;
        }
        if a.len() > MAX_UNORDERED {
            return self.ordered(a, b);
        }
        let mut free: Vec<&Expr> = b.iter().collect();
        a.iter().all(|item| {
            let found = free.iter().position(|other| self.same(item, other));
            found.map(|index| free.swap_remove(index)).is_some()
        })
    }

    fn relation_with_value(&mut self, first: &Expr, rest: &[(Rel, Expr)], other: &Expr) -> bool {
        let Some((_, last)) = rest.last() else { return false };
        let binds = rest.iter().all(|(rel, _)| matches!(rel, Rel::Eq | Rel::In));
        if binds && is_name(first) {
            return self.same(last, other);
        }
        let interval = interval(first, rest);
        interval.is_some_and(|interval| interval == *other || self.same(&interval, other))
    }

    fn relations(&mut self, a: &Expr, b: &Expr) -> bool {
        let (Expr::Relation(first_a, rest_a), Expr::Relation(first_b, rest_b)) = (a, b) else {
            return false;
        };
        let truncated = |first: &Expr, rest: &[(Rel, Expr)]| match rest {
            [(rel, side)] => Some((first.clone(), *rel, side.clone())),
            [.., (rel, side)] if rest.iter().all(|(rel, _)| *rel == Rel::Eq) => {
                Some((first.clone(), *rel, side.clone()))
            }
            _ => None,
        };
        if let (Some(x), Some(y)) = (truncated(first_a, rest_a), truncated(first_b, rest_b)) {
            return self.two_sided(&x, &y) || self.two_sided(&x, &flip(&y));
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

fn hundredth() -> Expr {
    Expr::Num { value: BigRational::new(1.into(), 100.into()), decimal: false }
}
