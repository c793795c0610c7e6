//! Test doubles, in one place: a scripted engine, a server that misbehaves to order, and a client that
//! reads what a gateway answers.
//!
//! - [`engine`]: [`engine::Scripted`] implements [`outthink_core::Engine`] and does as a script says, sample
//!   by sample; [`engine::Rates`] is a script of known success rates.
//! - [`server`]: [`server::Server`] speaks HTTP/1.1 with its own hands on a real socket, so that it can
//!   misbehave on the wire: half replies, resets, slow bytes, split characters. It counts what it was asked
//!   and what it sent.
//! - [`client`]: one request to a gateway, and its reply in one shape, whole and streamed.
//!
//! For tests, examples and measurements alone: no crate that ships depends on it, which `xtask tidy` checks.
//! It knows no crate of ours but the core, and nothing in it decides, votes or bills.
//!
//! ```
//! use outthink_testkit::client;
//! use outthink_testkit::server::{Reply, Scenario, Server};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let server = Server::start(Scenario::chat([Reply::text("The answer is 4.").usage(json!({"completion_tokens": 4}))]));
//! let body = json!({"messages": [{"role": "user", "content": "2+2?"}], "stream": true});
//! let reply = client::post(server.address(), "/v1/chat/completions", &body).await;
//! assert_eq!(reply.answer().message["content"], "The answer is 4.");
//! assert_eq!(server.requests()[0].json()["stream"], true);
//! assert_eq!(server.accounts().total().completion, 4);
//! # }
//! ```

pub mod client;
pub mod engine;
pub mod server;
