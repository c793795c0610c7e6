//! The way to a server: connections of our own where its address is plain HTTP, reqwest elsewhere.

use super::options::Timeouts;
use super::plain::{Leased, Plain, PlainReply};
use super::proxy;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{StatusCode, Uri};
use outthink_core::{EngineError, Origin};
use reqwest::{Url, redirect};
use std::borrow::Cow;
use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// How long an unused connection is kept: less than the 5 s after which uvicorn closes it.
const UNUSED: Duration = Duration::from_secs(4);

/// A request that got no reply, or a reply that broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Whether there was no connection.
    pub(super) connect: bool,
    pub(super) timeout: bool,
    /// In words, without the address, which may hold a name and a password.
    pub(super) cause: String,
}

fn deepest(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        let (connect, timeout) = (error.is_connect(), error.is_timeout());
        Self { connect, timeout, cause: deepest(&error.without_url()) }
    }
}

impl From<hyper::Error> for Broken {
    fn from(error: hyper::Error) -> Self {
        Self { connect: false, timeout: error.is_timeout(), cause: deepest(&error) }
    }
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    url: Url,
    path: Uri,
}

impl Place {
    /// The place with this address.
    pub(super) fn new(address: &str) -> Result<Self, EngineError> {
        let invalid = || EngineError::new(Origin::Caller, "the address of the engine is not a valid http address");
        let url = Url::parse(address).map_err(|_| invalid())?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()).parse(),
            None => url.path().parse(),
        };
        Ok(Self { path: path.map_err(|_| invalid())?, url })
    }
}

/// What a reply is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    Events,
    Anything,
}

/// Makes the headers that sign one request, from where it goes and its body.
pub(crate) type Sign = Arc<dyn Fn(&Url, &[u8]) -> Result<HeaderMap, EngineError> + Send + Sync>;

/// What requests to a server are authenticated by.
#[derive(Clone, Default)]
pub(crate) struct Access {
    /// Headers of every request.
    headers: HeaderMap,
    /// What signs each request, where the server wants that.
    sign: Option<Sign>,
}

impl Access {
    /// By a bearer token, where there is a key.
    pub(crate) fn bearer(key: Option<&str>) -> Result<Self, EngineError> {
        match key.filter(|key| !key.is_empty()) {
            Some(key) => Self::default().secret(AUTHORIZATION, &format!("Bearer {key}")),
            None => Ok(Self::default()),
        }
    }

    /// By a header that is never printed.
    pub(crate) fn secret(mut self, name: HeaderName, value: &str) -> Result<Self, EngineError> {
        let Ok(mut value) = HeaderValue::from_str(value) else {
            let words = "the key of the engine holds characters that no header can carry";
            return Err(EngineError::new(Origin::Caller, words));
        };
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    /// With a header that is no secret.
    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    /// By a signature of each request.
    pub(crate) fn signed(sign: Sign) -> Self {
        Self { sign: Some(sign), ..Self::default() }
    }
}

/// Sends requests to one server.
pub(super) struct Client {
    any: reqwest::Client,
    plain: Option<Arc<Plain>>,
    headers: HeaderMap,
    /// The same, asking for events.
    events: HeaderMap,
    sign: Option<Sign>,
    /// Whether `any` may hold connections that were used before.
    was_used: AtomicBool,
}

/// A connection that a request can be sent over; it is not used by anybody else.
pub(super) struct Connection(Option<Leased>);

impl Client {
    /// For the server at `endpoint`, by the proxy that the environment names for it.
    pub(super) fn new(endpoint: &str, access: Access, timeouts: &Timeouts) -> Result<Self, EngineError> {
        let url = Place::new(endpoint)?.url;
        let proxy = proxy::of_environment(&url)?;
        Self::by(proxy.as_ref(), &url, access, timeouts)
    }

    fn by(proxy: Option<&Url>, url: &Url, access: Access, timeouts: &Timeouts) -> Result<Self, EngineError> {
        // An error means that the program has chosen a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let any = reqwest::Client::builder()
            .connect_timeout(timeouts.connect)
            .pool_idle_timeout(UNUSED)
            // A key must not follow a redirect to another host.
            .redirect(redirect::Policy::none())
            .no_proxy();
        let any = match proxy {
            Some(proxy) => any.proxy(reqwest::Proxy::all(proxy.clone()).map_err(|e| {
                let words = format!("the proxy of the environment cannot be used: {}", e.without_url());
                EngineError::new(Origin::Caller, words)
            })?),
            None => any,
        };
        let any = if url.scheme() == "http" && proxy.is_none_or(|p| p.scheme() == "http") {
            // Spares reading the system's certificates, which may not be there.
            any.tls_certs_only([])
        } else {
            any
        };
        let any = any.build().map_err(|e| {
            EngineError::new(Origin::Internal, format!("no HTTP client could be made: {e}"))
                .with_hint("are the system's certificates installed?")
        })?;
        let Access { mut headers, sign } = access;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let plain = if proxy.is_none() { plain(url, timeouts.connect) } else { None };
        let mut events = headers.clone();
        events.entry(ACCEPT).or_insert(HeaderValue::from_static("text/event-stream"));
        Ok(Self { any, plain, headers, events, sign, was_used: AtomicBool::new(false) })
    }

    /// A connection to send a request over. Where connections are not ours, there is one when it is sent.
    pub(super) async fn connect(&self) -> Result<Connection, Broken> {
        match &self.plain {
            Some(plain) => plain.lease().await.map(|leased| Connection(Some(leased))),
            None => Ok(Connection(None)),
        }
    }

    /// Sends JSON, and waits for the head of the reply.
    pub(super) async fn post(&self, to: &Place, accept: Accept, body: Bytes) -> Result<Reply, Broken> {
        let connection = self.connect().await?;
        self.send(connection, to, accept, body).await
    }

    /// Sends JSON over a connection, and waits for the head of the reply. A connection that was used before
    /// and is closed by the server instead of a reply is replaced by a new one, once.
    pub(super) async fn send(
        &self,
        connection: Connection,
        to: &Place,
        accept: Accept,
        body: Bytes,
    ) -> Result<Reply, Broken> {
        let headers = match accept {
            Accept::Events => &self.events,
            Accept::Anything => &self.headers,
        };
        let headers = self.signed(headers, to, &body)?;
        let headers = headers.as_ref();
        if let (Some(plain), Connection(Some(leased))) = (&self.plain, connection) {
            return plain.post(leased, &to.path, headers, body).await.map(Reply::Plain);
        }
        let request = || self.any.post(to.url.clone()).headers(headers.clone()).body(body.clone()).send();
        let reply = match request().await {
            Err(error) if self.was_used.load(Relaxed) && was_closed(&error) => request().await,
            reply => reply,
        };
        let reply = reply?;
        self.was_used.store(true, Relaxed);
        Ok(Reply::Any(reply))
    }

    /// The headers, with those that sign the request where the server wants that.
    fn signed<'a>(&self, headers: &'a HeaderMap, to: &Place, body: &[u8]) -> Result<Cow<'a, HeaderMap>, Broken> {
        let Some(sign) = &self.sign else { return Ok(Cow::Borrowed(headers)) };
        let unsigned = |error: EngineError| Broken { connect: false, timeout: false, cause: error.to_string() };
        let mut all = headers.clone();
        all.extend(sign(&to.url, body).map_err(unsigned)?);
        Ok(Cow::Owned(all))
    }

    /// Asks for what is at a place.
    pub(super) async fn get(&self, at: &Place) -> Result<Reply, Broken> {
        let mut headers = self.headers.clone();
        headers.remove(CONTENT_TYPE);
        Ok(Reply::Any(self.any.get(at.url.clone()).headers(headers).send().await?))
    }
}

/// Whether a connection was closed before any of the reply came.
fn was_closed(error: &reqwest::Error) -> bool {
    if error.is_connect() || error.is_timeout() {
        return false;
    }
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(|e| e.is_incomplete_message() || e.is_closed()) {
            return true;
        }
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if kind.is_some_and(|k| matches!(k, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Connections of our own to a plain address, unless a name and password are to be used.
fn plain(url: &Url, connect: Duration) -> Option<Arc<Plain>> {
    let host = url.host_str().filter(|_| url.scheme() == "http" && url.username().is_empty())?;
    let bare = host.trim_matches(['[', ']']);
    let named = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let named = HeaderValue::from_str(&named).ok()?;
    Some(Plain::new((bare.to_owned(), url.port().unwrap_or(80)), named, connect, UNUSED))
}

/// A reply while its body comes. Dropping it closes the connection.
pub(super) enum Reply {
    Plain(PlainReply),
    Any(reqwest::Response),
}

impl Reply {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Plain(reply) => reply.status,
            Self::Any(reply) => reply.status(),
        }
    }

    /// A header as text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        let headers = match self {
            Self::Plain(reply) => &reply.headers,
            Self::Any(reply) => reply.headers(),
        };
        headers.get(name)?.to_str().ok()
    }

    /// The next piece of the body. Nothing is lost where the wait for it is given up.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Broken> {
        match self {
            Self::Plain(reply) => reply.chunk().await,
            Self::Any(reply) => Ok(reply.chunk().await?),
        }
    }

    /// At most `limit` bytes of the body as text.
    pub(super) async fn text(&mut self, limit: usize) -> Result<String, Broken> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            let room = limit - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if bytes.len() == limit {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn where_a_proxy_applies_both_clients_go_by_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let proxy = tokio::spawn(async move {
            let mut heads = Vec::new();
            for _ in 0..2 {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 4096];
                let read = socket.read(&mut head).await.unwrap();
                heads.push(String::from_utf8_lossy(&head[..read]).into_owned());
                let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                socket.write_all(reply).await.unwrap();
            }
            heads
        });
        let (url, proxied) = (Url::parse("http://model.example/v1").unwrap(), Url::parse(&address).unwrap());
        let client = Client::by(Some(&proxied), &url, Access::default(), &Timeouts::default()).unwrap();
        assert!(client.plain.is_none());
        let place = Place::new("http://model.example/v1/models").unwrap();
        let mut reply = client.post(&place, Accept::Anything, Bytes::from_static(b"{}")).await.unwrap();
        assert_eq!(reply.text(9).await.unwrap(), "{}");
        client.get(&place).await.unwrap();
        let heads = proxy.await.unwrap();
        assert!(heads[0].starts_with("POST http://model.example/v1/models HTTP/1.1"), "{}", heads[0]);
        assert!(heads[1].starts_with("GET http://model.example/v1/models HTTP/1.1"), "{}", heads[1]);

        let client = Client::by(None, &url, Access::default(), &Timeouts::default()).unwrap();
        assert!(client.plain.is_some(), "connections of our own where none applies");
    }
}
