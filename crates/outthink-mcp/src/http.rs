//! Streamable HTTP.

use crate::McpError;
use crate::tool::{Asks, Server};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use sha2::{Digest as _, Sha256};
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Serves streamable HTTP at every path of a listener until `until` resolves. With a `token`, requests have to bear it.
///
/// Without one only addresses of this machine are listened on: whoever reaches the server spends its budget. The SDK
/// refuses names of hosts that are not this machine's, against rebinding of names, unless there is a token.
///
/// # Errors
/// If the address is not of this machine and there is no token.
pub async fn http(
    asks: impl Asks,
    listener: TcpListener,
    token: Option<String>,
    until: impl Future<Output = ()>,
) -> Result<(), McpError> {
    let address = listener.local_addr()?;
    if token.is_none() && !address.ip().is_loopback() {
        return Err(McpError::Address(std::io::Error::other(format!(
            "{address} can be reached from other machines, whose callers would spend your budget: set a token, or \
             listen on 127.0.0.1"
        ))));
    }
    let server = Server::new(Arc::new(asks));
    let mut config = StreamableHttpServerConfig::default();
    // Without sessions a client that is gone ends its call at once, and any server behind a load balancer can answer.
    config.legacy_session_mode = false;
    if token.is_some() {
        config.allowed_hosts = Vec::new();
    }
    let stop = config.cancellation_token.clone();
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    let token: Option<Arc<str>> = token.map(Arc::from);
    tokio::pin!(until);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut until => break,
        };
        // What a failed accept says (a reset, no descriptors) is over soon.
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let (service, token) = (service.clone(), token.clone());
        tokio::spawn(async move {
            let each = service_fn(move |request: Request<hyper::body::Incoming>| {
                let may = token.as_deref().is_none_or(|token| bears(request.headers(), token));
                let service = service.clone();
                async move {
                    if may {
                        return Ok::<_, std::convert::Infallible>(service.handle(request).await);
                    }
                    let words = Bytes::from_static(b"this server asks for a token: authorization: Bearer TOKEN\n");
                    let mut refused = Response::new(Full::new(words).boxed());
                    *refused.status_mut() = StatusCode::UNAUTHORIZED;
                    refused.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                    Ok(refused)
                }
            });
            // A client that breaks off is its own matter; what it asked for is dropped with the connection.
            let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), each).await;
        });
    }
    stop.cancel();
    Ok(())
}

/// Whether a request bears the token; how long it takes says nothing of how much of it is right.
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    Sha256::digest(shown) == Sha256::digest(token)
}
