//! A client's socket: how long it may take for each thing, and whether who closed it still listens.
//!
//! A client that is gone and one that has only finished sending look alike: either way the socket reads as ended.
//! The difference shows when something is sent, because the system of a client that is gone answers it by a reset.
//! So the first bytes of the reply, which are the same in every reply, are sent before there is one.

use crate::run::Limits;
use axum::body::{Body, Bytes};
use futures_util::task::AtomicWaker;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

/// With what every reply of HTTP/1 begins.
const BEGINNING: &[u8] = b"HTTP/1.";
/// How soon it is looked whether the client's system has answered, and how seldom at last.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// The other end of a connection.
pub(super) trait Peer: AsyncRead + AsyncWrite + Unpin {
    /// Whether a client that is gone can be told from one that still listens.
    const TELLS: bool;

    /// Whether the connection was reset.
    fn is_reset(&self) -> bool;
}

impl Peer for TcpStream {
    const TELLS: bool = true;

    fn is_reset(&self) -> bool {
        !matches!(self.take_error(), Ok(None))
    }
}

impl Peer for TlsStream<TcpStream> {
    // Who ends a TLS connection closes it.
    const TELLS: bool = false;

    fn is_reset(&self) -> bool {
        false
    }
}

/// What a connection is doing, as far as its socket has to know.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// A request is being answered.
    busy: AtomicBool,
    /// All of the request was read.
    whole: AtomicBool,
    /// How often somebody asked for more of the request's body, and whether the last time nothing was there.
    asked: AtomicU64,
    hungry: AtomicBool,
    /// Requests so far.
    count: AtomicU64,
    /// Who waits for the next head: only when the exchange has ended its time begins.
    waits: AtomicWaker,
}

impl Exchange {
    /// Of a connection whose protocol keeps its own times.
    pub(super) fn always_busy() -> Self {
        Self { busy: AtomicBool::new(true), ..Self::default() }
    }

    /// A request has come; the exchange ends when the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Ended {
        self.whole.store(false, Ordering::Relaxed);
        self.hungry.store(false, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        Ended(Arc::clone(self))
    }
}

/// The body of a request, with whose end the request is whole.
pub(super) struct Coming {
    body: Incoming,
    exchange: Arc<Exchange>,
}

impl Coming {
    pub(super) fn new(body: Incoming, exchange: Arc<Exchange>) -> Self {
        let coming = Self { body, exchange };
        coming.note();
        coming
    }

    /// Notes whether that was all.
    fn note(&self) {
        if self.body.is_end_stream() {
            self.exchange.whole.store(true, Ordering::Relaxed);
        }
    }
}

impl hyper::body::Body for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.exchange.asked.fetch_add(1, Ordering::Relaxed);
        self.exchange.hungry.store(frame.is_pending(), Ordering::Relaxed);
        match &frame {
            Poll::Ready(None) => self.exchange.whole.store(true, Ordering::Relaxed),
            Poll::Ready(Some(Ok(_))) => self.note(),
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Ends an exchange when it is dropped.
#[derive(Debug)]
pub(super) struct Ended(Arc<Exchange>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
        self.0.waits.wake();
    }
}

/// The body of a reply, with whose end the exchange ends.
pub(super) struct Watched {
    pub(super) body: Body,
    pub(super) _ended: Ended,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Who the client is, once its side reads as ended.
enum End {
    /// It has not ended.
    Open,
    /// It ended when the body had been asked for so often. All of the request may have come before that and not yet
    /// been read.
    Unread(Pin<Box<Sleep>>, u64),
    /// The beginning of the reply was sent; it is looked again and again whether that was refused.
    Probed(Pin<Box<Sleep>>, Duration),
}

/// A client's socket.
pub(super) struct Socket<S> {
    stream: S,
    limits: Limits,
    exchange: Arc<Exchange>,
    /// The exchange that was seen last, and whether something of its reply was written.
    seen: u64,
    wrote: bool,
    /// The exchange after which the connection was unused last.
    unused_after: u64,
    /// Whether a head is being read; if not, the connection is unused.
    receiving: bool,
    /// Until when a head must be here, or another request must have begun.
    due: Pin<Box<Sleep>>,
    end: End,
    /// Bytes of the reply's beginning that were sent before it.
    ahead: usize,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S: Peer> Socket<S> {
    pub(super) fn new(stream: S, limits: Limits, exchange: Arc<Exchange>) -> Self {
        let due = Box::pin(sleep(limits.head));
        Self {
            stream,
            limits,
            exchange,
            seen: 0,
            wrote: false,
            unused_after: 0,
            receiving: true,
            due,
            end: End::Open,
            ahead: 0,
            waiting: None,
        }
    }

    fn is_busy(&mut self) -> bool {
        let count = self.exchange.count.load(Ordering::Relaxed);
        if count != self.seen {
            (self.seen, self.wrote) = (count, false);
        }
        self.exchange.busy.load(Ordering::Relaxed)
    }

    /// Whether a head or the next request is too late.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let busy = self.is_busy();
        if !busy && self.unused_after != self.seen {
            self.unused_after = self.seen;
            self.receiving = false;
            self.due = Box::pin(sleep(self.limits.idle));
        }
        if busy {
            self.exchange.waits.register(cx.waker());
            return false;
        }
        self.due.as_mut().poll(cx).is_ready()
    }

    /// The client's side has ended: whether it is gone. Pending while it may still listen.
    fn gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !(S::TELLS && self.is_busy()) {
            return Poll::Ready(());
        }
        loop {
            let asked = self.exchange.asked.load(Ordering::Relaxed);
            match &mut self.end {
                // Of a reply that had begun before, the next write says whether anybody reads it; there may be none.
                End::Open if self.wrote => return Poll::Ready(()),
                End::Open => self.end = End::Unread(Box::pin(sleep(LOOK.0)), asked),
                End::Unread(look, before) => {
                    if self.exchange.whole.load(Ordering::Relaxed) {
                        // A reply that has begun by now cannot begin again.
                        if !self.wrote {
                            match Pin::new(&mut self.stream).poll_write(cx, BEGINNING) {
                                Poll::Ready(Ok(sent)) if sent > 0 => self.ahead = sent,
                                _ => return Poll::Ready(()),
                            }
                        }
                        self.end = End::Probed(Box::pin(sleep(LOOK.0)), LOOK.0);
                        continue;
                    }
                    // More was asked for since, and nothing is there: the rest of the body will not come.
                    if asked > *before && self.exchange.hungry.load(Ordering::Relaxed) {
                        return Poll::Ready(());
                    }
                    ready!(look.as_mut().poll(cx));
                    *look = Box::pin(sleep(LOOK.0));
                }
                End::Probed(look, pause) => {
                    ready!(look.as_mut().poll(cx));
                    if self.stream.is_reset() {
                        return Poll::Ready(());
                    }
                    *pause = (*pause * 2).min(LOOK.1);
                    *look = Box::pin(sleep(*pause));
                }
            }
        }
    }

    /// Ends the wait where the write got on, and the connection where it waited too long.
    fn watch<T>(&mut self, written: Poll<Result<T>>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let limit = self.limits.write;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl<S: Peer> AsyncRead for Socket<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() == before && buf.remaining() > 0 => {
                ready!(self.gone(cx));
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) => {
                // The first bytes on an unused connection: from now on a head is being read.
                let busy = self.is_busy();
                if !busy && !self.is_late(cx) && !self.receiving {
                    self.receiving = true;
                    self.due = Box::pin(sleep(self.limits.head));
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if self.is_late(cx) => {
                Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client sends nothing")))
            }
            other => other,
        }
    }
}

impl<S: Peer> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.is_busy();
        self.wrote = true;
        let skipped = self.ahead.min(bytes.len());
        if skipped > 0 && skipped == bytes.len() {
            self.ahead -= skipped;
            return Poll::Ready(Ok(skipped));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, &bytes[skipped..]);
        let written = ready!(self.watch(written, cx))?;
        self.ahead -= skipped;
        Poll::Ready(Ok(skipped + written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if self.ahead > 0 {
            let first = pieces.iter().find(|piece| !piece.is_empty()).map_or(&[][..], |piece| piece);
            return self.poll_write(cx, first);
        }
        self.is_busy();
        self.wrote = true;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.watch(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(ended, cx)
    }
}
