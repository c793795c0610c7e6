//! Requests that are passed on as they are: `/completions`, `/embeddings`.

use super::error;
use super::http::{Accept, Place, Reply};
use super::wire::{Wire, refusal};
use crate::retry;
use futures_util::stream;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use outthink_core::{EngineError, Origin, Relay, RelayBody, Relayed};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

/// A reply's body while it is passed on; its place is free when it is dropped.
struct Body {
    wire: Arc<Wire>,
    response: Reply,
    deadline: Instant,
    started: bool,
    _permit: OwnedSemaphorePermit,
}

/// Sends a request, again where that may help, until a reply begins.
pub(super) async fn send(wire: Arc<Wire>, relay: Relay) -> Result<Relayed, EngineError> {
    let closed = |_| EngineError::new(Origin::Internal, "the engine was closed");
    let permit = Arc::clone(&wire.permits).acquire_owned().await.map_err(closed)?;
    let deadline = Instant::now() + wire.timeouts.total;
    let place = Place::new(&format!("{}{}", wire.endpoint, relay.path))?;
    let body = Bytes::from(relay.body);
    let mut attempt = 0;
    let response = loop {
        let error = match once(&wire, &place, body.clone(), deadline).await {
            Ok(response) => break response,
            Err(error) => error,
        };
        attempt += 1;
        let wait = retry::delay(0, attempt, error.retry_after);
        let may = error.retryable && attempt <= wire.max_retries && wire.waits(error.retry_after);
        if !may || Instant::now() + wait >= deadline {
            return Err(error);
        }
        sleep(wait).await;
    };
    let content_type = response.header(CONTENT_TYPE).map(str::to_owned);
    let body = Body { wire, response, deadline, started: false, _permit: permit };
    let pieces = stream::unfold(Some(body), |body| async move {
        let mut body = body?;
        match body.next().await {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(piece), Some(body))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let body: RelayBody = Box::pin(pieces);
    Ok(Relayed { content_type, body })
}

async fn once(wire: &Wire, place: &Place, body: Bytes, deadline: Instant) -> Result<Reply, EngineError> {
    let limit = wire.timeouts.first_token;
    let reply = wire.client.post(place, Accept::Anything, body);
    match wire.first(Instant::now() + limit, deadline, reply).await {
        None => Err(error::timeout("no reply came from the engine", limit, true).elsewhere()),
        Some(Err(broken)) => {
            if broken.connect {
                wire.reachability.failed();
            }
            Err(error::of_transport(broken, false))
        }
        Some(Ok(response)) => {
            wire.reachability.reached();
            if response.status().is_success() { Ok(response) } else { Err(refusal(response, wire).await.0) }
        }
    }
}

impl Body {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, EngineError> {
        let timeouts = self.wire.timeouts;
        let limit = if self.started { timeouts.idle } else { timeouts.first_token };
        let due = (Instant::now() + limit).min(self.deadline);
        match timeout_at(due, self.response.chunk()).await {
            Err(_) => Err(error::timeout("nothing more came from the engine", limit, true)),
            Ok(Err(e)) => Err(error::of_transport(e, true)),
            Ok(Ok(piece)) => {
                self.started = true;
                Ok(piece.map(Vec::from))
            }
        }
    }
}
