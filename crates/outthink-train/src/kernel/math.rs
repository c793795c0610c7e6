//! Scalar functions that the compiler turns into vector code, and sums in lanes.
//!
//! All of these are inlined into the kernels, where the vector units are known.

/// Independent partial sums, so that a reduction can be vectorised.
const LANES: usize = 16;

/// e^x with a relative error below 2e-7, for any x; what would overflow is e^88, what would be
/// subnormal is e^-87. NaN stays NaN.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, then the Taylor series of e^r up to r^7.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding it rounds to an integer, which then lies in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // 355/512: few bits, so that its product with n is exact.
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = (std::f64::consts::LN_2 - 355.0 / 512.0) as f32;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    let exponent = (shifted.to_bits() << 23).wrapping_add(127 << 23);
    p * f32::from_bits(exponent)
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Σ f(x, y) over two rows of the same length.
#[inline(always)]
pub(crate) fn sum2(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (x, y) in x.iter().zip(y) {
        for i in 0..LANES {
            sums[i] += f(x[i], y[i]);
        }
    }
    let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| f(*x, *y)).sum();
    fold(&sums) + rest
}

/// The largest of `row`, and negative infinity of an empty one.
#[inline(always)]
pub(crate) fn max(row: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            // A plain comparison is one instruction; `f32::max` minds NaN, which the loss finds later.
            most[i] = if chunk[i] > most[i] { chunk[i] } else { most[i] };
        }
    }
    most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Replaces each x of `row` by e^(x·scale − shift) and returns the sum.
#[inline(always)]
pub(crate) fn exp_sum(row: &mut [f32], scale: f32, shift: f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            chunk[i] = exp(chunk[i] * scale - shift);
            sums[i] += chunk[i];
        }
    }
    let mut sum = fold(&sums);
    for x in rest {
        *x = exp(*x * scale - shift);
        sum += *x;
    }
    sum
}

#[inline(always)]
fn fold(sums: &[f32; LANES]) -> f32 {
    let mut sums = *sums;
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_a_few_units_in_the_last_place() {
        for i in -8_700..8_800 {
            let x = i as f32 / 100.0;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 2e-7, "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(-1e9) < 1e-37 && exp(1e9).is_finite());
    }

    #[test]
    fn sums_and_the_largest_see_every_element() {
        for n in 0..70 {
            let row: Vec<f32> = (0..n).map(|i| ((i * 37) % 70) as f32).collect();
            assert_eq!(sum2(&row, &row, |x, _| x), row.iter().sum::<f32>());
            assert_eq!(max(&row), row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            let mut exps = row.clone();
            let sum = exp_sum(&mut exps, 0.5, 30.0);
            let want: f32 = row.iter().map(|x| (x * 0.5 - 30.0).exp()).sum();
            assert!((sum - want).abs() <= 1e-5 * want.abs());
        }
    }
}
