//! Connections over plain HTTP/1.1 to one server, kept for the next request.
//!
//! No connection has a task of its own: whoever waits for a reply moves its bytes. So a piece of a reply
//! costs no hop between tasks, and dropping the reply closes the connection at once. What is kept unused
//! is closed by a task that ends with the last of them.

use super::http::Broken;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How often unused connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// A body that is there as a whole.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// One connection.
struct Link {
    sender: SendRequest<Whole>,
    connection: Connection<TokioIo<TcpStream>, Whole>,
    /// Whether the connection is over; it is not to be asked again then.
    ended: bool,
    unused_since: Instant,
}

impl Link {
    /// Moves bytes.
    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            self.ended = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }

    /// Whether another request can be sent.
    fn is_fit(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.ended && self.sender.is_ready()
    }

    async fn ask(&mut self, request: Request<Whole>) -> hyper::Result<Response<Incoming>> {
        let mut reply = pin!(self.sender.send_request(request));
        let (connection, ended) = (&mut self.connection, &mut self.ended);
        poll_fn(|cx| {
            if !*ended {
                *ended = Pin::new(&mut *connection).poll(cx).is_ready();
            }
            // A connection that ended has told the reply why.
            reply.as_mut().poll(cx)
        })
        .await
    }
}

/// A connection for one request.
pub(super) struct Road {
    link: Box<Link>,
    /// Whether it was kept since another request.
    was_used: bool,
}

#[derive(Default)]
struct Kept {
    /// The one that was used last comes last.
    #[expect(clippy::vec_box, reason = "a connection is large, and moves in and out at each request")]
    links: Vec<Box<Link>>,
    swept: bool,
}

/// The connections to one server.
pub(super) struct Plain {
    address: (String, u16),
    host: HeaderValue,
    connect: Duration,
    unused: Duration,
    kept: Mutex<Kept>,
}

impl Plain {
    /// For the server with this name and port. A connection must stand within `connect`, and is closed
    /// when it was not used for `unused`.
    pub(super) fn new(address: (String, u16), host: HeaderValue, connect: Duration, unused: Duration) -> Arc<Self> {
        Arc::new(Self { address, host, connect, unused, kept: Mutex::default() })
    }

    /// A kept connection, or a new one.
    pub(super) async fn road(&self) -> Result<Road, Broken> {
        match self.take() {
            Some(link) => Ok(Road { link, was_used: true }),
            None => Ok(Road { link: self.connect().await?, was_used: false }),
        }
    }

    /// Sends a request and waits for the head of its reply. A server may close a kept connection at any
    /// time: the request is then sent once more, over a new one.
    pub(super) async fn post(
        self: &Arc<Self>,
        mut road: Road,
        path: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<PlainReply, Broken> {
        loop {
            let mut request = Request::new(Whole(Some(body.clone())));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = path.clone();
            *request.headers_mut() = headers.clone();
            request.headers_mut().insert(HOST, self.host.clone());
            match road.link.ask(request).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    return Ok(PlainReply {
                        status: head.status,
                        headers: head.headers,
                        body,
                        link: Some(road.link),
                        home: Arc::clone(self),
                    });
                }
                Err(error) if road.was_used && !(error.is_parse() || error.is_timeout() || error.is_user()) => {
                    road = Road { link: self.connect().await?, was_used: false };
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn connect(&self) -> Result<Box<Link>, Broken> {
        let (host, port) = (self.address.0.as_str(), self.address.1);
        let Ok(connected) = timeout(self.connect, TcpStream::connect((host, port))).await else {
            return Err(Broken { connect: true, timeout: true, cause: String::new() });
        };
        let no_connection = |cause: String| Broken { connect: true, timeout: false, cause };
        let stream = connected.map_err(|error| no_connection(error.to_string()))?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| no_connection(error.to_string()))?;
        Ok(Box::new(Link { sender, connection, ended: false, unused_since: Instant::now() }))
    }

    /// The connection that was used last and is still fit.
    fn take(&self) -> Option<Box<Link>> {
        loop {
            let mut link = self.lock().links.pop()?;
            if link.is_fit() {
                return Some(link);
            }
        }
    }

    fn keep(self: &Arc<Self>, mut link: Box<Link>) {
        link.drive(&mut Context::from_waker(Waker::noop()));
        if link.ended {
            return;
        }
        link.unused_since = Instant::now();
        let mut kept = self.lock();
        kept.links.push(link);
        if !std::mem::replace(&mut kept.swept, true) {
            drop(kept);
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what was not used for long, until nothing is kept.
async fn sweep(plain: Weak<Plain>) {
    loop {
        sleep(SWEEP).await;
        let Some(plain) = plain.upgrade() else { return };
        let mut kept = plain.lock();
        let oldest_first = kept.links.iter();
        let gone = oldest_first.take_while(|link| link.unused_since.elapsed() >= plain.unused).count();
        let closed: Vec<Box<Link>> = kept.links.drain(..gone).collect();
        if kept.links.is_empty() {
            kept.swept = false;
        }
        let over = !kept.swept;
        drop(kept);
        drop(closed);
        if over {
            return;
        }
    }
}

/// A reply while its body comes. Dropping it before its end closes the connection.
pub(super) struct PlainReply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Incoming,
    /// Gone once the body has ended.
    link: Option<Box<Link>>,
    home: Arc<Plain>,
}

impl PlainReply {
    /// The next piece of the body. Nothing is lost where the wait for it is given up.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Broken>> {
        let mut moved = false;
        loop {
            let Some(link) = &mut self.link else { return Poll::Ready(Ok(None)) };
            match Pin::new(&mut self.body).poll_frame(cx) {
                // Trailers are passed over.
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.link = None;
                    return Poll::Ready(Err(error.into()));
                }
                Poll::Ready(None) => {
                    if let Some(link) = self.link.take() {
                        self.home.keep(link);
                    }
                    return Poll::Ready(Ok(None));
                }
                Poll::Pending if moved => return Poll::Pending,
                Poll::Pending => {
                    link.drive(cx);
                    moved = true;
                }
            }
        }
    }
}
