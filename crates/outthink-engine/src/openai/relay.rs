//! Requests that are passed on as they are: `/completions`, `/embeddings`.

use super::error;
use super::http::{Accept, Place, Reply};
use super::learned::{Complaint, Refused};
use super::wire::{Wire, refusal};
use crate::retry;
use futures_util::stream;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use outthink_core::{EngineError, Origin, Relay, RelayBody, Relayed, restore_integers};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout_at};

/// The field that asks for the usage at the end of a stream.
const OPTIONS: &str = "stream_options";
const USAGE: &str = "include_usage";

/// A reply's body while it is passed on; its place is free when it is dropped.
struct Body {
    wire: Arc<Wire>,
    response: Reply,
    deadline: Instant,
    started: bool,
    _permit: OwnedSemaphorePermit,
}

/// Sends a request under the server's own name of the model, again where that may help, until a reply begins.
///
/// The end of a stream is asked for its usage where `asks_usage`, unless the server is known to refuse that.
pub(super) async fn send(wire: Arc<Wire>, model: &str, asks_usage: bool, relay: Relay) -> Result<Relayed, EngineError> {
    let closed = |_| EngineError::new(Origin::Internal, "the engine was closed");
    let permit = Arc::clone(&wire.permits).acquire_owned().await.map_err(closed)?;
    let deadline = Instant::now() + wire.timeouts.total;
    let place = Place::new(&format!("{}{}", wire.endpoint, relay.path))?;
    let mut fields = relay.fields;
    fields.insert("model".into(), model.into());
    // What the client did not ask for, and is taken back where the server does not know it.
    let may_ask = asks_usage && !wire.learned.refuses(OPTIONS, None);
    let mut plain = (may_ask && asks_no_usage(&fields)).then(|| bytes(&fields));
    if plain.is_some() {
        match fields.get_mut(OPTIONS) {
            Some(Value::Object(options)) => drop(options.insert(USAGE.into(), true.into())),
            _ => drop(fields.insert(OPTIONS.into(), json!({ USAGE: true }))),
        }
    }
    let mut body = bytes(&fields);
    let (mut attempt, mut is_refused) = (0, false);
    let response = loop {
        let (error, words) = match once(&wire, &place, body.clone(), deadline).await {
            Ok(response) => break response,
            Err(failed) => failed,
        };
        if matches!(error.status, Some(400 | 422)) {
            let complaint = Complaint::new(&error, &words);
            if (complaint.names(OPTIONS) || complaint.names(USAGE))
                && let Some(plain) = plain.take()
            {
                (body, is_refused) = (plain, true);
                continue;
            }
        }
        attempt += 1;
        let wait = retry::delay(0, attempt, error.retry_after);
        let may = error.retryable && attempt <= wire.max_retries && wire.waits(error.retry_after);
        if !may || Instant::now() + wait >= deadline {
            return Err(error);
        }
        sleep(wait).await;
    };
    if is_refused {
        wire.learned.remember(Refused { field: OPTIONS.into(), value: None });
    }
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
    Ok(Relayed { content_type, source: None, body })
}

/// Whether a stream is asked for, and not for its usage.
fn asks_no_usage(fields: &Map<String, Value>) -> bool {
    fields.get("stream") == Some(&Value::Bool(true))
        && fields.get(OPTIONS).is_none_or(|options| options[USAGE] != Value::Bool(true))
}

fn bytes(fields: &Map<String, Value>) -> Bytes {
    let json = serde_json::to_string(fields).unwrap_or_default();
    restore_integers(json).into()
}

/// The reply, or what failed with the body of the refusal.
async fn once(wire: &Wire, place: &Place, body: Bytes, deadline: Instant) -> Result<Reply, (EngineError, String)> {
    let limit = wire.timeouts.first_token;
    let reply = wire.client.post(place, Accept::Anything, body);
    match wire.first(Instant::now() + limit, deadline, reply).await {
        None => Err((error::timeout("no reply came from the engine", limit, true).elsewhere(), String::new())),
        Some(Err(broken)) => {
            if broken.connect {
                wire.reachability.failed();
            }
            Err((error::of_transport(broken, false), String::new()))
        }
        Some(Ok(response)) => {
            wire.reachability.reached();
            if response.status().is_success() { Ok(response) } else { Err(refusal(response, wire).await) }
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
