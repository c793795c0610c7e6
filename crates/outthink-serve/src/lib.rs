//! An OpenAI-compatible gateway: chat completions in, a decided answer and its bill out.
//!
//! A request goes to the engine whose model it names. `reasoning_effort`, or the `outthink` object,
//! says how much may be spent behind the one final answer; every reply carries the standard `usage`
//! and an `outthink` receipt. Fields that are not read here reach the engine untouched.
//!
//! It never logs prompts or completions, never runs work for a client that has left, and knows
//! keys by their hashes. It decides nothing about sampling: that is done by the strategies.
//!
//! `transport` takes connections and reads HTTP; `api` turns the bytes of each protocol into one neutral request
//! and updates into bytes; `run` admits, queues, hosts and settles every request; `observe` counts; `admin` shows.
//!
//! | field | meaning here |
//! |---|---|
//! | `max_tokens`, `max_completion_tokens` | generated tokens of *one* sample; `outthink.budget_tokens` limits all of them together |
//! | `reasoning_effort` | how long a sample reasons, in the engine's own terms, and how many are drawn |
//! | `usage.completion_tokens` | all tokens that the models generated, cancelled and discarded ones too; what verifiers read stands in the receipt |
//! | `usage…reasoning_tokens` | those of them that are not the visible reply |
//! | `n` | final answers, each chosen from samples of its own |
//! | `logprobs` | those of the chosen sample, where the engine gives them |
//!
//! ```
//! # use outthink_core::{Capabilities, Effort, Engine, ModelInfo, Price, SampleRequest, SampleStream};
//! use outthink_serve::{ServeOptions, router};
//! use std::sync::Arc;
//!
//! # struct Nothing(ModelInfo);
//! # impl Engine for Nothing {
//! #     fn model(&self) -> &ModelInfo { &self.0 }
//! #     fn capabilities(&self) -> Capabilities { Capabilities::default() }
//! #     fn start(&self, _: SampleRequest) -> Vec<SampleStream> { Vec::new() }
//! # }
//! # let engine = Nothing(ModelInfo { id: "m".into(), context: None, price: Price::default() });
//! let options = ServeOptions::new(vec![Arc::new(engine)]).with_default_effort(Effort::Low);
//! let app: axum::Router = router(options);
//! ```

mod admin;
mod api;
pub mod config;
mod error;
mod observe;
mod openapi;
mod run;
mod transport;

pub use api::Api;
pub use config::ITSELF;
pub use observe::{SpanReceiver, SpanSender, UpstreamHealth, spans};
pub use run::{Control, Health, Limits, MakeComparer, MakeJudge, MakeTests, Policy, Resources, ServeOptions};
pub use transport::{BatchError, BatchFile, Service, TlsAcceptor, acceptor};

use std::future::Future;
use tokio::net::TcpListener;

/// The gateway's routes, to be served alone or mounted in another application.
pub fn router(options: ServeOptions) -> axum::Router {
    Service::new(options).router()
}

/// Whether the body of a request in the words of an API would be taken, without sending it anywhere.
///
/// # Errors
/// With what the client would be told.
///
/// ```
/// let body = br#"{"messages": [{"role": "user", "content": "2+2?"}], "n": 300}"#;
/// use outthink_serve::{Api, check_request};
///
/// assert!(check_request(body, Api::Chat).is_err_and(|words| words.starts_with("n is 300")));
/// ```
pub fn check_request(body: &[u8], api: Api) -> Result<(), String> {
    api::check(body, api).map_err(|error| error.message)
}

/// Serves until `shutdown` completes, then finishes the requests that run and takes no new ones.
///
/// # Errors
/// If requests are still running [`Limits::drain`] after `shutdown`.
pub async fn serve(
    listener: TcpListener,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    Service::new(options).serve(listener, None, shutdown).await
}
