//! `ask` as a tool of the [Model Context Protocol](https://modelcontextprotocol.io): an agent buys a better answer to a
//! hard question, with an effort and a budget of its own, over stdio or streamable HTTP.
//!
//! The protocol is the official SDK's (`rmcp`). What answers is an [`Asks`], which the binary makes of an engine; a call
//! that its client cancels, or whose client leaves, drops the future of its answer, and with it all work.
//!
//! ```
//! use futures_util::future::{BoxFuture, FutureExt as _};
//! use outthink_mcp::{Asks, Call, Progress, Reply};
//!
//! struct Echo;
//!
//! impl Asks for Echo {
//!     fn ask(&self, call: Call, _: Progress) -> BoxFuture<'static, Result<Reply, String>> {
//!         async move { Ok(Reply { text: call.question, facts: serde_json::json!({"answer": "391"}) }) }.boxed()
//!     }
//! }
//!
//! // `outthink_mcp::stdio(Echo)` serves it until standard input ends.
//! ```

mod http;
mod tool;

pub use http::http;
pub use tool::{Asks, Call, Progress, Reply};

use rmcp::ServiceExt as _;
use std::sync::Arc;
use tool::Server;

/// Why a server ended.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    /// The client did not open the protocol, or broke off.
    #[error("the client did not open the Model Context Protocol: {0}")]
    Opening(String),
    /// A task of the server failed.
    #[error("the server of the Model Context Protocol failed: {0}")]
    Serving(String),
    /// The address cannot be used.
    #[error("{0}")]
    Address(#[from] std::io::Error),
}

/// Serves on standard input and output until the input ends. Nothing else may write to standard output.
///
/// # Errors
/// If the client does not speak the protocol.
pub async fn stdio(asks: impl Asks) -> Result<(), McpError> {
    over(rmcp::transport::stdio(), asks).await
}

/// Serves on a pair of streams until the reading one ends: [`stdio`] for tests and other hosts.
///
/// # Errors
/// If the client does not speak the protocol.
pub async fn over<R, W>(streams: (R, W), asks: impl Asks) -> Result<(), McpError>
where
    R: tokio::io::AsyncRead + Send + Unpin + 'static,
    W: tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let server = Server::new(Arc::new(asks));
    let running = server.serve(streams).await.map_err(|error| McpError::Opening(error.to_string()))?;
    running.waiting().await.map(|_| ()).map_err(|error| McpError::Serving(error.to_string()))
}
