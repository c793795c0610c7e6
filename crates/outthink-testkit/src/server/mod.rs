//! A server with the OpenAI API that does on the wire whatever a scenario says, and keeps accounts.
//!
//! It is written over plain sockets, because what a test wants of it is what no HTTP library sends: half a
//! body, a reset between two events, one byte at a time, bytes that are no UTF-8. It has no model.
//!
//! ```
//! use outthink_testkit::server::{Reply, Scenario, Server, Step};
//! use serde_json::json;
//!
//! // The first request is refused, the second one breaks off in the middle of an event.
//! let server = Server::start(Scenario::chat([
//!     Reply::error(429, "too fast", "rate_limit_error", "rate_limit_exceeded").header("retry-after", "1"),
//!     Reply::events([json!({"choices": [{"index": 0, "delta": {"content": "4"}}]})]).cut_after(20, Step::Reset),
//! ]));
//! assert!(server.url().ends_with("/v1") && server.requests().is_empty());
//! ```

mod accounts;
mod chaos;
mod http;
mod message;
mod provider;
mod reply;
mod scenario;
mod steady;

pub use accounts::{Account, Accounts};
pub use chaos::{Chaos, Fault};
pub use http::Request;
pub use message::{Form, Message};
pub use provider::{Counts, Provider, Turn};
pub use reply::{Reply, Step};
pub use scenario::Scenario;
pub use steady::Steady;

use accounts::{Open, lock};
use http::Incoming;
use reply::{Framing, Rendered};
use std::collections::HashMap;
use std::io::{Error, Result};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

struct Shared {
    scenario: Scenario,
    accounts: Accounts,
    calls: AtomicU64,
    connections: AtomicU64,
    requests: Mutex<Vec<Request>>,
    numbers: Mutex<HashMap<String, u64>>,
}

/// A running server; dropping it closes it and all of its connections.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    host: Host,
}

/// What a server runs on.
enum Host {
    /// A thread of its own.
    Thread(Option<oneshot::Sender<()>>, Option<std::thread::JoinHandle<()>>),
    /// The threads of a runtime that others use, too.
    Task(tokio::task::JoinHandle<()>),
}

impl Server {
    /// Starts on a free port of this machine.
    ///
    /// # Panics
    /// If there is none: a test has nothing to say without its server.
    #[expect(clippy::expect_used, reason = "a test has nothing to say without its server")]
    pub fn start(scenario: impl Into<Scenario>) -> Self {
        Self::start_at("127.0.0.1:0", scenario).expect("a free port of this machine")
    }

    /// Starts at an address, with one thread.
    ///
    /// # Errors
    /// If the address is taken or not valid.
    pub fn start_at(address: impl ToSocketAddrs, scenario: impl Into<Scenario>) -> Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(scenario.into()));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let accepting = Arc::clone(&shared);
        let run = async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            tokio::select! {
                _ = stopped => {}
                () = accept(listener, accepting) => {}
            }
        };
        let thread = std::thread::Builder::new().name("testkit-server".into()).spawn(move || runtime.block_on(run))?;
        Ok(Self { address, shared, host: Host::Thread(Some(stop), Some(thread)) })
    }

    /// Starts on a free port of this machine, on the threads of the runtime that it is called in: under a load that
    /// one thread does not bear, what that thread has not yet seen would be taken for what the gateway has not done.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start_in_runtime(scenario: impl Into<Scenario>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(scenario.into()));
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, host: Host::Task(task) })
    }

    /// Serves on the threads of the runtime that it is called in, for ever: a server to be measured against.
    ///
    /// # Errors
    /// If the address is taken or not valid.
    pub async fn run_at(address: SocketAddr, scenario: impl Into<Scenario>) -> Result<()> {
        let listener = TcpListener::bind(address).await?;
        accept(listener, Arc::new(Shared::new(scenario.into()))).await;
        Err(Error::other("the server ended"))
    }

    /// Host and port.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address, with `/v1`.
    pub fn url(&self) -> String {
        format!("{}/v1", self.root())
    }

    /// Its address, without `/v1`.
    pub fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests to scripted routes so far, in order. A [`Steady`] server keeps none of its own.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// What it has done so far.
    pub fn accounts(&self) -> &Accounts {
        &self.shared.accounts
    }

    /// Connections that were opened to it so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until its totals are as `holds` wants them, for 10 seconds at most; whether they came to be.
    pub async fn until(&self, holds: impl Fn(&Account) -> bool) -> bool {
        let began = Instant::now();
        while !holds(&self.accounts().total()) {
            if began.elapsed() > Duration::from_secs(10) {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match &mut self.host {
            Host::Thread(stop, thread) => {
                drop(stop.take());
                if let Some(thread) = thread.take() {
                    let _ = thread.join();
                }
            }
            Host::Task(task) => task.abort(),
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    fn new(scenario: Scenario) -> Self {
        Self {
            scenario,
            accounts: Accounts::default(),
            calls: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            requests: Mutex::default(),
            numbers: Mutex::default(),
        }
    }

    /// Keeps a request and counts it on its route; its number there.
    fn keep(&self, request: &Request, route: &str) -> u64 {
        if self.scenario.steady.is_none() {
            lock(&self.requests).push(request.clone());
        }
        let mut numbers = lock(&self.numbers);
        let next = numbers.entry(route.to_owned()).or_default();
        *next += 1;
        *next - 1
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and then all connections are closed.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let number = shared.connections.fetch_add(1, Ordering::SeqCst);
            connections.spawn(serve(stream, number, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the requests of one connection, one after another.
async fn serve(stream: TcpStream, number: u64, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut incoming = Incoming::new(stream, number);
    while let Ok(Some(request)) = incoming.request().await {
        if shared.scenario.stale && request.before > 0 {
            return;
        }
        let reusable = answer(&mut incoming, &request, &shared).await;
        let asked_to_close = request.header("connection").is_some_and(|c| c.eq_ignore_ascii_case("close"));
        if asked_to_close || !matches!(reusable, Ok(true)) {
            return;
        }
    }
}

/// Answers one request; whether the connection can serve another.
async fn answer(incoming: &mut Incoming, request: &Request, shared: &Shared) -> Result<bool> {
    let (scenario, is_post) = (&shared.scenario, request.method == "POST");
    if let Some(route) = scenario.route(&request.path) {
        let number = shared.keep(request, route);
        if let Some(reply) = scenario.reply(route, number, request) {
            let rendered = reply.render(request, &scenario.model);
            let asked = if is_post { request.json() } else { serde_json::Value::Null };
            let mut open = shared.accounts.open(asked["user"].as_str(), rendered.prompt);
            return play(incoming, rendered, &mut open).await;
        }
    }
    let path = request.path.as_str();
    if let (true, Some(steady)) = (is_post, &scenario.steady) {
        match path {
            Scenario::CHAT | Scenario::COMPLETIONS => return steady.answer(incoming, request, shared).await,
            "/accounts/reset" => {
                shared.accounts.reset();
                return incoming.json(200, "{}", &[]).await;
            }
            _ => {}
        }
    }
    match path {
        _ if is_post => {
            shared.keep(request, path);
            let error = steady::error("nothing is here");
            incoming.json(404, &error, &[]).await
        }
        Scenario::MODELS => incoming.json(200, &scenario.models().to_string(), &[]).await,
        "/metrics" => incoming.whole(200, "text/plain", shared.accounts.metrics().as_bytes(), &[]).await,
        "/accounts" => incoming.json(200, &shared.accounts.json(), &[]).await,
        _ => incoming.json(200, &scenario.about().to_string(), &[]).await,
    }
}

/// Does what a reply says, and counts what was sent; whether the connection can serve another request.
async fn play(to: &mut Incoming, reply: Rendered, open: &mut Open<'_>) -> Result<bool> {
    open.parts(reply.parts);
    if !reply.wait.is_zero() {
        to.wait(reply.wait).await?;
    }
    if !reply.head.is_empty() {
        to.write(&reply.head).await?;
    }
    for (step, tokens) in &reply.steps {
        match step {
            Step::Send(bytes) => {
                let (size, pause) = reply.pieces.unwrap_or((usize::MAX, Duration::ZERO));
                for piece in bytes.chunks(size.max(1)) {
                    send(to, piece, reply.framing).await?;
                    if !pause.is_zero() {
                        to.wait(pause).await?;
                    }
                }
                open.sent(*tokens);
            }
            Step::Pause(time) => to.wait(*time).await?,
            Step::Hang => {
                to.wait_for_end().await;
                return Ok(false);
            }
            Step::Reset => {
                // What was sent is read before the reset arrives.
                to.wait(Duration::from_millis(5)).await?;
                to.reset();
                open.done();
                return Ok(false);
            }
            Step::Close => {
                open.done();
                return Ok(false);
            }
        }
    }
    if reply.framing == Framing::Chunked {
        to.write(b"0\r\n\r\n").await?;
    }
    open.sent(reply.hidden);
    open.done();
    Ok(!reply.closes)
}

async fn send(to: &mut Incoming, bytes: &[u8], framing: Framing) -> Result<()> {
    if framing != Framing::Chunked {
        return to.write(bytes).await;
    }
    if bytes.is_empty() {
        return Ok(());
    }
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    to.write(&chunk).await
}
