//! Normal forms: quotients of sums of monomials with exact coefficients and fractional exponents.
//!
//! What the form proves equal is equal wherever both sides are defined. Where all that is left are variables,
//! pi, e, i and roots of primes, which are independent of each other (for the roots: Besicovitch 1940), different
//! forms prove a difference; where functions are left, nothing is decided here.

use crate::ast::{Expr, Func};
use crate::exact::exact;
use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::{BigRational, Ratio};
use num_traits::{One, Signed, ToPrimitive, Zero};
use std::collections::BTreeMap;

/// Terms that a sum may have.
const MOST_TERMS: usize = 128;
/// Products of terms within one comparison.
const FUEL: usize = 6_000;
/// Exponents that are multiplied out.
const MOST_POWER: i64 = 24;
/// Bits of a coefficient.
const MOST_BITS: u64 = 512;
/// Binary orders of magnitude between the coefficients of a sum that values can still tell apart.
const MOST_APART: i64 = 28;
/// Bytes of the name of a function with its arguments.
const MOST_KEY: usize = 8_192;
/// Factors of integers are looked for up to here.
const MOST_FACTOR: u64 = 2_000;

type Exponent = Ratio<i64>;
/// Atoms with their exponents, in order of the atoms.
type Mono = BTreeMap<usize, Exponent>;
/// Coefficients by monomial.
type Poly = BTreeMap<Mono, BigRational>;

/// What a monomial is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    Var(String),
    Pi,
    E,
    I,
    /// A prime under a root.
    Prime(u64),
    /// A sum under a root or a power.
    Sum(Poly),
    /// The absolute value of a sum with a positive first coefficient of one.
    Abs(Poly),
    /// A function of arguments in normal form, or a constant to a power of such.
    Opaque(String),
}

#[derive(Debug, Clone)]
struct Quotient {
    top: Poly,
    bottom: Poly,
}

struct Normal {
    atoms: Vec<Atom>,
    fuel: usize,
}

/// Whether two scalars are the same by their normal forms; nothing where the forms do not decide.
pub(crate) fn decide(a: &Expr, b: &Expr) -> Option<bool> {
    let mut normal = Normal { atoms: Vec::new(), fuel: FUEL };
    let (a, b) = (normal.of(a)?, normal.of(b)?);
    let left = normal.times(&a.top, &b.bottom)?;
    let right = normal.times(&b.top, &a.bottom)?;
    let difference = plus(left, &scaled(&right, &-BigRational::one()))?;
    if difference.is_empty() {
        return Some(true);
    }
    let known = |atom: &usize| {
        matches!(normal.atoms.get(*atom), Some(Atom::Var(_) | Atom::Pi | Atom::E | Atom::I | Atom::Prime(_)))
    };
    difference.keys().all(|mono| mono.keys().all(known)).then_some(false)
}

/// Whether an absolute value or a step is left in the normal form.
pub(crate) fn is_piecewise(expr: &Expr) -> bool {
    let mut normal = Normal { atoms: Vec::new(), fuel: FUEL };
    let Some(form) = normal.of(expr) else { return false };
    let steps = ["Floor", "Ceil", "Max", "Min", "Gcd", "Lcm", "Mod"];
    let in_pieces = |atom: &usize| match normal.atoms.get(*atom) {
        Some(Atom::Abs(_)) => true,
        Some(Atom::Opaque(key)) => steps.iter().any(|step| key.starts_with(step)) || key.contains("|["),
        Some(Atom::Sum(poly)) => {
            poly.keys().any(|mono| mono.keys().any(|atom| matches!(normal.atoms.get(*atom), Some(Atom::Abs(_)))))
        }
        _ => false,
    };
    form.top.keys().chain(form.bottom.keys()).any(|mono| mono.keys().any(in_pieces))
}

/// Whether the coefficients of the normal form are so far apart that values in double precision prove nothing.
pub(crate) fn is_delicate(expr: &Expr) -> bool {
    let mut normal = Normal { atoms: Vec::new(), fuel: FUEL };
    let Some(form) = normal.of(expr) else { return false };
    let apart = |poly: &Poly| {
        let bits = |c: &BigRational| c.numer().bits().cast_signed() - c.denom().bits().cast_signed();
        let (least, most) = poly.values().map(bits).fold((0, 0), |(a, b), n| (n.min(a), n.max(b)));
        poly.len() > 1 && most - least > MOST_APART
    };
    apart(&form.top) || apart(&form.bottom)
}

fn constant(value: BigRational) -> Poly {
    if value.is_zero() { Poly::new() } else { Poly::from([(Mono::new(), value)]) }
}

fn scaled(poly: &Poly, by: &BigRational) -> Poly {
    poly.iter().map(|(mono, c)| (mono.clone(), c * by)).collect()
}

fn as_constant(poly: &Poly) -> Option<BigRational> {
    match poly.len() {
        0 => Some(BigRational::zero()),
        1 => poly.get(&Mono::new()).cloned(),
        _ => None,
    }
}

/// The sum of two sums, unless it grows too long.
fn plus(mut a: Poly, b: &Poly) -> Option<Poly> {
    for (mono, c) in b {
        let sum = a.entry(mono.clone()).or_insert_with(BigRational::zero);
        *sum += c;
        if sum.is_zero() {
            a.remove(mono);
        }
    }
    (a.len() <= MOST_TERMS).then_some(a)
}

impl Normal {
    fn atom(&mut self, atom: Atom) -> usize {
        if let Some(at) = self.atoms.iter().position(|known| *known == atom) {
            return at;
        }
        self.atoms.push(atom);
        self.atoms.len() - 1
    }

    fn whole(&mut self, atom: Atom, exponent: Exponent) -> Quotient {
        let at = self.atom(atom);
        Quotient {
            top: Poly::from([(Mono::from([(at, exponent)]), BigRational::one())]),
            bottom: constant(BigRational::one()),
        }
    }

    fn times(&mut self, a: &Poly, b: &Poly) -> Option<Poly> {
        self.fuel = self.fuel.checked_sub(a.len() * b.len() + 1)?;
        let mut out = Poly::new();
        for (mono_a, ca) in a {
            for (mono_b, cb) in b {
                let part = self.product(mono_a, mono_b, ca * cb)?;
                out = plus(out, &part)?;
            }
        }
        Some(out)
    }

    /// The product of two monomials, with squares of i, roots of primes and roots of sums worked out.
    fn product(&mut self, a: &Mono, b: &Mono, mut c: BigRational) -> Option<Poly> {
        if c.numer().bits() > MOST_BITS || c.denom().bits() > MOST_BITS {
            return None;
        }
        let mut mono = a.clone();
        for (&atom, exponent) in b {
            let sum = mono.entry(atom).or_insert_with(Exponent::zero);
            *sum += exponent;
        }
        let mut sums = Vec::new();
        let mut reduced = Mono::new();
        for (atom, exponent) in mono {
            let mut exponent = exponent;
            match self.atoms.get(atom)? {
                Atom::I => {
                    let n = exponent.is_integer().then(|| exponent.to_integer().rem_euclid(4))?;
                    if n >= 2 {
                        c = -c;
                    }
                    exponent = Exponent::from_integer(n % 2);
                }
                Atom::Prime(p) => {
                    let whole = exponent.floor();
                    exponent -= whole;
                    let power = i32::try_from(whole.to_integer()).ok().filter(|n| n.abs() < 512)?;
                    c *= BigRational::from_integer(BigInt::from(*p)).pow(power);
                }
                // |p|^2 is p^2.
                Atom::Abs(poly) if exponent.is_integer() && exponent >= Exponent::from_integer(2) => {
                    let odd = Exponent::from_integer(exponent.to_integer().rem_euclid(2));
                    sums.push((poly.clone(), (exponent - odd).to_integer()));
                    exponent = odd;
                }
                Atom::Sum(poly) if exponent.is_integer() && exponent.is_positive() => {
                    sums.push((poly.clone(), exponent.to_integer()));
                    continue;
                }
                _ => {}
            }
            if !exponent.is_zero() {
                reduced.insert(atom, exponent);
            }
        }
        let mut out = Poly::from([(reduced, c)]);
        for (poly, n) in sums {
            for _ in 0..n.min(MOST_POWER + 1) {
                out = self.times(&out, &poly)?;
            }
            if n > MOST_POWER {
                return None;
            }
        }
        Some(out)
    }

    /// A quotient whose bottom is no monomial unless it must be.
    fn quotient(&mut self, top: Poly, bottom: Poly) -> Option<Quotient> {
        if bottom.is_empty() {
            return None;
        }
        if bottom.len() > 1 {
            return Some(Quotient { top, bottom });
        }
        let (mono, c) = bottom.into_iter().next()?;
        let inverse = Poly::from([(mono.into_iter().map(|(atom, n)| (atom, -n)).collect(), c.recip())]);
        Some(Quotient { top: self.times(&top, &inverse)?, bottom: constant(BigRational::one()) })
    }

    fn add(&mut self, a: &Quotient, b: &Quotient) -> Option<Quotient> {
        if a.bottom == b.bottom {
            let top = plus(a.top.clone(), &b.top)?;
            return self.quotient(top, a.bottom.clone());
        }
        let (left, right) = (self.times(&a.top, &b.bottom)?, self.times(&b.top, &a.bottom)?);
        let top = plus(left, &right)?;
        let bottom = self.times(&a.bottom, &b.bottom)?;
        self.quotient(top, bottom)
    }

    fn mul(&mut self, a: &Quotient, b: &Quotient) -> Option<Quotient> {
        let (top, bottom) = (self.times(&a.top, &b.top)?, self.times(&a.bottom, &b.bottom)?);
        self.quotient(top, bottom)
    }

    fn of(&mut self, expr: &Expr) -> Option<Quotient> {
        let one = || constant(BigRational::one());
        Some(match expr {
            Expr::Num { value, .. } => Quotient { top: constant(value.clone()), bottom: one() },
            Expr::Percent(inner) => {
                let inner = self.of(inner)?;
                Quotient { top: scaled(&inner.top, &BigRational::new(1.into(), 100.into())), ..inner }
            }
            Expr::Pi => self.whole(Atom::Pi, Exponent::one()),
            Expr::E => self.whole(Atom::E, Exponent::one()),
            Expr::I => self.whole(Atom::I, Exponent::one()),
            Expr::Var(name) => self.whole(Atom::Var(name.clone()), Exponent::one()),
            Expr::Add(items) => {
                let mut sum = Quotient { top: Poly::new(), bottom: one() };
                for item in items {
                    let item = self.of(item)?;
                    sum = self.add(&sum, &item)?;
                }
                sum
            }
            Expr::Mul(items) => {
                let mut product = Quotient { top: one(), bottom: one() };
                for item in items {
                    let item = self.of(item)?;
                    product = self.mul(&product, &item)?;
                }
                product
            }
            Expr::Pow(base, exponent) => self.power(base, exponent)?,
            Expr::Call(func, arguments) => self.call(*func, arguments)?,
            _ => return None,
        })
    }

    fn power(&mut self, base: &Expr, exponent: &Expr) -> Option<Quotient> {
        if let Some(n) = exact(exponent, &[]) {
            let n = Exponent::new(n.numer().to_i64()?, n.denom().to_i64()?);
            let base = self.of(base)?;
            return self.rational_power(&base, n);
        }
        let exponent = self.of(exponent)?;
        if as_constant(&exponent.bottom).is_none_or(|c| !c.is_one()) {
            let key = self.key(&exponent);
            let base = self.of(base)?;
            let key = format!("({})^{key}", self.key(&base));
            return Some(self.whole(Atom::Opaque(key), Exponent::one()));
        }
        // b^(2n + 1) is b times (b^n) squared, prime by prime.
        let mut out = Quotient { top: constant(BigRational::one()), bottom: constant(BigRational::one()) };
        let positive = exact(base, &[]).filter(BigRational::is_positive);
        let primes = if *base == Expr::E {
            vec![("e".to_owned(), 1)]
        } else if let Some(value) = positive {
            let factors = |n: &BigInt| n.to_u64().and_then(factors);
            let mut all: Vec<(String, i64)> = Vec::new();
            all.extend(factors(value.numer())?.into_iter().map(|(p, n)| (p.to_string(), n)));
            all.extend(factors(value.denom())?.into_iter().map(|(p, n)| (p.to_string(), -n)));
            all
        } else {
            let base = self.of(base)?;
            vec![(self.key(&base), 1)]
        };
        for (mono, c) in &exponent.top {
            if mono.is_empty() {
                let n = Exponent::new(c.numer().to_i64()?, c.denom().to_i64()?);
                let base = self.of(base)?;
                let part = self.rational_power(&base, n)?;
                out = self.mul(&out, &part)?;
                continue;
            }
            for (prime, times) in &primes {
                let key = format!("{prime}^{}", self.mono_key(mono));
                let n = Exponent::new(c.numer().to_i64()?, c.denom().to_i64()?).checked_mul_by(*times)?;
                let part = self.whole(Atom::Opaque(key), n);
                out = self.mul(&out, &part)?;
            }
        }
        Some(out)
    }

    fn rational_power(&mut self, base: &Quotient, n: Exponent) -> Option<Quotient> {
        if n.is_negative() {
            let inverse = self.quotient(base.bottom.clone(), base.top.clone())?;
            return self.rational_power(&inverse, -n);
        }
        if n.is_integer() {
            let n = n.to_integer();
            if base.top.len() == 1 && base.bottom.len() == 1 && n > MOST_POWER {
                return self
                    .root_of(&base.top, Exponent::from_integer(n))
                    .map(|top| Quotient { top, bottom: base.bottom.clone() });
            }
            let mut out = Quotient { top: constant(BigRational::one()), bottom: constant(BigRational::one()) };
            for _ in 0..Some(n).filter(|&n| n <= MOST_POWER)? {
                out = self.mul(&out, base)?;
            }
            return Some(out);
        }
        let top = self.root_of(&base.top, n)?;
        let bottom = self.root_of(&base.bottom, n)?;
        self.quotient(top, bottom)
    }

    /// A sum to the power of a positive fraction.
    fn root_of(&mut self, poly: &Poly, n: Exponent) -> Option<Poly> {
        if poly.is_empty() {
            return Some(Poly::new());
        }
        if poly.len() > 1 {
            let at = self.atom(Atom::Sum(poly.clone()));
            return Some(Poly::from([(Mono::from([(at, n)]), BigRational::one())]));
        }
        let (mono, c) = poly.iter().next()?;
        let even = n.denom().is_even();
        let mut out = Poly::from([(Mono::new(), BigRational::one())]);
        for (&atom, exponent) in mono {
            let power = exponent * n;
            let positive = matches!(self.atoms.get(atom), Some(Atom::Pi | Atom::E | Atom::Prime(_)));
            // The root of x^2 is |x|, not x.
            if even && !positive && exponent.numer().is_even() && !power.numer().is_even() && power.is_positive() {
                let base = Poly::from([(Mono::from([(atom, Exponent::one())]), BigRational::one())]);
                let size = self.absolute(&base)?;
                let (mono, _) = size.into_iter().next()?;
                let part = Poly::from([(mono.into_iter().map(|(a, n)| (a, n * power)).collect(), BigRational::one())]);
                out = self.times(&out, &part)?;
                continue;
            }
            if even
                && !positive
                && (exponent.numer().is_even() && !power.numer().is_even()
                    || matches!(self.atoms.get(atom), Some(Atom::I)))
            {
                let at = self.atom(Atom::Sum(poly.clone()));
                return Some(Poly::from([(Mono::from([(at, n)]), BigRational::one())]));
            }
            let part = Poly::from([(Mono::from([(atom, power)]), BigRational::one())]);
            out = self.times(&out, &part)?;
        }
        let factor = self.number_root(c, n)?;
        self.times(&out, &factor)
    }

    /// The absolute value of a sum of real numbers.
    fn absolute(&mut self, poly: &Poly) -> Option<Poly> {
        let imaginary = |atom: &usize| matches!(self.atoms.get(*atom), Some(Atom::I));
        if poly.keys().any(|mono| mono.keys().any(imaginary)) {
            return None;
        }
        let Some(first) = poly.values().next() else { return Some(Poly::new()) };
        if poly.len() > 1 {
            let (size, scale) = (first.abs(), first.recip());
            let at = self.atom(Atom::Abs(scaled(poly, &scale)));
            return Some(Poly::from([(Mono::from([(at, Exponent::one())]), size)]));
        }
        let mut out = Mono::new();
        let (mono, c) = poly.iter().next()?;
        for (&atom, &n) in mono {
            let positive = matches!(self.atoms.get(atom), Some(Atom::Pi | Atom::E | Atom::Prime(_) | Atom::Abs(_)));
            // A root of an even index is of what is not negative.
            if positive || !n.is_integer() || n.numer().is_even() {
                out.insert(atom, n);
                continue;
            }
            let base = Poly::from([(Mono::from([(atom, Exponent::one())]), BigRational::one())]);
            let at = self.atom(Atom::Abs(base));
            out.insert(at, Exponent::one());
            if !(n - Exponent::one()).is_zero() {
                out.insert(atom, n - Exponent::one());
            }
        }
        Some(Poly::from([(out, c.abs())]))
    }

    /// A number to the power of a fraction, as roots of primes.
    fn number_root(&mut self, value: &BigRational, n: Exponent) -> Option<Poly> {
        let mut out = constant(BigRational::one());
        if value.is_negative() {
            if n.is_integer() || !n.denom().is_even() {
                if !n.numer().is_even() {
                    out = constant(-BigRational::one());
                }
            } else if *n.denom() == 2 {
                let at = self.atom(Atom::I);
                let i = Poly::from([(Mono::from([(at, Exponent::one())]), BigRational::one())]);
                for _ in 0..n.numer().rem_euclid(4) {
                    out = self.times(&out, &i)?;
                }
            } else {
                return None;
            }
        }
        for (number, sign) in [(value.numer(), 1), (value.denom(), -1)] {
            for (prime, times) in factors(number.abs().to_u64()?)? {
                let at = self.atom(Atom::Prime(prime));
                let part =
                    Poly::from([(Mono::from([(at, n * Exponent::from_integer(times * sign))]), BigRational::one())]);
                out = self.times(&out, &part)?;
            }
        }
        Some(out)
    }

    fn call(&mut self, func: Func, arguments: &[Expr]) -> Option<Quotient> {
        let first = arguments.first()?;
        let ratio = |top: Func, bottom: Option<Func>| {
            let call = |func| Expr::Call(func, vec![first.clone()]);
            let bottom = bottom.map(|func| call(func).recip());
            Expr::Mul(std::iter::once(if top == Func::Exp { Expr::int(1) } else { call(top) }).chain(bottom).collect())
        };
        match func {
            Func::Exp => return self.power(&Expr::E, first),
            Func::Root => return self.power(first, &arguments.get(1)?.clone().recip()),
            Func::Tan => return self.of(&ratio(Func::Sin, Some(Func::Cos))),
            Func::Cot => return self.of(&ratio(Func::Cos, Some(Func::Sin))),
            Func::Sec => return self.of(&ratio(Func::Exp, Some(Func::Cos))),
            Func::Csc => return self.of(&ratio(Func::Exp, Some(Func::Sin))),
            Func::Log => {
                let (value, base) = (first.clone(), arguments.get(1)?.clone());
                let ln = |x| Expr::Call(Func::Ln, vec![x]);
                return self.of(&Expr::Mul(vec![ln(value), ln(base).recip()]));
            }
            Func::Binomial => {
                if let Some(k) = exact(arguments.get(1)?, &[]).filter(BigRational::is_integer).and_then(|k| k.to_i64())
                    && (0..=8).contains(&k)
                {
                    let factor = |i: i64| {
                        Expr::Mul(vec![Expr::Add(vec![first.clone(), Expr::int(-i)]), Expr::int(i + 1).recip()])
                    };
                    return self.of(&Expr::Mul((0..k).map(factor).collect()));
                }
            }
            // The larger of a and b is (a + b + |a - b|) / 2.
            Func::Max | Func::Min => {
                if let [a, b] = arguments {
                    let apart = Expr::Call(Func::Abs, vec![Expr::Add(vec![a.clone(), b.clone().neg()])]);
                    let apart = if func == Func::Max { apart } else { apart.neg() };
                    let half = Expr::Num { value: BigRational::new(1.into(), 2.into()), decimal: false };
                    return self.of(&Expr::Mul(vec![half, Expr::Add(vec![a.clone(), b.clone(), apart])]));
                }
            }
            Func::Abs => {
                let argument = self.of(first)?;
                if let Some(top) = self.absolute(&argument.top)
                    && let Some(bottom) = self.absolute(&argument.bottom)
                {
                    return self.quotient(top, bottom);
                }
            }
            Func::Ceil => {
                let floor = Expr::Call(Func::Floor, vec![first.clone().neg()]);
                return self.of(&floor.neg());
            }
            // Whole numbers leave a floor.
            Func::Floor => {
                let mut argument = self.of(first)?;
                if as_constant(&argument.bottom).is_some_and(|c| c.is_one())
                    && let Some(c) = argument.top.get(&Mono::new()).map(BigRational::floor).filter(|c| !c.is_zero())
                    && argument.top.len() > 1
                {
                    argument.top = plus(argument.top, &constant(-c.clone()))?;
                    let key = format!("{func:?}[{}]", self.key(&argument));
                    let rest = self.whole(Atom::Opaque(key), Exponent::one());
                    return self.add(&rest, &Quotient { top: constant(c), bottom: constant(BigRational::one()) });
                }
            }
            _ => {}
        }
        if let Some(value) = exact(&Expr::Call(func, arguments.to_vec()), &[]) {
            return Some(Quotient { top: constant(value), bottom: constant(BigRational::one()) });
        }
        let mut keys = Vec::new();
        for argument in arguments {
            let argument = self.of(argument)?;
            keys.push(self.key(&argument));
        }
        if matches!(func, Func::Max | Func::Min | Func::Gcd | Func::Lcm) {
            keys.sort_unstable();
        }
        let key = format!("{func:?}[{}]", keys.join(";"));
        (key.len() <= MOST_KEY).then(|| self.whole(Atom::Opaque(key), Exponent::one()))
    }

    /// A quotient as a text: equal texts are equal quotients.
    fn key(&self, quotient: &Quotient) -> String {
        format!("{}/{}", self.poly_key(&quotient.top), self.poly_key(&quotient.bottom))
    }

    fn poly_key(&self, poly: &Poly) -> String {
        let mut parts: Vec<String> = poly.iter().map(|(mono, c)| format!("{c}{}", self.mono_key(mono))).collect();
        parts.sort_unstable();
        parts.join("+")
    }

    fn mono_key(&self, mono: &Mono) -> String {
        let mut parts: Vec<String> = mono.iter().map(|(atom, n)| format!("{}^{n}", self.atom_key(*atom))).collect();
        parts.sort_unstable();
        parts.concat()
    }

    fn atom_key(&self, atom: usize) -> String {
        match self.atoms.get(atom) {
            Some(Atom::Sum(poly)) => format!("[{}]", self.poly_key(poly)),
            Some(Atom::Abs(poly)) => format!("|[{}]|", self.poly_key(poly)),
            Some(Atom::Opaque(key)) => format!("[{key}]"),
            other => format!("{other:?}"),
        }
    }
}

/// Multiplication that does not overflow.
trait CheckedMulBy: Sized {
    fn checked_mul_by(self, by: i64) -> Option<Self>;
}

impl CheckedMulBy for Exponent {
    fn checked_mul_by(self, by: i64) -> Option<Self> {
        Some(Exponent::new(self.numer().checked_mul(by)?, *self.denom()))
    }
}

/// The prime factors of a number with their exponents, if all can be found.
fn factors(mut n: u64) -> Option<Vec<(u64, i64)>> {
    let mut found = Vec::new();
    let mut p = 2;
    while p * p <= n && p <= MOST_FACTOR {
        let mut times = 0;
        while n.is_multiple_of(p) {
            n /= p;
            times += 1;
        }
        if times > 0 {
            found.push((p, times));
        }
        p += if p == 2 { 1 } else { 2 };
    }
    if n == 0 || (n > 1 && p * p <= n) {
        return None;
    }
    if n > 1 {
        found.push((n, 1));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(a: &str, b: &str) -> Option<bool> {
        let parse = |text| crate::parser::parse(text).unwrap().expr;
        decide(&parse(a), &parse(b))
    }

    #[test]
    fn normal_forms_prove_equality_and_difference() {
        for (a, b) in [
            ("(x+1)^2", "x^2+2x+1"),
            ("\\sqrt{8}", "2\\sqrt{2}"),
            ("\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"),
            ("\\sqrt{1/n}", "\\frac{1}{\\sqrt{n}}"),
            ("\\frac{x^2-1}{x-1}", "x+1"),
            ("(1+i)^2", "2i"),
            ("2^{n+1}", "2 \\cdot 2^n"),
            ("4^n", "2^{2n}"),
            ("e^{2x}", "(e^x)^2"),
            ("\\binom{n}{2}", "\\frac{n(n-1)}{2}"),
            ("|x-5|", "|5-x|"),
            ("\\lfloor 2n/2 \\rfloor", "\\lfloor n \\rfloor"),
            ("\\tan x", "\\frac{\\sin x}{\\cos x}"),
            ("\\sqrt{x+1}^2", "x+1"),
            ("(-8)^{1/3}", "-2"),
        ] {
            assert_eq!(decided(a, b), Some(true), "{a} {b}");
        }
        for (a, b) in [("x^2", "x^3"), ("\\sqrt{2}", "\\sqrt{3}"), ("10^{-20}x", "0"), ("\\pi", "e")] {
            assert_eq!(decided(a, b), Some(false), "{a} {b}");
        }
        for (a, b) in [("\\sqrt{x^2}", "x"), ("|x+10|", "x+10"), ("\\sin^2 x + \\cos^2 x", "1")] {
            assert_eq!(decided(a, b), None, "{a} {b}");
        }
    }
}
