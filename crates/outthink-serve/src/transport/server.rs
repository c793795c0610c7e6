//! Accepting connections: bounds on heads, slow clients and their number, and the drain at the end.

use super::socket::{Coming, Exchange, Peer, Socket, Watched};
use super::tls::TlsAcceptor;
use crate::run::Limits;
use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::{Error, ErrorKind, Result};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Requests of one HTTP/2 connection at once.
const STREAMS: u32 = 256;
/// How long to wait when the system has no more sockets.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` completes, then finishes the requests that run.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let mut shutdown = pin!(shutdown);
    let (stop, stopped) = watch::channel(());
    let places = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &places) => accepted,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
        };
        match accepted {
            Ok((stream, place)) => {
                let (app, stopped, tls) = (app.clone(), stopped.clone(), tls.clone());
                connections.spawn(async move {
                    let _ = stream.set_nodelay(true);
                    match tls {
                        None => converse(stream, app, limits, stopped).await,
                        // A handshake that fails or dawdles is the client's affair.
                        Some(tls) => {
                            if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                                    converse_2(stream, app, limits, stopped).await;
                                } else {
                                    converse(stream, app, limits, stopped).await;
                                }
                            }
                        }
                    }
                    drop(place);
                });
            }
            // A client that left before it was accepted is no failure; no more sockets is one that passes.
            Err(_) => sleep(PAUSE).await,
        }
    }
    drop(listener);
    drop(stop);
    let drained = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.drain, drained).await.is_err() {
        let left = connections.len();
        return Err(Error::new(ErrorKind::TimedOut, format!("{left} connections did not end in time")));
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Answers the requests of one connection by HTTP/1.1.
async fn converse<S: Peer>(stream: S, app: Router, limits: Limits, mut stopped: watch::Receiver<()>) {
    let exchange = Arc::new(Exchange::default());
    let io = TokioIo::new(Socket::new(stream, limits, Arc::clone(&exchange)));
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |request: Request<Incoming>| {
        let ended = exchange.begin();
        let reply = app.call(request.map(|body| Coming::new(body, Arc::clone(&exchange))));
        async move { reply.await.map(|reply| reply.map(|body| Watched { body, _ended: ended })) }
    });
    // Times are kept by the socket, which knows an unused connection from a slow client.
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None)
            .max_buf_size(limits.head_bytes.max(8 << 10))
            .serve_connection(io, service)
    );
    // The sender is dropped when the gateway is to end.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The same by HTTP/2, which says itself who leaves which request.
async fn converse_2<S: Peer + Send + 'static>(
    stream: S,
    app: Router,
    limits: Limits,
    mut stopped: watch::Receiver<()>,
) {
    let io = TokioIo::new(Socket::new(stream, limits, Arc::new(Exchange::always_busy())));
    let mut connection = pin!(
        http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(limits.idle)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .serve_connection(io, TowerToHyperService::new(app))
    );
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
