//! Several samples from one request: each stream gets its own choice, whoever polls first.

use super::upstream::Run;
use futures_core::Stream;
use futures_util::StreamExt as _;
use futures_util::stream::{self, SelectAll};
use outthink_core::{EngineError, SampleEvent, SampleStream};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

type Item = Result<SampleEvent, EngineError>;
type Source = Pin<Box<dyn Stream<Item = (usize, Item)> + Send>>;

struct Shared {
    /// `None` once it ended.
    source: Option<Source>,
    /// One for each stream; `None` once the stream was dropped.
    queues: Vec<Option<VecDeque<Item>>>,
}

/// The wakers of all streams, by choice.
struct Wakers(Mutex<Vec<Option<Waker>>>);

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        let wakers: Vec<Waker> = lock(&self.0).iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// One choice. The connection closes when the last one is dropped.
struct Share {
    index: usize,
    shared: Arc<Mutex<Shared>>,
    wakers: Arc<Wakers>,
    ended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes one run for each choice.
pub(super) type Each = Box<dyn FnOnce() -> Vec<Run> + Send>;

/// Splits a run of `n` choices into `n` streams. A server that refuses to draw several is asked by `each`.
pub(super) fn split(run: Run, n: usize, each: Each) -> Vec<SampleStream> {
    let drawing = Drawing::Together(Box::new(run), Some(each));
    let source: Source =
        Box::pin(stream::unfold(
            drawing,
            |mut drawing| async move { drawing.next().await.map(|event| (event, drawing)) },
        ));
    split_source(source, n)
}

/// The choices of one request, by one reply or by one for each.
enum Drawing {
    Together(Box<Run>, Option<Each>),
    Apart(SelectAll<Source>),
}

impl Drawing {
    async fn next(&mut self) -> Option<(usize, Item)> {
        loop {
            match self {
                Self::Apart(all) => return all.next().await,
                Self::Together(run, each) => {
                    if let Some(event) = run.next().await {
                        return Some(event);
                    }
                    let each = each.take().filter(|_| run.refuses_n())?;
                    let runs = each().into_iter().enumerate();
                    *self = Self::Apart(stream::select_all(runs.map(|(index, run)| apart(index, run))));
                }
            }
        }
    }
}

/// The events of a run of one choice, as those of the choice `index`.
fn apart(index: usize, run: Run) -> Source {
    Box::pin(stream::unfold(run, move |mut run| async move {
        let (_, event) = run.next().await?;
        Some(((index, event), run))
    }))
}

fn split_source(source: Source, n: usize) -> Vec<SampleStream> {
    let shared = Arc::new(Mutex::new(Shared { source: Some(source), queues: vec![Some(VecDeque::new()); n] }));
    let wakers = Arc::new(Wakers(Mutex::new(vec![None; n])));
    let share = |index| -> SampleStream {
        Box::pin(Share { index, shared: Arc::clone(&shared), wakers: Arc::clone(&wakers), ended: false })
    };
    (0..n).map(share).collect()
}

impl Stream for Share {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = self.poll_shared(cx);
        if let Poll::Ready(None | Some(Err(_) | Ok(SampleEvent::Finish(_)))) = &next {
            self.ended = true;
        }
        next
    }
}

impl Share {
    fn poll_shared(&self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        // Before the source is looked at, or a wake between the two would be lost.
        if let Some(slot) = lock(&self.wakers.0).get_mut(self.index) {
            *slot = Some(cx.waker().clone());
        }
        let waker = Waker::from(Arc::clone(&self.wakers));
        let mut moved = false;
        let next = {
            let mut shared = lock(&self.shared);
            loop {
                let mine = shared.queues.get_mut(self.index);
                if let Some(item) = mine.and_then(Option::as_mut).and_then(VecDeque::pop_front) {
                    break Poll::Ready(Some(item));
                }
                let Some(source) = shared.source.as_mut() else {
                    break Poll::Ready(None);
                };
                match source.as_mut().poll_next(&mut Context::from_waker(&waker)) {
                    Poll::Pending => break Poll::Pending,
                    Poll::Ready(None) => shared.source = None,
                    Poll::Ready(Some((index, item))) => {
                        if let Some(Some(queue)) = shared.queues.get_mut(index) {
                            queue.push_back(item);
                        }
                    }
                }
                moved = true;
            }
        };
        if moved {
            // The source took no waker for what it just gave: let every stream look again.
            waker.wake_by_ref();
        }
        next
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let source = {
            let mut shared = lock(&self.shared);
            if let Some(queue) = shared.queues.get_mut(self.index) {
                *queue = None;
            }
            let all_gone = shared.queues.iter().all(Option::is_none);
            all_gone.then(|| shared.source.take()).flatten()
        };
        drop(source);
        // The dropped stream may have been the only one that was to be woken.
        Waker::from(Arc::clone(&self.wakers)).wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use outthink_core::Delta;

    #[expect(clippy::unnecessary_wraps, reason = "the item of the streams under test")]
    fn delta(text: &str) -> Item {
        Ok(SampleEvent::Delta(Delta { content: text.into(), ..Delta::default() }))
    }

    #[tokio::test]
    async fn every_stream_gets_its_own_whatever_the_order_of_reading() {
        let events = vec![(1, delta("b")), (0, delta("a")), (1, delta("c")), (7, delta("?"))];
        let mut streams = split_source(Box::pin(stream::iter(events)), 2);
        let second = streams.pop().unwrap();
        let first = streams.pop().unwrap();
        assert_eq!(first.collect::<Vec<_>>().await, [delta("a")]);
        assert_eq!(second.collect::<Vec<_>>().await, [delta("b"), delta("c")]);
    }

    #[tokio::test]
    async fn a_stream_goes_on_when_the_one_that_polled_is_dropped() {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let source = stream::unfold(receiver, |mut r| async move { r.recv().await.map(|e| (e, r)) });
        let mut streams = split_source(Box::pin(source), 2);
        let mut second = streams.pop().unwrap();
        let mut first = streams.pop().unwrap();
        let reader = tokio::spawn(async move { second.next().await });
        tokio::task::yield_now().await;
        assert!(first.next().now_or_never().is_none());
        drop(first);
        sender.send((1, delta("x"))).unwrap();
        assert_eq!(reader.await.unwrap(), Some(delta("x")));
        assert!(sender.is_closed(), "the last stream closes the source");
    }
}
