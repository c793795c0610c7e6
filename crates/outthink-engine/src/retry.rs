//! How long to wait before the next attempt: exponential, with full jitter, the same for the same seed.

use outthink_core::derive_seed;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The wait before attempt `attempt` (the first retry is 1): evenly drawn from nothing to
/// `0.5 s * 2^(attempt-1)`, at most 30 s ("full jitter", Brooker 2015); after `retry_after` where
/// the server asks for one.
pub(crate) fn delay(seed: u64, attempt: u32, retry_after: Option<Duration>) -> Duration {
    let ceiling = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST);
    let unit = (derive_seed(seed, u64::from(attempt)) >> 11) as f64 / (1u64 << 53) as f64;
    let jitter = ceiling.mul_f64(unit);
    match retry_after {
        Some(asked) => asked + jitter.min(asked / 4),
        None => jitter,
    }
}

/// Whether a request that got this status may succeed later.
pub(crate) const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500 | 502 | 503 | 504)
}

/// The seconds of a `Retry-After` header; a date is passed over, since nothing here reads a clock.
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    let seconds: f64 = value.trim().parse().ok()?;
    (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_and_repeatable() {
        for attempt in 0..40 {
            for seed in 0..20 {
                assert!(delay(seed, attempt, None) <= LONGEST);
                assert_eq!(delay(seed, attempt, None), delay(seed, attempt, None));
            }
        }
        assert_ne!(delay(1, 3, None), delay(2, 3, None));
        let asked = Duration::from_secs(3);
        assert!((asked..asked * 2).contains(&delay(1, 1, Some(asked))));
    }

    #[test]
    fn only_sane_seconds_are_read() {
        assert_eq!(retry_after(" 2 "), Some(Duration::from_secs(2)));
        assert_eq!(retry_after("0.25"), Some(Duration::from_millis(250)));
        for odd in ["-1", "NaN", "inf", "1e99", "Wed, 21 Oct 2015 07:28:00 GMT", ""] {
            assert_eq!(retry_after(odd), None, "{odd}");
        }
    }
}
