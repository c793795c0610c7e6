//! The streams of the samples that run.

use futures_util::stream::{FuturesUnordered, StreamExt, StreamFuture};
use outthink_core::{EngineError, SampleEvent, SampleId, SampleStream};
use std::pin::Pin;
use std::task::{Context, Poll};

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

/// The streams of the samples that run; dropping one cancels its sample. Most requests have one sample, which
/// is polled without the bookkeeping that many need.
#[derive(Default)]
pub(crate) enum Streams {
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
        let new = Tagged { id, stream };
        *self = match std::mem::take(self) {
            Self::None => Self::One(new),
            Self::One(old) => Self::Many([old.into_future(), new.into_future()].into_iter().collect()),
            Self::Many(many) => {
                many.push(new.into_future());
                Self::Many(many)
            }
        };
    }

    /// Drops the stream of a sample, and with it the sample's work.
    pub(crate) fn cancel(&mut self, id: SampleId) {
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

    /// Drops all.
    pub(crate) fn clear(&mut self) {
        *self = Self::None;
    }

    /// What comes next; pending for ever where no stream is left. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Given {
        match self {
            Self::None => std::future::pending().await,
            Self::One(one) => {
                let id = one.id;
                match one.next().await {
                    Some(event) => Given::Event(id, event),
                    None => {
                        *self = Self::None;
                        Given::Ended(id)
                    }
                }
            }
            Self::Many(many) => match many.next().await {
                Some((Some(event), rest)) => {
                    let id = rest.id;
                    many.push(rest.into_future());
                    Given::Event(id, event)
                }
                Some((None, ended)) => Given::Ended(ended.id),
                None => std::future::pending().await,
            },
        }
    }
}
