//! Exact evaluation over the rational numbers, within bounds.

use crate::ast::{Expr, Func};
use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// Numbers past this are not computed.
const MAX_BITS: u64 = 4_096;
/// Factorials and binomials of larger numbers are not computed.
const MAX_FACTORIAL: u32 = 500;

/// The exact value of an expression without variables, if it has one and it is not too large.
pub(crate) fn exact(expr: &Expr, variables: &[(String, BigRational)]) -> Option<BigRational> {
    let value = match expr {
        Expr::Num { value, .. } => value.clone(),
        Expr::Percent(inner) => exact(inner, variables)? / BigInt::from(100),
        Expr::Var(name) => variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())?,
        Expr::Add(items) => {
            let mut sum = BigRational::zero();
            for item in items {
                sum = bounded(sum + exact(item, variables)?)?;
            }
            sum
        }
        Expr::Mul(items) => {
            // Reduced once at the end: a common divisor at each step would cost more than the products.
            let (mut top, mut bottom) = (BigInt::one(), BigInt::one());
            for item in items {
                let item = exact(item, variables)?;
                top *= item.numer();
                bottom *= item.denom();
                if top.bits() > MAX_BITS || bottom.bits() > MAX_BITS {
                    return None;
                }
            }
            BigRational::new(top, bottom)
        }
        Expr::Pow(base, exponent) => power(&exact(base, variables)?, &exact(exponent, variables)?)?,
        Expr::Call(func, arguments) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                values.push(exact(argument, variables)?);
            }
            call(*func, &values)?
        }
        _ => return None,
    };
    bounded(value)
}

fn bounded(value: BigRational) -> Option<BigRational> {
    (value.numer().bits() <= MAX_BITS && value.denom().bits() <= MAX_BITS).then_some(value)
}

fn power(base: &BigRational, exponent: &BigRational) -> Option<BigRational> {
    if exponent.is_integer() {
        let exponent = exponent.to_integer();
        if base.is_zero() {
            return if exponent.is_positive() { Some(BigRational::zero()) } else { None };
        }
        if base.is_one() {
            return Some(BigRational::one());
        }
        let exponent = exponent.to_i32()?;
        let bits = base.numer().bits().max(base.denom().bits());
        if bits.saturating_mul(u64::from(exponent.unsigned_abs())) > 2 * MAX_BITS {
            return None;
        }
        return Some(base.pow(exponent));
    }
    let index = exponent.denom().to_u32().filter(|&index| index <= 64)?;
    // The real root: an odd one of a negative number is negative.
    if base.is_negative() && index.is_multiple_of(2) {
        return None;
    }
    let root = root(base, index)?;
    power(&root, &BigRational::from_integer(exponent.numer().clone()))
}

/// The exact root, where there is one.
fn root(value: &BigRational, index: u32) -> Option<BigRational> {
    if index == 0 || (value.is_negative() && index.is_multiple_of(2)) {
        return None;
    }
    let of = |number: &BigInt| {
        let root = number.nth_root(index);
        (num_traits::pow(root.clone(), index as usize) == *number).then_some(root)
    };
    Some(BigRational::new(of(value.numer())?, of(value.denom())?))
}

fn call(func: Func, values: &[BigRational]) -> Option<BigRational> {
    let first = values.first()?;
    match func {
        Func::Abs => Some(first.abs()),
        Func::Floor => Some(first.floor()),
        Func::Ceil => Some(first.ceil()),
        Func::Root => {
            let index = values.get(1).filter(|index| index.is_integer())?;
            root(first, index.to_integer().to_u32().filter(|&n| n <= 64)?)
        }
        Func::Factorial => factorial(first),
        Func::DoubleFactorial => {
            let product: BigInt = (1..=small(first)?).rev().step_by(2).map(BigInt::from).product();
            Some(BigRational::from_integer(product))
        }
        Func::Binomial => binomial(first, values.get(1)?),
        Func::Max => values.iter().max().cloned(),
        Func::Min => values.iter().min().cloned(),
        Func::Mod => {
            let modulus = values.get(1).filter(|modulus| modulus.is_positive())?;
            Some(first - modulus * (first / modulus).floor())
        }
        Func::Log => logarithm(first, values.get(1)?),
        Func::Gcd => fold(values, Integer::gcd),
        Func::Lcm => fold(values, Integer::lcm),
        _ => None,
    }
}

fn fold(values: &[BigRational], with: impl Fn(&BigInt, &BigInt) -> BigInt) -> Option<BigRational> {
    let mut result: Option<BigInt> = None;
    for value in values {
        if !value.is_integer() {
            return None;
        }
        let value = value.to_integer();
        result = Some(match result {
            None => value,
            Some(before) => with(&before, &value),
        });
        if result.as_ref()?.bits() > MAX_BITS {
            return None;
        }
    }
    result.map(BigRational::from_integer)
}

fn small(value: &BigRational) -> Option<u32> {
    if !value.is_integer() {
        return None;
    }
    value.to_integer().to_u32().filter(|&n| n <= MAX_FACTORIAL)
}

fn factorial(value: &BigRational) -> Option<BigRational> {
    let product: BigInt = (1..=small(value)?).map(BigInt::from).product();
    Some(BigRational::from_integer(product))
}

fn binomial(n: &BigRational, k: &BigRational) -> Option<BigRational> {
    let (n, k) = (small(n)?, small(k)?);
    if k > n {
        return Some(BigRational::zero());
    }
    let value = num_integer::binomial(BigInt::from(n), BigInt::from(k));
    Some(BigRational::from_integer(value))
}

/// The exact logarithm, where it is a whole number.
fn logarithm(value: &BigRational, base: &BigRational) -> Option<BigRational> {
    if !value.is_positive() || !base.is_positive() || base.is_one() {
        return None;
    }
    let guess = value.to_f64()?.ln() / base.to_f64()?.ln();
    let guess = guess.is_finite().then(|| guess.round())?.to_i64().filter(|n| n.abs() <= 1_024)?;
    let whole = BigRational::from_integer(guess.into());
    (power(base, &whole)? == *value).then_some(whole)
}
