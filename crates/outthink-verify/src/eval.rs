//! Numeric evaluation in double precision.

use crate::ast::{Expr, Func};
use crate::complex::Complex;
use num_traits::ToPrimitive;

/// The value of an expression where `value_of` gives the variables; not finite where undefined.
pub(crate) fn evaluate(expr: &Expr, value_of: &dyn Fn(&str) -> f64) -> Complex {
    match expr {
        Expr::Num { value, .. } => Complex::real(value.to_f64().unwrap_or(f64::NAN)),
        Expr::Percent(inner) => evaluate(inner, value_of) * Complex::real(0.01),
        Expr::Quantity(inner, _) => evaluate(inner, value_of),
        Expr::Pi => Complex::real(std::f64::consts::PI),
        Expr::E => Complex::real(std::f64::consts::E),
        Expr::I => Complex::I,
        Expr::Infinity => Complex::real(f64::INFINITY),
        Expr::Var(name) => Complex::real(value_of(name)),
        Expr::Add(items) => items.iter().fold(Complex::real(0.0), |sum, item| sum + evaluate(item, value_of)),
        Expr::Mul(items) => items.iter().fold(Complex::real(1.0), |product, item| product * evaluate(item, value_of)),
        Expr::Pow(base, exponent) => {
            let exponent = evaluate(exponent, value_of);
            if **base == Expr::E {
                return exponent.exp();
            }
            evaluate(base, value_of).pow(exponent)
        }
        Expr::Call(func, arguments) => {
            let values: Vec<Complex> = arguments.iter().map(|argument| evaluate(argument, value_of)).collect();
            call(*func, &values)
        }
        _ => Complex::NAN,
    }
}

fn call(func: Func, values: &[Complex]) -> Complex {
    let first = values.first().copied().unwrap_or(Complex::NAN);
    let second = values.get(1).copied().unwrap_or(Complex::NAN);
    let real = |f: fn(f64) -> f64| {
        if first.is_real() { Complex::real(f(first.re)) } else { Complex::NAN }
    };
    let pick = |f: fn(f64, f64) -> f64| {
        values.iter().skip(1).fold(first, |best, value| {
            if best.is_real() && value.is_real() { Complex::real(f(best.re, value.re)) } else { Complex::NAN }
        })
    };
    match func {
        Func::Sin => first.sin(),
        Func::Cos => first.cos(),
        Func::Tan => first.sin() * first.cos().recip(),
        Func::Cot => first.cos() * first.sin().recip(),
        Func::Sec => first.cos().recip(),
        Func::Csc => first.sin().recip(),
        Func::Asin => real(f64::asin),
        Func::Acos => real(f64::acos),
        Func::Atan => real(f64::atan),
        Func::Sinh => real(f64::sinh),
        Func::Cosh => real(f64::cosh),
        Func::Tanh => real(f64::tanh),
        Func::Exp => first.exp(),
        Func::Ln => first.ln(),
        Func::Log => first.ln() * second.ln().recip(),
        Func::Abs => Complex::real(first.abs()),
        Func::Floor => real(f64::floor),
        Func::Ceil => real(f64::ceil),
        Func::Root => {
            let odd = second.is_real() && second.re.rem_euclid(2.0) == 1.0;
            if odd && first.is_real() && first.re < 0.0 {
                let root = Complex::real(-first.re).pow(second.recip());
                Complex::real(-root.re)
            } else {
                first.pow(second.recip())
            }
        }
        Func::Factorial => real(gamma_after),
        Func::Binomial => {
            if first.is_real() && second.is_real() {
                let below = first.re - second.re;
                Complex::real(gamma_after(first.re) / (gamma_after(second.re) * gamma_after(below)))
            } else {
                Complex::NAN
            }
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
        | Func::Integral => Complex::NAN,
    }
}

/// The gamma function at `x + 1` by the series of Lanczos, g = 7, n = 9.
pub(crate) fn gamma_after(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if !(0.0..=170.0).contains(&x) {
        return f64::NAN;
    }
    let mut sum = 0.999_999_999_999_809_9;
    let mut divisor = x;
    for coefficient in COEFFICIENTS {
        divisor += 1.0;
        sum += coefficient / divisor;
    }
    let t = x + 7.5;
    (2.0 * std::f64::consts::PI).sqrt() * t.powf(x + 0.5) * (-t).exp() * sum
}
