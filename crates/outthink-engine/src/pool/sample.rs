//! One sample of a pool: another member where one fails, and a second start where it is late.

use super::duty::Duty;
use super::{Inner, State};
use futures_util::StreamExt;
use outthink_core::{EngineError, Finish, Origin, SampleEvent, SampleRequest, SampleStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Times to the first words that are remembered.
const REMEMBERED: usize = 128;
/// Times before they mean anything.
const LEAST: usize = 20;
/// A sample is late after this times the 95th percentile, and never before [`SOONEST`].
const LATE: f64 = 1.5;
const SOONEST: f64 = 0.05;
/// One in so many samples is started a second time at most.
const ONE_IN: u64 = 20;

type Event = Result<SampleEvent, EngineError>;

/// A sample at one member. Dropping it ends its work there.
struct Attempt {
    inner: Arc<Inner>,
    duty: Duty,
    stream: SampleStream,
    began: Instant,
}

impl Attempt {
    fn begin(inner: &Arc<Inner>, request: &SampleRequest, prompt: u64, tried: &mut Vec<usize>) -> Option<Self> {
        let duty = Duty::begin(inner, prompt, request.max_tokens.unwrap_or(1), tried)?;
        let stream = inner.members[duty.index].engine.start(request.clone()).into_iter().next()?;
        Some(Self { inner: Arc::clone(inner), duty, stream, began: Instant::now() })
    }

    /// The next event; the first words and the first failure are entered in the member's health.
    async fn next(&mut self) -> Option<Event> {
        let event = self.stream.next().await;
        match &event {
            Some(Ok(SampleEvent::Delta(_) | SampleEvent::Finish(_))) if !self.duty.is_settled() => {
                self.duty.succeeded();
                self.inner.lock().spoke_after(self.began.elapsed());
            }
            Some(Err(error)) => self.duty.failed(error),
            _ => {}
        }
        event
    }
}

impl State {
    fn spoke_after(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        if self.first_words.len() < REMEMBERED {
            self.first_words.push(seconds);
        } else {
            self.first_words[self.next_first_words] = seconds;
            self.next_first_words = (self.next_first_words + 1) % REMEMBERED;
        }
    }

    /// After how long a sample is late, where that is known and one more start is within bounds.
    fn late_after(&mut self) -> Option<Duration> {
        self.started += 1;
        if self.first_words.len() < LEAST || self.hedged * ONE_IN >= self.started {
            return None;
        }
        let mut sorted = self.first_words.clone();
        sorted.sort_by(f64::total_cmp);
        let p95 = sorted[(sorted.len() - 1) * 95 / 100];
        Some(Duration::from_secs_f64((LATE * p95).max(SOONEST)))
    }
}

/// Starts a sample; `prompt` is the hash that members are preferred by.
pub(super) fn start(inner: Arc<Inner>, request: SampleRequest, prompt: u64) -> SampleStream {
    Box::pin(async_stream::stream! {
        let mut tried = Vec::new();
        let mut failure = None;
        let mut twice = false;
        while let Some(mut attempt) = Attempt::begin(&inner, &request, prompt, &mut tried) {
            let late = inner.options.hedge.then(|| inner.lock().late_after()).flatten();
            let mut event = match late {
                Some(late) if !twice => {
                    let due = attempt.began + late;
                    let hedge = Hedge { inner: &inner, request: &request, prompt, due };
                    let (first, winner, hedged) = hedge.first_words(attempt, &mut tried).await;
                    attempt = winner;
                    twice |= hedged;
                    first
                }
                _ => attempt.next().await,
            };
            let mut spoke = false;
            loop {
                match event {
                    Some(Err(error)) if !spoke && error.retryable => {
                        failure = Some(error);
                        break;
                    }
                    None if !spoke => break,
                    None => return,
                    Some(Ok(SampleEvent::Finish(finish))) => {
                        yield Ok(SampleEvent::Finish(paid(finish, twice)));
                        return;
                    }
                    Some(Err(error)) => {
                        yield Err(error);
                        return;
                    }
                    Some(Ok(other)) => {
                        spoke |= matches!(other, SampleEvent::Delta(_));
                        yield Ok(other);
                    }
                }
                event = attempt.next().await;
            }
        }
        yield Err(failure.unwrap_or_else(|| {
            EngineError::new(Origin::Engine, "no engine of this model gave a sample").retryable()
        }));
    })
}

/// The bill of a sample that was started twice: its prompt was read twice.
fn paid(mut finish: Finish, twice: bool) -> Finish {
    if twice {
        finish.usage.prompt *= 2;
        finish.usage.estimated = true;
    }
    finish
}

struct Hedge<'a> {
    inner: &'a Arc<Inner>,
    request: &'a SampleRequest,
    prompt: u64,
    /// When the sample is late.
    due: Instant,
}

impl Hedge<'_> {
    /// The first event, of this attempt or of a second one that is made when it is late; the
    /// attempt that it came from; and whether there was a second one.
    async fn first_words(self, mut attempt: Attempt, tried: &mut Vec<usize>) -> (Option<Event>, Attempt, bool) {
        tokio::select! {
            biased;
            event = attempt.next() => return (event, attempt, false),
            () = sleep_until(self.due) => {}
        }
        let Some(mut second) = Attempt::begin(self.inner, self.request, self.prompt, tried) else {
            return (attempt.next().await, attempt, false);
        };
        self.inner.lock().hedged += 1;
        tokio::select! {
            biased;
            event = attempt.next() => match event {
                // The other one may still come.
                Some(Err(_)) | None => (second.next().await, second, true),
                event => (event, attempt, true),
            },
            event = second.next() => match event {
                Some(Err(_)) | None => (attempt.next().await, attempt, true),
                event => (event, second, true),
            },
        }
    }
}
