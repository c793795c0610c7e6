//! Parts of an expression that have a value of their own: finite sums, integrals of polynomials, functions in
//! pieces of constants. Each answer is folded alone, before it is compared, so that `3!!`, `\lfloor\pi\rfloor` and
//! `3` are one number before anything is held against them.

use crate::ast::{Expr, Func};
use crate::exact::exact;
use crate::real::evaluate;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// Terms of a sum of numbers, and of one that is written out with variables.
const MOST_TERMS: i64 = 1_000;
const MOST_WRITTEN: i64 = 24;
/// Parts of a term, over all terms.
const MOST_PARTS: usize = 20_000;
/// Degree of a polynomial that is summed or integrated.
const MOST_DEGREE: usize = 12;

fn number(value: BigRational) -> Expr {
    Expr::Num { value, decimal: false }
}

/// The same value in a form in which what can be computed is.
pub(crate) fn folded(expr: Expr) -> Expr {
    if expr.any(&|part| matches!(part, Expr::Call(..) | Expr::Pow(..))) { fold(&expr) } else { expr }
}

fn fold(expr: &Expr) -> Expr {
    let inner = match expr {
        Expr::Call(func @ (Func::Sum | Func::Product | Func::Integral), items) => {
            // The index is no part to fold.
            return series(*func, items).unwrap_or_else(|| expr.clone());
        }
        Expr::Call(func, items) => Expr::Call(*func, items.iter().map(fold).collect()),
        Expr::Pow(base, exponent) => Expr::Pow(Box::new(fold(base)), Box::new(fold(exponent))),
        leaf if leaf.children().is_empty() => return leaf.clone(),
        // One level down: what is found there is folded with all that is in it.
        other => return other.map(&|part| (!std::ptr::eq(part, other)).then(|| fold(part))),
    };
    match &inner {
        Expr::Call(func, items) => call(*func, items),
        Expr::Pow(base, exponent) => even_root(base, &exact(exponent, &[]).unwrap_or_default()),
        _ => None,
    }
    .unwrap_or(inner)
}

fn varies(expr: &Expr) -> bool {
    expr.any(&|part| matches!(part, Expr::Var(_) | Expr::Text(_)))
}

fn call(func: Func, items: &[Expr]) -> Option<Expr> {
    let first = items.first()?;
    let constant = !items.iter().any(varies);
    let whole = Expr::Call(func, items.to_vec());
    match func {
        Func::Residue => {
            let (value, modulus) = (exact(first, &[])?, exact(items.get(1)?, &[])?);
            let rest = exact(&Expr::Call(Func::Mod, vec![number(value), number(modulus.clone())]), &[])?;
            Some(Expr::Call(func, vec![number(rest), number(modulus)]))
        }
        Func::Root => {
            let index = exact(items.get(1)?, &[]).filter(|index| !index.is_zero())?;
            even_root(first, &index.recip())
        }
        Func::Ln | Func::Log => match first {
            // ln x^2 is 2 ln |x|, not 2 ln x.
            Expr::Pow(base, exponent) if varies(base) => {
                let even = exact(exponent, &[]).filter(|n| n.is_integer() && (n / BigInt::from(2)).is_integer())?;
                let mut items = items.to_vec();
                *items.first_mut()? = Expr::Call(Func::Abs, vec![(**base).clone()]);
                Some(Expr::Mul(vec![number(even), Expr::Call(func, items)]))
            }
            _ => None,
        },
        Func::Max | Func::Min => extreme(func, items),
        Func::Floor | Func::Ceil | Func::Abs | Func::DoubleFactorial | Func::Gcd | Func::Lcm | Func::Mod
            if constant =>
        {
            if let Some(value) = exact(&whole, &[]) {
                return Some(number(value));
            }
            let ball = evaluate(if func == Func::Abs { first } else { &whole }, &|_| f64::NAN);
            match func {
                Func::Abs if first.any(&|part| *part == Expr::I) => {
                    let (re, im) = gaussian(first)?;
                    let square = &re * &re + &im * &im;
                    Some(Expr::Call(Func::Root, vec![number(square), Expr::int(2)]))
                }
                Func::Abs if ball.is_known() && ball.mid.abs() > ball.err => {
                    Some(if ball.mid > 0.0 { first.clone() } else { first.clone().neg() })
                }
                Func::Floor | Func::Ceil if ball.is_known() && ball.mid.abs() < 1e15 => {
                    BigRational::from_float(ball.mid).map(number)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `(u^2)^{1/2}` is `|u|`, `(u^4)^{1/2}` is `u^2`.
fn even_root(base: &Expr, exponent: &BigRational) -> Option<Expr> {
    let Expr::Pow(inner, power) = base else { return None };
    let power = exact(power, &[])?;
    let half = &power * exponent;
    let even = |n: &BigRational| n.is_integer() && (n / BigInt::from(2)).is_integer();
    if !varies(inner) || !even(&power) || !half.is_integer() || exponent.is_integer() {
        return None;
    }
    let base = if even(&half) { (**inner).clone() } else { Expr::Call(Func::Abs, vec![(**inner).clone()]) };
    Some(if half.is_one() { base } else { Expr::Pow(Box::new(base), Box::new(number(half))) })
}

/// A maximum or minimum without the constants that another constant outdoes.
fn extreme(func: Func, items: &[Expr]) -> Option<Expr> {
    let mut best: Option<Expr> = None;
    let mut kept: Vec<Expr> = Vec::new();
    for item in items {
        if varies(item) {
            if !kept.contains(item) {
                kept.push(item.clone());
            }
            continue;
        }
        best = Some(match best {
            None => item.clone(),
            Some(before) => {
                let larger = order(&before, item)?.is_lt();
                if larger == (func == Func::Max) { item.clone() } else { before }
            }
        });
    }
    kept.extend(best);
    match kept.len() {
        1 => kept.pop(),
        n if n < items.len() => Some(Expr::Call(func, kept)),
        _ => None,
    }
}

/// Which of two constants is larger, where that is known.
pub(crate) fn order(a: &Expr, b: &Expr) -> Option<std::cmp::Ordering> {
    if a == b {
        return Some(std::cmp::Ordering::Equal);
    }
    let sign = |expr: &Expr| match expr {
        Expr::Infinity => Some(1),
        Expr::Mul(items) if items.contains(&Expr::Infinity) => Some(-1),
        _ => None,
    };
    match (sign(a), sign(b)) {
        (None, None) => {}
        (x, y) => return Some(x.unwrap_or(0).cmp(&y.unwrap_or(0))),
    }
    if let (Some(x), Some(y)) = (exact(a, &[]), exact(b, &[])) {
        return Some(x.cmp(&y));
    }
    let (x, y) = (evaluate(a, &|_| f64::NAN), evaluate(b, &|_| f64::NAN));
    if x.is_known() && y.is_known() && x.differs(y) {
        return x.mid.partial_cmp(&y.mid);
    }
    crate::poly::decide(a, b)?.then_some(std::cmp::Ordering::Equal)
}

/// Real and imaginary part of a constant with exact parts.
fn gaussian(expr: &Expr) -> Option<(BigRational, BigRational)> {
    let zero = BigRational::zero;
    match expr {
        Expr::I => Some((zero(), BigRational::one())),
        Expr::Add(items) => items.iter().try_fold((zero(), zero()), |sum, item| {
            let item = gaussian(item)?;
            Some((sum.0 + item.0, sum.1 + item.1))
        }),
        Expr::Mul(items) => items.iter().try_fold((BigRational::one(), zero()), |product, item| {
            let item = gaussian(item)?;
            Some((&product.0 * &item.0 - &product.1 * &item.1, &product.0 * &item.1 + &product.1 * &item.0))
        }),
        other => Some((exact(other, &[])?, zero())),
    }
}

/// The coefficients of a polynomial in one name with rational coefficients, the constant first.
fn coefficients(expr: &Expr, name: &str) -> Option<Vec<BigRational>> {
    let bounded = |c: Vec<BigRational>| (c.len() <= MOST_DEGREE + 1).then_some(c);
    let times = |a: &[BigRational], b: &[BigRational]| {
        let mut out = vec![BigRational::zero(); a.len() + b.len() - 1];
        for (i, x) in a.iter().enumerate() {
            for (j, y) in b.iter().enumerate() {
                out[i + j] += x * y;
            }
        }
        bounded(out)
    };
    match expr {
        Expr::Var(other) if other == name => Some(vec![BigRational::zero(), BigRational::one()]),
        Expr::Add(items) => items.iter().try_fold(vec![BigRational::zero()], |mut sum, item| {
            let item = coefficients(item, name)?;
            sum.resize(sum.len().max(item.len()), BigRational::zero());
            sum.iter_mut().zip(item).for_each(|(sum, c)| *sum += c);
            Some(sum)
        }),
        Expr::Mul(items) => {
            items.iter().try_fold(vec![BigRational::one()], |product, item| times(&product, &coefficients(item, name)?))
        }
        Expr::Pow(base, exponent) if varies(base) => {
            let n = exact(exponent, &[])?.to_integer().to_usize().filter(|&n| n <= MOST_DEGREE)?;
            if exact(exponent, &[])? != BigRational::from_integer(n.into()) {
                return None;
            }
            let base = coefficients(base, name)?;
            (0..n).try_fold(vec![BigRational::one()], |product, _| times(&product, &base))
        }
        other => Some(vec![exact(other, &[])?]),
    }
}

fn series(func: Func, items: &[Expr]) -> Option<Expr> {
    let [body, Expr::Var(index), from, to] = items else { return None };
    let body = fold(body);
    if func == Func::Integral {
        return integral(&coefficients(&body, index)?, from, to);
    }
    let whole = |expr: &Expr| exact(expr, &[]).filter(BigRational::is_integer)?.to_integer().to_i64();
    let first = whole(from)?;
    let value_at = |k: i64| exact(&body, &[(index.clone(), BigRational::from_integer(k.into()))]);
    if let Some(last) = whole(to) {
        let terms = last.checked_sub(first)?.checked_add(1).filter(|n| (0..=MOST_TERMS).contains(n))?;
        let mut parts = 0;
        count(&body, &mut parts);
        if parts.saturating_mul(usize::try_from(terms).ok()?) > MOST_PARTS {
            return None;
        }
        let mut names = Vec::new();
        body.variables(&mut names);
        if names.iter().any(|name| name != index) || terms <= 1 {
            let at = |k: i64| body.map(&|part| (*part == Expr::Var(index.clone())).then(|| Expr::int(k)));
            let all: Vec<Expr> = (first..=last).take_while(|_| terms <= MOST_WRITTEN).map(at).collect();
            return match (all.is_empty(), func) {
                (true, _) if terms > 0 => None,
                (true, Func::Sum) => Some(Expr::int(0)),
                (true, _) => Some(Expr::int(1)),
                (false, Func::Sum) => Some(Expr::Add(all)),
                (false, _) => Some(Expr::Mul(all)),
            };
        }
        let mut value = if func == Func::Sum { BigRational::zero() } else { BigRational::one() };
        for k in first..=last {
            let term = value_at(k)?;
            value = if func == Func::Sum { value + term } else { value * term };
            if value.numer().bits().max(value.denom().bits()) > 4_096 {
                return None;
            }
        }
        return Some(number(value));
    }
    if func != Func::Sum {
        return None;
    }
    if *to == Expr::Infinity {
        let (start, next) = (value_at(first)?, value_at(first.checked_add(1)?)?);
        let ratio = if start.is_zero() { return None } else { next / &start };
        let shrinks = ratio.abs() < BigRational::one();
        return (shrinks && is_geometric(&body, index)).then(|| number(start / (BigRational::one() - ratio)));
    }
    // Newton: the sum of f from a on over m terms is the sum of the differences of f at a times m over j + 1.
    let degree = coefficients(&body, index)?.len() - 1;
    let mut row =
        (0..=degree).map(|i| value_at(first.checked_add(i64::try_from(i).ok()?)?)).collect::<Option<Vec<_>>>()?;
    let terms = Expr::Add(vec![to.clone(), Expr::int(1), Expr::int(first.checked_neg()?)]);
    let mut sum = Vec::new();
    let mut binomial = vec![];
    for j in 0..=i64::try_from(degree).ok()? {
        let factor = Expr::Add(vec![terms.clone(), Expr::int(-j)]);
        binomial.push(Expr::Mul(vec![factor, number(BigRational::new(1.into(), (j + 1).into()))]));
        let mut part = vec![number(row.first()?.clone())];
        part.extend(binomial.iter().cloned());
        sum.push(Expr::Mul(part));
        row = row.windows(2).map(|pair| &pair[1] - &pair[0]).collect();
    }
    Some(Expr::Add(sum))
}

fn count(expr: &Expr, parts: &mut usize) {
    *parts += 1;
    for child in expr.children() {
        count(child, parts);
    }
}

/// Whether a term is a constant times constants to a power that is linear in the index.
fn is_geometric(term: &Expr, index: &str) -> bool {
    match term {
        Expr::Mul(items) => items.iter().all(|item| is_geometric(item, index)),
        Expr::Pow(base, exponent) if !varies(base) => {
            coefficients(exponent, index).is_some_and(|exponent| exponent.len() <= 2)
        }
        Expr::Pow(base, exponent) => is_geometric(base, index) && !varies(exponent),
        other => !varies(other),
    }
}

fn integral(integrand: &[BigRational], from: &Expr, to: &Expr) -> Option<Expr> {
    if *from == Expr::Infinity || *to == Expr::Infinity {
        return None;
    }
    let term = |at: &Expr, sign: i64| {
        let terms = integrand.iter().enumerate().filter(|(_, c)| !c.is_zero()).map(|(n, c)| {
            let up = i64::try_from(n).unwrap_or_default() + 1;
            let c = c * BigRational::new(sign.into(), up.into());
            Expr::Mul(vec![number(c), Expr::Pow(Box::new(at.clone()), Box::new(Expr::int(up)))])
        });
        terms.collect::<Vec<_>>()
    };
    Some(Expr::Add(term(to, 1).into_iter().chain(term(from, -1)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_value_is_computed() {
        for (text, value) in [
            ("\\sum_{k=1}^{10} k", 55),
            ("\\sum_{i=1}^{3} i^2", 14),
            ("\\prod_{k=1}^5 k", 120),
            ("\\sum_{k=0}^{\\infty} \\frac{1}{2^k}", 2),
            ("\\int_0^2 3x^2 dx", 8),
            ("3!!", 3),
            ("\\lfloor\\pi\\rfloor", 3),
            ("17 \\bmod 5", 2),
            ("\\max(1, \\sqrt{2}, \\pi - 1) - \\pi", -1),
        ] {
            let expr = folded(crate::parser::parse(text).expect(text).expr);
            let same = crate::points::scalars(&expr, &Expr::int(value), false) == crate::points::Same::Yes;
            assert!(same, "{text} {expr:?}");
        }
    }
}
