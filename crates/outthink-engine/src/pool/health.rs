//! Whether a member of a pool is fit to work: a circuit breaker for what fails in a row, and the
//! ejection of outliers. Pure: the time is handed in.

use std::time::Duration;

/// Failures in a row after which a member rests.
const IN_A_ROW: u32 = 5;
/// Replies that are looked at for the share of failures.
const WINDOW: u32 = 32;
/// Replies before a share of failures means anything.
const LEAST: u32 = 10;
/// Share of failures above which a member rests, where the others do better.
const OUTLIER: f64 = 0.5;
/// How long the first rest lasts; each next one in a row twice as long.
const FIRST_REST: Duration = Duration::from_secs(2);
/// How long a rest lasts at most.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// The health of one member.
#[derive(Debug, Clone, Default)]
pub(super) struct Health {
    failures_in_a_row: u32,
    /// Replies of late and the failures among them, halved when the window is full.
    replies: u32,
    failures: u32,
    rests_in_a_row: u32,
    /// Until when it rests.
    rests_until: Option<Duration>,
    /// After a rest one sample is tried before more follow.
    on_trial: bool,
}

impl Health {
    /// Whether it may get a sample at this time.
    pub(super) fn is_fit(&self, now: Duration) -> bool {
        self.rests_until.is_none_or(|until| now >= until) && !self.on_trial
    }

    /// When it may get a sample again; where all rest, the one that rested longest goes first.
    pub(super) fn rests_until(&self) -> Duration {
        self.rests_until.unwrap_or(Duration::ZERO)
    }

    /// It gets a sample now: the first one after a rest is a trial.
    pub(super) fn began(&mut self, now: Duration) {
        if self.rests_until.is_some_and(|until| now >= until) {
            self.rests_until = None;
            self.on_trial = true;
        }
    }

    /// A sample began to come.
    pub(super) fn succeeded(&mut self) {
        self.count(false);
        (self.failures_in_a_row, self.rests_in_a_row) = (0, 0);
        (self.rests_until, self.on_trial) = (None, false);
    }

    /// A sample failed through its fault. `others` is the share of failures of the others.
    pub(super) fn failed(&mut self, now: Duration, others: f64) {
        self.count(true);
        self.failures_in_a_row += 1;
        let outlier = self.replies >= LEAST && self.share() > OUTLIER && self.share() > 2.0 * others;
        if self.on_trial || self.failures_in_a_row >= IN_A_ROW || outlier {
            let rest = FIRST_REST.saturating_mul(1 << self.rests_in_a_row.min(8)).min(LONGEST_REST);
            self.rests_until = Some(now + rest);
            self.rests_in_a_row += 1;
            self.on_trial = false;
        }
    }

    /// A trial that was given up says nothing.
    pub(super) fn dropped(&mut self) {
        self.on_trial = false;
    }

    /// Share of failures of late.
    pub(super) fn share(&self) -> f64 {
        if self.replies == 0 { 0.0 } else { f64::from(self.failures) / f64::from(self.replies) }
    }

    fn count(&mut self, failed: bool) {
        if self.replies >= WINDOW {
            (self.replies, self.failures) = (self.replies / 2, self.failures / 2);
        }
        self.replies += 1;
        self.failures += u32::from(failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn failures_in_a_row_rest_it_longer_each_time_and_one_trial_ends_the_rest() {
        let mut health = Health::default();
        for _ in 0..IN_A_ROW {
            assert!(health.is_fit(at(0)));
            health.failed(at(0), 1.0);
        }
        assert!(!health.is_fit(at(1)) && health.is_fit(at(2)));
        health.began(at(2));
        assert!(!health.is_fit(at(2)), "one trial at a time");
        health.failed(at(2), 1.0);
        assert!(!health.is_fit(at(5)) && health.is_fit(at(6)));
        health.began(at(6));
        health.succeeded();
        assert!(health.is_fit(at(6)));
    }

    #[test]
    fn an_outlier_rests_and_a_bad_day_for_all_does_not() {
        let run = |others: f64| {
            let mut health = Health::default();
            for n in 0..30 {
                if n % 3 == 0 { health.succeeded() } else { health.failed(at(0), others) }
            }
            health.is_fit(at(1))
        };
        assert!(!run(0.05), "two thirds against one in twenty");
        assert!(run(0.6), "all fail alike");
    }
}
