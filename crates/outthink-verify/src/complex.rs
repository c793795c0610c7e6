//! The few operations on complex numbers that evaluation needs.

use std::ops::{Add, Mul, Sub};

/// A complex number in double precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Complex {
    pub(crate) re: f64,
    pub(crate) im: f64,
}

impl Complex {
    pub(crate) const I: Complex = Complex { re: 0.0, im: 1.0 };
    pub(crate) const NAN: Complex = Complex { re: f64::NAN, im: f64::NAN };

    pub(crate) fn real(re: f64) -> Self {
        Complex { re, im: 0.0 }
    }

    pub(crate) fn is_real(self) -> bool {
        self.im == 0.0
    }

    pub(crate) fn is_finite(self) -> bool {
        self.re.is_finite() && self.im.is_finite()
    }

    pub(crate) fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    pub(crate) fn recip(self) -> Self {
        let square = self.re * self.re + self.im * self.im;
        Complex { re: self.re / square, im: if self.im == 0.0 { 0.0 } else { -self.im / square } }
    }

    pub(crate) fn exp(self) -> Self {
        if self.re < -700.0 {
            return Self::NAN;
        }
        if self.is_real() {
            return Self::real(self.re.exp());
        }
        let size = self.re.exp();
        Complex { re: size * self.im.cos(), im: size * self.im.sin() }
    }

    pub(crate) fn ln(self) -> Self {
        if self.is_real() && self.re > 0.0 {
            return Self::real(self.re.ln());
        }
        Complex { re: self.abs().ln(), im: self.im.atan2(self.re) }
    }

    pub(crate) fn pow(self, exponent: Self) -> Self {
        if exponent.is_real() {
            let n = exponent.re;
            if self.is_real() && (self.re > 0.0 || n.fract() == 0.0) {
                let power = self.re.powf(n);
                return if power == 0.0 && self.re != 0.0 { Self::NAN } else { Self::real(power) };
            }
            if n.fract() == 0.0 && n.abs() <= 64.0 {
                let mut product = Self::real(1.0);
                for _ in 0..n.abs() as u32 {
                    product = product * self;
                }
                return if n < 0.0 { product.recip() } else { product };
            }
            if n == 0.5 && self.is_real() {
                return Complex { re: 0.0, im: (-self.re).sqrt() };
            }
        }
        if self.abs() == 0.0 {
            return Self::NAN;
        }
        (self.ln() * exponent).exp()
    }

    pub(crate) fn sin(self) -> Self {
        if self.is_real() {
            return Self::real(self.re.sin());
        }
        Complex { re: self.re.sin() * self.im.cosh(), im: self.re.cos() * self.im.sinh() }
    }

    pub(crate) fn cos(self) -> Self {
        if self.is_real() {
            return Self::real(self.re.cos());
        }
        Complex { re: self.re.cos() * self.im.cosh(), im: -self.re.sin() * self.im.sinh() }
    }
}

impl Add for Complex {
    type Output = Complex;
    fn add(self, other: Complex) -> Complex {
        Complex { re: self.re + other.re, im: self.im + other.im }
    }
}

impl Sub for Complex {
    type Output = Complex;
    fn sub(self, other: Complex) -> Complex {
        Complex { re: self.re - other.re, im: self.im - other.im }
    }
}

impl Mul for Complex {
    type Output = Complex;
    fn mul(self, other: Complex) -> Complex {
        if self.is_real() && other.is_real() {
            return Complex::real(self.re * other.re);
        }
        Complex { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }
}
