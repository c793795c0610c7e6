//! The streams of the samples that run.

use futures_util::stream::{FuturesUnordered, Stream as _, StreamExt as _, StreamFuture};
use outthink_core::{EngineError, SampleEvent, SampleId, SampleStream};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A stream that knows whose it is.
pub(crate) struct Tagged {
    id: SampleId,
    stream: SampleStream,
}

impl futures_util::Stream for Tagged {
    type Item = Result<SampleEvent, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(cx)
    }
}

/// The streams of the samples that run; dropping one cancels its sample.
///
/// A stream opens its connection when it is first polled. Of many samples one is begun at a poll, and then it is
/// somebody else's turn: the client of a request may leave while its samples are still being begun, and who serves
/// many clients from few threads must not keep the others waiting for all connections of one.
#[derive(Default)]
pub(crate) struct Streams {
    running: Running,
    /// Those that were not polled yet, the next one first.
    fresh: VecDeque<Tagged>,
}

/// Most requests have one sample, which is polled without the bookkeeping that many need.
#[derive(Default)]
enum Running {
    #[default]
    None,
    One(Tagged),
    Many(FuturesUnordered<StreamFuture<Tagged>>),
}

/// What a stream gave.
pub(crate) enum Given {
    /// An event.
    Event(SampleId, Result<SampleEvent, EngineError>),
    /// Its end.
    Ended(SampleId),
}

impl Streams {
    pub(crate) fn push(&mut self, id: SampleId, stream: SampleStream) {
        self.fresh.push_back(Tagged { id, stream });
    }

    /// Drops the stream of a sample, and with it the sample's work.
    pub(crate) fn cancel(&mut self, id: SampleId) {
        self.fresh.retain(|fresh| fresh.id != id);
        self.running.cancel(id);
    }

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What comes next; pending for ever where no stream is left. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Given {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Given> {
        if let Some(next) = self.fresh.pop_front() {
            self.running.push(next);
        }
        let given = self.running.poll_next(cx);
        if given.is_pending() && !self.fresh.is_empty() {
            cx.waker().wake_by_ref();
        }
        given
    }
}

impl Running {
    fn push(&mut self, new: Tagged) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(new),
            Self::One(old) => Self::Many([old.into_future(), new.into_future()].into_iter().collect()),
            Self::Many(many) => {
                many.push(new.into_future());
                Self::Many(many)
            }
        };
    }

    fn cancel(&mut self, id: SampleId) {
        *self = match std::mem::take(self) {
            Self::One(one) if one.id == id => Self::None,
            Self::Many(many) => {
                let left: FuturesUnordered<_> =
                    many.into_iter().filter(|future| future.get_ref().is_some_and(|stream| stream.id != id)).collect();
                if left.is_empty() { Self::None } else { Self::Many(left) }
            }
            other => other,
        };
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Given> {
        match self {
            Self::None => Poll::Pending,
            Self::One(one) => {
                let id = one.id;
                if let Some(event) = ready!(Pin::new(one).poll_next(cx)) {
                    return Poll::Ready(Given::Event(id, event));
                }
                *self = Self::None;
                Poll::Ready(Given::Ended(id))
            }
            Self::Many(many) => match ready!(Pin::new(&mut *many).poll_next(cx)) {
                Some((Some(event), rest)) => {
                    let id = rest.id;
                    many.push(rest.into_future());
                    Poll::Ready(Given::Event(id, event))
                }
                Some((None, ended)) => Poll::Ready(Given::Ended(ended.id)),
                None => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use futures_util::stream;
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Streams that are never ready and count how many were begun.
    fn begun(samples: u32) -> (Streams, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let mut streams = Streams::default();
        for id in 0..samples {
            let (count, first) = (Arc::clone(&count), Cell::new(true));
            let stream = stream::poll_fn(move |_| {
                if first.replace(false) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Poll::Pending
            });
            streams.push(id, Box::pin(stream));
        }
        (streams, count)
    }

    #[test]
    fn samples_are_begun_one_at_a_turn() {
        let (mut streams, count) = begun(64);
        for turn in 1..=64 {
            assert!(streams.next().now_or_never().is_none());
            assert_eq!(count.load(Ordering::Relaxed), turn);
        }
    }

    #[tokio::test]
    async fn all_are_begun_without_another_wake() {
        let (mut streams, count) = begun(64);
        let waiting = tokio::spawn(async move { streams.next().await });
        while count.load(Ordering::Relaxed) < 64 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
    }

    #[test]
    fn what_was_cancelled_before_its_turn_is_never_begun() {
        let (mut streams, count) = begun(3);
        streams.cancel(0);
        streams.cancel(2);
        for _ in 0..3 {
            assert!(streams.next().now_or_never().is_none());
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}
