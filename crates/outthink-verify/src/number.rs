//! Exact numbers from their digits.

use crate::ast::Expr;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};

/// Powers of ten past this are not computed.
const MAX_EXPONENT: i64 = 1_200;

/// The number that the lexer's text means; nothing if it is too large.
pub(crate) fn parse_number(text: &str) -> Option<Expr> {
    if text.len() <= 18
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(whole) = text.parse::<u64>()
    {
        return Some(Expr::Num { value: BigRational::from_integer(whole.into()), decimal: false });
    }
    if let Some((before, period)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        return repeating(before, period);
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let value: BigInt = if digits.is_empty() {
        return None;
    } else {
        digits.parse().ok()?
    };
    let shift = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    if exponent.abs() > MAX_EXPONENT {
        return None;
    }
    let power = num_traits::pow(BigInt::from(10), usize::try_from(shift.unsigned_abs()).ok()?);
    let value = if shift >= 0 { BigRational::from_integer(value * power) } else { BigRational::new(value, power) };
    Some(Expr::Num { value, decimal: !fraction.is_empty() || exponent < 0 })
}

/// `0.1(6)`: the digits in brackets without end.
fn repeating(before: &str, period: &str) -> Option<Expr> {
    let (whole, places) = before.split_once('.')?;
    if whole.len() + places.len() + period.len() > 64 {
        return None;
    }
    let (head, all): (BigInt, BigInt) =
        (format!("{whole}{places}").parse().ok()?, format!("{whole}{places}{period}").parse().ok()?);
    let ten = |n: usize| num_traits::pow(BigInt::from(10), n);
    let value = BigRational::new(all - head, ten(places.len()) * (ten(period.len()) - BigInt::one()));
    Some(Expr::Num { value, decimal: false })
}

/// The whole number that digits and letters are in a base.
pub(crate) fn in_base(digits: &str, base: &Expr) -> Option<Expr> {
    let Expr::Num { value, .. } = base else { return None };
    let base = u32::try_from(value.to_integer()).ok().filter(|base| value.is_integer() && (2..=36).contains(base))?;
    if digits.is_empty() || digits.len() > 256 {
        return None;
    }
    let value = digits.chars().try_fold(BigInt::zero(), |value, c| Some(value * base + c.to_digit(base)?))?;
    Some(Expr::Num { value: BigRational::from_integer(value), decimal: false })
}

/// The value of a number that was not written as a decimal.
pub(crate) fn as_fraction(expr: &Expr) -> Option<BigRational> {
    match expr {
        Expr::Num { value, decimal: false } => Some(value.clone()),
        _ => None,
    }
}

/// The number times a million, rounded half away from zero.
pub(crate) fn round_six(value: &BigRational) -> BigInt {
    (value * BigInt::from(1_000_000)).round().to_integer()
}

/// Whether a number is a decimal of at most twelve places.
pub(crate) fn terminates(value: &BigRational) -> bool {
    let places = num_traits::pow(BigInt::from(10), 12);
    (places % value.denom()).is_zero()
}

/// Whether a decimal and another number are the same to six places.
///
/// Numbers below a thousandth must agree to three digits as well: `0.0000001` is not 0.
pub(crate) fn decimal_eq(a: &BigRational, b: &BigRational) -> bool {
    if a == b {
        return true;
    }
    if round_six(a) != round_six(b) {
        return false;
    }
    let zero = BigRational::zero();
    let positive = |x: &BigRational| if *x < zero { -x.clone() } else { x.clone() };
    let (a, b) = (positive(a), positive(b));
    let larger = if a > b { a.clone() } else { b.clone() };
    let thousand = BigRational::from_integer(1_000.into());
    let apart = positive(&(a - b));
    &larger * &thousand >= BigRational::one() || apart * thousand < larger
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> BigRational {
        match parse_number(text) {
            Some(Expr::Num { value, .. }) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn digits_become_exact_numbers() {
        assert_eq!(value("1.50"), BigRational::new(3.into(), 2.into()));
        assert_eq!(value("1.2e3"), BigRational::from_integer(1200.into()));
        assert_eq!(value("5e-1"), value("0.5"));
        assert_eq!(parse_number("1e999999999"), None);
        assert_eq!(parse_number("1e99999999999999999999"), None);
    }

    #[test]
    fn decimals_agree_to_six_places() {
        assert!(decimal_eq(&value("0.333333"), &BigRational::new(1.into(), 3.into())));
        assert!(!decimal_eq(&value("0.3333"), &BigRational::new(1.into(), 3.into())));
        assert!(!decimal_eq(&value("0.0000001"), &value("0.0000002")));
    }
}
