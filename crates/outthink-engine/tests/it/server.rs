//! Scripts for the testkit's server, step by step on the wire.

pub(crate) use outthink_testkit::server::Step as Do;
use outthink_testkit::server::{Reply, Scenario};
use std::ops::Deref;

/// A server that answers every request by scripts.
pub(crate) struct Server(outthink_testkit::server::Server);

impl Deref for Server {
    type Target = outthink_testkit::server::Server;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// Text to send.
pub(crate) fn text(text: impl Into<String>) -> Do {
    Do::raw(text.into())
}

/// The head of an event stream that ends with the connection.
pub(crate) fn stream_head() -> Do {
    text("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
}

/// A whole reply.
pub(crate) fn reply(status: &str, kind: &str, body: &str) -> Vec<Do> {
    let length = body.len();
    vec![text(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    ))]
}

/// A stream of events with these data.
pub(crate) fn events(data: &[&str]) -> Vec<Do> {
    let mut steps = vec![stream_head()];
    steps.extend(data.iter().map(|d| text(format!("data: {d}\n\n"))));
    steps
}

impl Server {
    /// Serves the scripts, one for each request in order; the last one again and again.
    #[expect(clippy::unused_async, reason = "a test reads better where all that is started is awaited")]
    pub(crate) async fn start(scripts: Vec<Vec<Do>>) -> Self {
        Self(outthink_testkit::server::Server::start(Scenario::anything(scripts.into_iter().map(Reply::wire))))
    }

    /// Its address, without `/v1`.
    pub(crate) fn url(&self) -> String {
        self.root()
    }

    /// Head and body of every request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.0.requests().iter().map(outthink_testkit::server::Request::whole).collect()
    }

    /// Clients that hung up before the server was done.
    pub(crate) fn left(&self) -> u64 {
        self.accounts().total().left
    }
}
