//! A request that is passed on as it is: another member where one fails before its reply begins.

use super::Inner;
use super::duty::{Duty, Wish};
use outthink_core::{EngineError, Origin, Relay, Relayed};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

/// Bytes of a body's beginning that members are preferred by.
const HASHED: usize = 4096;

/// Sends a request to the member that is best for it.
pub(super) async fn send(inner: Arc<Inner>, relay: Relay) -> Result<Relayed, EngineError> {
    let mut hasher = DefaultHasher::new();
    hasher.write(&relay.body[..relay.body.len().min(HASHED)]);
    let wish = Wish { hash: hasher.finish(), tokens: relay.tokens, avoided: &[] };
    let (mut tried, mut failure) = (Vec::new(), None);
    while let Some(mut duty) = Duty::begin(&inner, &wish, &mut tried) {
        let Some(reply) = inner.members[duty.index].engine.relay(relay.clone()) else { continue };
        match reply.await {
            Ok(reply) => {
                duty.succeeded();
                return Ok(reply.holding(duty));
            }
            Err(error) => {
                duty.failed(&error);
                if !error.elsewhere {
                    return Err(error);
                }
                failure = Some(error);
            }
        }
    }
    Err(failure.unwrap_or_else(|| {
        let words = format!("no server of this model takes requests at {}", relay.path);
        EngineError::new(Origin::Engine, words).retryable()
    }))
}
