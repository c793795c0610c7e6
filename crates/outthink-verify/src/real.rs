//! Evaluation over the real numbers with a bound on the error, so that "different" is a proof and "equal within
//! the error" is told from it.

use crate::ast::{Expr, Func};
use num_traits::ToPrimitive;

/// A real number that lies within `err` of `mid`; `mid` is not a number where the value is undefined or unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ball {
    pub(crate) mid: f64,
    pub(crate) err: f64,
}

/// Relative error of one operation, with slack for the functions of the system's library.
const STEP: f64 = 4.0 * f64::EPSILON;

impl Ball {
    pub(crate) const UNKNOWN: Ball = Ball { mid: f64::NAN, err: f64::INFINITY };

    fn exact(mid: f64) -> Self {
        Ball { mid, err: 0.0 }
    }

    /// Nothing is known of a value that is too small for a double.
    fn unless_lost(self, from: &[Ball]) -> Self {
        if self.mid.abs() < f64::MIN_POSITIVE && from.iter().all(|ball| ball.mid != 0.0) { Self::UNKNOWN } else { self }
    }

    fn new(mid: f64, err: f64) -> Self {
        if mid.is_finite() && err.is_finite() { Ball { mid, err: err + mid.abs() * STEP } } else { Self::UNKNOWN }
    }

    pub(crate) fn is_known(self) -> bool {
        self.mid.is_finite() && self.err.is_finite()
    }

    fn low(self) -> f64 {
        self.mid - self.err
    }

    fn high(self) -> f64 {
        self.mid + self.err
    }

    /// Whether the two cannot be the same number.
    pub(crate) fn differs(self, other: Ball) -> bool {
        (self.mid - other.mid).abs() > self.err + other.err
    }

    /// Whether the error is small enough for agreement to mean something.
    pub(crate) fn is_sharp(self, other: Ball) -> bool {
        self.err + other.err <= 1e-9 * self.mid.abs().max(other.mid.abs()) + 1e-13
    }

    fn add(self, other: Ball) -> Ball {
        Ball::new(self.mid + other.mid, self.err + other.err + (self.mid.abs() + other.mid.abs()) * f64::EPSILON)
    }

    fn mul(self, other: Ball) -> Ball {
        let err = self.mid.abs() * other.err + other.mid.abs() * self.err + self.err * other.err;
        Ball::new(self.mid * other.mid, err).unless_lost(&[self, other])
    }

    fn recip(self) -> Ball {
        if self.mid.abs() <= self.err {
            return Self::UNKNOWN;
        }
        Ball::new(1.0 / self.mid, self.err / (self.mid.abs() * (self.mid.abs() - self.err)))
    }

    /// A function on an interval on which it is monotonic.
    fn monotonic(self, f: impl Fn(f64) -> f64) -> Ball {
        let (low, mid, high) = (f(self.low()), f(self.mid), f(self.high()));
        Ball::new(mid, (low - mid).abs().max((high - mid).abs()))
    }

    /// A function whose slope is at most one.
    fn gentle(self, f: impl Fn(f64) -> f64) -> Ball {
        // The reduction of a large argument costs as much as the argument is large.
        Ball::new(f(self.mid), self.err + self.mid.abs() * f64::EPSILON + f64::EPSILON)
    }

    fn stepped(self, f: impl Fn(f64) -> f64) -> Ball {
        let (low, high) = (f(self.low()), f(self.high()));
        if low == high { Ball::exact(low) } else { Self::UNKNOWN }
    }

    /// A power with a whole exponent.
    fn whole_power(self, n: i64) -> Ball {
        let power = |x: f64| x.powi(i32::try_from(n.unsigned_abs()).unwrap_or(i32::MAX));
        let err = (power(self.mid.abs() + self.err) - power(self.mid.abs())).abs();
        let value = Ball::new(power(self.mid), err + power(self.mid).abs() * STEP * 2.0).unless_lost(&[self]);
        if n < 0 { value.recip() } else { value }
    }

    /// `self` to the power of a fraction `p/q` in lowest terms: real roots, also of negative numbers where q is odd.
    fn fraction_power(self, p: i64, q: i64) -> Ball {
        if q == 1 {
            return self.whole_power(p);
        }
        let sign = if self.mid < 0.0 { -1.0 } else { 1.0 };
        let size = Ball { mid: self.mid.abs(), err: self.err };
        if (sign < 0.0 && q % 2 == 0 && self.high() < 0.0) || size.mid < size.err && p < 0 {
            return Self::UNKNOWN;
        }
        let exponent = p as f64 / q as f64;
        let f = |x: f64| x.max(0.0).powf(exponent);
        let root = Ball { mid: f(size.mid), err: 0.0 };
        let err = (f(size.high()) - root.mid).abs().max((f(size.low()) - root.mid).abs());
        let negative = sign < 0.0 && p % 2 != 0 && q % 2 != 0;
        Ball::new(if negative { -root.mid } else { root.mid }, err).unless_lost(&[self])
    }

    fn power(self, exponent: Ball) -> Ball {
        if exponent.err == 0.0 && exponent.mid.fract() == 0.0 && exponent.mid.abs() < 1e6 {
            return self.whole_power(exponent.mid as i64);
        }
        if self.low() <= 0.0 {
            return Self::UNKNOWN;
        }
        exponent.mul(self.monotonic(f64::ln)).monotonic(f64::exp).unless_lost(&[])
    }
}

/// The real value of an expression where `value_of` gives the variables.
pub(crate) fn evaluate(expr: &Expr, value_of: &dyn Fn(&str) -> f64) -> Ball {
    match expr {
        Expr::Num { value, .. } => {
            let mid = value.to_f64().unwrap_or(f64::NAN);
            if value.is_integer() && mid.abs() < 9e15 { Ball::exact(mid) } else { Ball::new(mid, 0.0) }
        }
        Expr::Percent(inner) => evaluate(inner, value_of).mul(Ball::new(0.01, 0.0)),
        Expr::Pi => Ball::new(std::f64::consts::PI, 0.0),
        Expr::E => Ball::new(std::f64::consts::E, 0.0),
        Expr::Var(name) => Ball::exact(value_of(name)),
        Expr::Add(items) => items.iter().fold(Ball::exact(0.0), |sum, item| sum.add(evaluate(item, value_of))),
        Expr::Mul(items) => items.iter().fold(Ball::exact(1.0), |product, item| product.mul(evaluate(item, value_of))),
        Expr::Pow(base, exponent) => {
            let base_value = evaluate(base, value_of);
            if let Some(exponent) = crate::exact::exact(exponent, &[])
                && let (Some(p), Some(q)) = (exponent.numer().to_i64(), exponent.denom().to_i64())
                && p.abs() < 1_000_000
                && q < 1_000
            {
                return base_value.fraction_power(p, q);
            }
            if **base == Expr::E {
                return evaluate(exponent, value_of).monotonic(f64::exp).unless_lost(&[]);
            }
            base_value.power(evaluate(exponent, value_of))
        }
        Expr::Call(func, arguments) => {
            let values: Vec<Ball> = arguments.iter().map(|argument| evaluate(argument, value_of)).collect();
            call(*func, &values)
        }
        _ => Ball::UNKNOWN,
    }
}

fn call(func: Func, values: &[Ball]) -> Ball {
    let first = values.first().copied().unwrap_or(Ball::UNKNOWN);
    let second = values.get(1).copied().unwrap_or(Ball::UNKNOWN);
    if values.iter().any(|value| !value.is_known()) {
        return Ball::UNKNOWN;
    }
    let within = |low: f64, high: f64| if first.mid < low || first.mid > high { Ball::UNKNOWN } else { first };
    let clamped = |f: fn(f64) -> f64| within(-1.0, 1.0).monotonic(move |x| f(x.clamp(-1.0, 1.0)));
    let ln = |x: Ball| if x.low() > 0.0 { x.monotonic(f64::ln) } else { Ball::UNKNOWN };
    let pick = |f: fn(f64, f64) -> f64| {
        values
            .iter()
            .skip(1)
            .fold(first, |best, value| Ball { mid: f(best.mid, value.mid), err: best.err.max(value.err) })
    };
    match func {
        Func::Sin => first.gentle(f64::sin),
        Func::Cos => first.gentle(f64::cos),
        Func::Tan => first.gentle(f64::sin).mul(first.gentle(f64::cos).recip()),
        Func::Cot => first.gentle(f64::cos).mul(first.gentle(f64::sin).recip()),
        Func::Sec => first.gentle(f64::cos).recip(),
        Func::Csc => first.gentle(f64::sin).recip(),
        Func::Asin => clamped(f64::asin),
        Func::Acos => clamped(f64::acos),
        Func::Atan => first.gentle(f64::atan),
        Func::Sinh => first.monotonic(f64::sinh),
        Func::Cosh => Ball { mid: first.mid.abs(), err: first.err }.monotonic(f64::cosh),
        Func::Tanh => first.gentle(f64::tanh),
        Func::Exp => first.monotonic(f64::exp).unless_lost(&[]),
        Func::Ln => ln(first),
        Func::Log => ln(first).mul(ln(second).recip()),
        Func::Abs => Ball { mid: first.mid.abs(), err: first.err },
        Func::Floor => first.stepped(f64::floor),
        Func::Ceil => first.stepped(f64::ceil),
        Func::Root => {
            if second.err == 0.0 && second.mid.fract() == 0.0 && (1.0..1_000.0).contains(&second.mid) {
                first.fraction_power(1, second.mid as i64)
            } else {
                first.power(second.recip())
            }
        }
        Func::Factorial => factorial(first),
        Func::Binomial => {
            let below = factorial(second).mul(factorial(first.add(Ball::exact(-1.0).mul(second))));
            factorial(first).mul(below.recip())
        }
        Func::Max => pick(f64::max),
        Func::Min => pick(f64::min),
        Func::Gcd
        | Func::Lcm
        | Func::DoubleFactorial
        | Func::Mod
        | Func::Residue
        | Func::Sum
        | Func::Product
        | Func::Integral => Ball::UNKNOWN,
    }
}

/// The gamma function at `x + 1` by the series of Lanczos, g = 7, n = 9; its error is about 1e-13.
fn factorial(x: Ball) -> Ball {
    let value = crate::eval::gamma_after(x.mid);
    Ball::new(value, value.abs() * (x.err * 8.0 + 1e-13))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, x: f64) -> Ball {
        evaluate(&crate::parser::parse(text).unwrap().expr, &|_| x)
    }

    #[test]
    fn what_is_different_is_told_from_what_is_not_known() {
        assert!(!value("\\sqrt{2}\\sqrt{2}", 0.0).differs(value("2", 0.0)));
        assert!(value("e^{-50}", 0.0).differs(value("0", 0.0)));
        assert!(value("|x-5|", 8.0).differs(value("5-x", 8.0)));
        assert!((value("x^{2/3}", -8.0).mid - 4.0).abs() < 1e-9);
        assert!(!value("\\sqrt{x}", -8.0).is_known());
        assert!(!value("\\lfloor \\log_2 8 \\rfloor", 0.0).is_known());
        assert_eq!(value("\\lfloor \\sqrt{8} \\rfloor", 0.0).mid, 2.0);
    }
}
