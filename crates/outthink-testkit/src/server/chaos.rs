//! What goes wrong, by seed and number of the call.

use outthink_core::derive_seed;

/// How often something goes wrong, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Chaos {
    /// The same seed gives the same faults to the same numbers of calls.
    pub seed: u64,
    /// Share of the calls that go wrong, in `[0, 1]`.
    pub rate: f64,
    /// The faults that are drawn from, all alike.
    pub faults: Vec<Fault>,
}

/// One thing that goes wrong with a call. Where it happens within the reply is drawn, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before a byte of the reply.
    Refuse,
    /// The connection is reset in the middle of the reply.
    Reset(u64),
    /// Nothing more comes, and the connection stays open.
    Stall(u64),
    /// Status 429 with `Retry-After`.
    TooManyRequests,
    /// Status 500.
    InternalError,
    /// Status 503 with `Retry-After`.
    Unavailable,
    /// A page of HTML with status 200.
    Html,
    /// An event, or a body, that is not JSON.
    BrokenJson(u64),
    /// Bytes that are not UTF-8 inside a text.
    BrokenUtf8(u64),
    /// Half an event, or half a body, and then the end.
    Half(u64),
    /// `[DONE]` comes twice.
    DoubleDone,
    /// `[DONE]` does not come.
    NoDone,
    /// No finish reason is sent.
    NoReason,
    /// No usage is sent.
    NoUsage,
    /// A usage of no tokens.
    UsageZero,
    /// A usage of fewer tokens than were sent, which is what is charged: pieces are no tokens.
    UsageLow,
    /// A usage of more tokens than any model could have generated.
    UsageHuge,
    /// A usage that is no object of numbers.
    UsageOdd,
}

impl Chaos {
    /// All faults, at this rate.
    pub fn all(seed: u64, rate: f64) -> Self {
        let faults = vec![
            Fault::Refuse,
            Fault::Reset(0),
            Fault::Stall(0),
            Fault::TooManyRequests,
            Fault::InternalError,
            Fault::Unavailable,
            Fault::Html,
            Fault::BrokenJson(0),
            Fault::BrokenUtf8(0),
            Fault::Half(0),
            Fault::DoubleDone,
            Fault::NoDone,
            Fault::NoReason,
            Fault::NoUsage,
            Fault::UsageZero,
            Fault::UsageLow,
            Fault::UsageHuge,
            Fault::UsageOdd,
        ];
        Self { seed, rate, faults }
    }

    /// What goes wrong with the call of this number, whose reply has `tokens` tokens.
    pub(super) fn draw(&self, number: u64, tokens: u64) -> Option<Fault> {
        let draw = derive_seed(self.seed, number);
        let unit = (draw >> 11) as f64 / (1u64 << 53) as f64;
        if unit >= self.rate || self.faults.is_empty() {
            return None;
        }
        let next = derive_seed(draw, 1);
        let fault = self.faults[(next % self.faults.len() as u64) as usize];
        let after = derive_seed(draw, 2) % (tokens + 1);
        Some(match fault {
            Fault::Reset(_) => Fault::Reset(after),
            Fault::Stall(_) => Fault::Stall(after),
            Fault::BrokenJson(_) => Fault::BrokenJson(after),
            Fault::BrokenUtf8(_) => Fault::BrokenUtf8(after),
            Fault::Half(_) => Fault::Half(after),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_follow_the_seed_and_the_rate() {
        let chaos = Chaos::all(7, 0.25);
        let drawn: Vec<_> = (0..4_000).map(|n| chaos.draw(n, 16)).collect();
        assert_eq!(drawn, (0..4_000).map(|n| chaos.draw(n, 16)).collect::<Vec<_>>());
        let wrong = drawn.iter().flatten().count();
        // 5 standard errors of 27.
        assert!((863..1_137).contains(&wrong), "{wrong}");
        for fault in &chaos.faults {
            let same = |f: &Fault| std::mem::discriminant(f) == std::mem::discriminant(fault);
            assert!(drawn.iter().flatten().any(same), "{fault:?} was not drawn");
        }
        assert!((0..100).all(|n| Chaos::all(7, 0.0).draw(n, 16).is_none()));
    }
}
