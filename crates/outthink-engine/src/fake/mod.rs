//! An upstream server that answers at once, or misbehaves by seed, and keeps its own books.
//!
//! It is what the gateway is measured and tested against: it speaks the OpenAI API over plain
//! sockets, whole and streamed, generates as many words as are asked for, one token a word, and
//! counts what it sent, to whom, and what is still open. It is no engine and has no model.
//!
//! ```
//! use outthink_engine::fake::{FakeOptions, FakeUpstream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let fake = FakeUpstream::start("127.0.0.1:0", FakeOptions::default()).await?;
//! println!("{} has seen {} calls", fake.url(), fake.books().total().calls);
//! # Ok(()) }
//! ```

mod books;
mod chaos;
mod http;
mod reply;

pub use books::{Account, Books};
pub use chaos::{Chaos, Fault};

use http::{Incoming, Request};
use reply::Call;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::task::JoinHandle;

/// How the server behaves.
#[derive(Debug, Clone)]
pub struct FakeOptions {
    /// The name of its model.
    pub model: String,
    /// Generated tokens of a reply, where the request allows as many. At least 5.
    pub tokens: u64,
    /// Time between two tokens; nothing means that a reply is sent in one piece.
    pub pause: Duration,
    /// Share of the seeds in `[0, 1]` whose answer is the common one.
    pub agreement: f64,
    /// What goes wrong, if anything does.
    pub chaos: Option<Chaos>,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self { model: "fake".into(), tokens: 16, pause: Duration::ZERO, agreement: 0.7, chaos: None }
    }
}

/// A running server; dropping it closes it and all of its connections.
#[derive(Debug)]
pub struct FakeUpstream {
    address: SocketAddr,
    books: Arc<Books>,
    accepting: JoinHandle<()>,
}

struct Shared {
    options: FakeOptions,
    books: Arc<Books>,
    calls: AtomicU64,
}

impl FakeUpstream {
    /// Listens on `address`.
    ///
    /// # Errors
    /// If the address is taken or not valid.
    pub async fn start(address: impl ToSocketAddrs, options: FakeOptions) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let books = Arc::new(Books::default());
        let shared = Arc::new(Shared { options, books: Arc::clone(&books), calls: AtomicU64::new(0) });
        let accepting = tokio::spawn(accept(listener, shared));
        Ok(Self { address, books, accepting })
    }

    /// Its address, with `/v1`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What it has done so far.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Serves until the process ends.
    pub async fn forever(mut self) {
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and then all connections are closed.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the requests of one connection, one after another.
async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut incoming = Incoming::new(stream);
    while let Ok(Some(request)) = incoming.request().await {
        let reusable = answer(&mut incoming, &request, &shared).await;
        if !matches!(reusable, Ok(true)) {
            return;
        }
    }
}

/// Answers one request; whether the connection can serve another.
async fn answer(incoming: &mut Incoming, request: &Request, shared: &Shared) -> std::io::Result<bool> {
    let options = &shared.options;
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v1/chat/completions" | "/v1/completions") => {
            let number = shared.calls.fetch_add(1, Ordering::Relaxed);
            let fault = options.chaos.as_ref().and_then(|chaos| chaos.draw(number, options.tokens));
            let call = Call::read(request, options, number);
            let Some(call) = call else {
                return incoming.json(400, &reply::error("the body is not a request"), &[]).await;
            };
            let open = shared.books.open(call.user.as_deref(), call.prompt_tokens);
            call.answer(incoming, options, fault.as_ref(), open).await
        }
        ("POST", "/v1/embeddings") => incoming.json(200, &reply::embeddings(options), &[]).await,
        ("GET", "/v1/models") => incoming.json(200, &reply::models(options), &[]).await,
        ("GET", "/books") => incoming.json(200, &shared.books.json(), &[]).await,
        ("POST", "/books/reset") => {
            shared.books.reset();
            incoming.json(200, "{}", &[]).await
        }
        // Routers ask for the state of a worker under many names.
        ("GET", _) => incoming.json(200, &reply::about(options), &[]).await,
        _ => incoming.json(404, &reply::error("nothing is here"), &[]).await,
    }
}
