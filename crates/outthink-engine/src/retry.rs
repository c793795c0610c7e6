//! Whether and when to try again: exponential waits with full jitter, the same for the same seed, and what a
//! server asks for. Nothing here reads a clock.

use outthink_core::derive_seed;
use std::time::{Duration, SystemTime};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);
/// Times that a server may ask for. A longer one is no wait.
const SANE: Duration = Duration::from_hours(24);

/// The wait before attempt `attempt` (the first retry is 1): evenly drawn from nothing to
/// `0.5 s * 2^(attempt-1)`, at most 5 s ("full jitter", Brooker 2015); after `retry_after` where
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

/// Whether a request that got this status may succeed later at the same server.
pub(crate) const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 424 | 425 | 429 | 498 | 500 | 502 | 503 | 504 | 520..=529)
}

/// Whether another server of the same model may do what this one refused: its key, its credit, its models, its address,
/// its limits and its health are its own.
pub(crate) const fn is_elsewhere(status: u16) -> bool {
    // What is wrong with the request itself is wrong everywhere.
    matches!(status, 300..=599) && !matches!(status, 400 | 422)
}

/// When a server asks to come back, by any of the headers that say so.
pub(crate) fn asked<'a>(header: impl Fn(&'static str) -> Option<&'a str>, now: SystemTime) -> Option<Duration> {
    let millis = |name| header(name).and_then(|value| seconds(value.trim().parse::<f64>().ok()? / 1e3));
    let limit = |kind: [&'static str; 2]| Some((header(kind[0])?.trim() == "0", reset(header(kind[1])?, now)?));
    millis("retry-after-ms")
        .or_else(|| millis("x-ms-retry-after-ms"))
        .or_else(|| header("retry-after").and_then(|value| retry_after(value, now)))
        .or_else(|| {
            ["x-ratelimit-reset-after", "x-ratelimit-reset", "ratelimit-reset"]
                .into_iter()
                .find_map(|name| reset(header(name)?, now))
        })
        .or_else(|| {
            let kinds = [
                ["x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
                ["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
            ];
            let limits: Vec<(bool, Duration)> = kinds.into_iter().filter_map(limit).collect();
            // What is used up, or else what is free again first.
            let spent = limits.iter().filter(|(spent, _)| *spent).map(|(_, at)| *at).max();
            spent.or_else(|| limits.iter().map(|(_, at)| *at).min())
        })
}

/// A `Retry-After` header: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    span(value).or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        // A date that has passed says: now.
        let wait = date.duration_since(now).unwrap_or_default();
        (wait <= SANE).then_some(wait)
    })
}

/// When a limit is free again: a time from now, or seconds or milliseconds since 1970.
fn reset(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    match value.parse::<f64>() {
        Ok(stamp) if stamp > 1e11 => seconds((stamp / 1e3 - since).max(0.0)),
        Ok(stamp) if stamp > 1e9 => seconds((stamp - since).max(0.0)),
        Ok(time) => seconds(time),
        Err(_) => span(value).or_else(|| retry_after(value, now)),
    }
}

/// A time such as `2`, `0.25`, `1s`, `20ms`, `6m0s` or `1h2m3.5s`.
pub(crate) fn span(value: &str) -> Option<Duration> {
    let mut rest = value.trim();
    if let Ok(plain) = rest.parse::<f64>() {
        return seconds(plain);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| digits + at);
        total += number
            * match rest[digits..unit].trim() {
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    seconds(total).filter(|_| !value.trim().is_empty())
}

/// A sane number of seconds.
pub(crate) fn seconds(value: f64) -> Option<Duration> {
    (0.0..=SANE.as_secs_f64()).contains(&value).then(|| Duration::from_secs_f64(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Wed, 21 Oct 2015 07:28:00 GMT.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_mins(24_090_208)
    }

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
    fn what_is_wrong_with_a_request_is_wrong_everywhere() {
        let own = [301, 302, 307, 401, 402, 403, 404, 405, 406, 408, 409, 410, 413, 415, 421, 423, 424, 425, 429, 431];
        for status in own.into_iter().chain([451, 498, 499, 500, 501, 503, 524, 529, 599]) {
            assert!(is_elsewhere(status), "{status}");
        }
        assert!([200, 400, 422].into_iter().all(|status| !is_elsewhere(status)));
    }

    #[test]
    fn what_a_server_asks_for_is_read_in_each_form() {
        for (headers, wanted) in [
            (&[("retry-after", " 2 ")][..], Some(2_000)),
            (&[("retry-after", "0.25")], Some(250)),
            (&[("retry-after", "2s")], Some(2_000)),
            (&[("retry-after", "Wed, 21 Oct 2015 07:28:03 GMT")], Some(3_000)),
            (&[("retry-after", "Wed, 21 Oct 2015 07:27:00 GMT")], Some(0)),
            (&[("retry-after", "9"), ("retry-after-ms", "1500")], Some(1_500)),
            (&[("x-ratelimit-reset-after", "4")], Some(4_000)),
            (&[("x-ratelimit-reset", "1445412485")], Some(5_000)),
            (&[("x-ratelimit-reset", "1445412485000")], Some(5_000)),
            (&[("x-ratelimit-reset", "7")], Some(7_000)),
            (
                &[
                    ("x-ratelimit-remaining-requests", "0"),
                    ("x-ratelimit-reset-requests", "6m0s"),
                    ("x-ratelimit-remaining-tokens", "9"),
                    ("x-ratelimit-reset-tokens", "20ms"),
                ],
                Some(360_000),
            ),
            (&[], None),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "NaN")], None),
            (&[("retry-after", "inf")], None),
            (&[("retry-after", "1e99")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "")], None),
            (&[("retry-after", "Wed, 21 Oct 2065 07:28:00 GMT")], None),
        ] {
            let header = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
            assert_eq!(asked(header, now()), wanted.map(Duration::from_millis), "{headers:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(value in "(\\PC|[0-9.]|ms|s|h|GMT){0,12}") {
            let read = asked(|_| Some(value.as_str()), now());
            prop_assert!(read.is_none_or(|time| time <= SANE));
        }
    }
}
