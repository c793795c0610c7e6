//! A request that is passed on as it is: another member where one fails before its reply begins.

use super::Inner;
use super::duty::{Criteria, Duty};
use outthink_core::{EngineError, Origin, Relay, Relayed, Source};
use serde_json::Value;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

/// Bytes of a body's beginning that members are preferred by.
const HASHED: usize = 4096;

/// Sends a request to the member that is best for it. The reply names the member, which charges its own price.
pub(super) async fn send(inner: Arc<Inner>, relay: Relay) -> Result<Relayed, EngineError> {
    let mut hasher = DefaultHasher::new();
    let body = Value::Object(relay.fields.clone()).to_string();
    hasher.write(&body.as_bytes()[..body.len().min(HASHED)]);
    let criteria = Criteria { hash: hasher.finish(), tokens: relay.tokens, avoided: &[] };
    let (mut tried, mut failure) = (Vec::new(), None);
    while let Some(mut duty) = Duty::begin(&inner, &criteria, &mut tried) {
        let member = &inner.members[duty.index];
        let Some(reply) = member.engine.relay(relay.clone()) else { continue };
        match reply.await {
            Ok(reply) => {
                duty.succeeded();
                let model = member.engine.model();
                let itself = || Arc::new(Source { model: model.id.clone(), member: None, price: model.price });
                let source = reply.source.clone().unwrap_or_else(itself);
                let name = source.member.clone().unwrap_or_else(|| member.name.clone());
                let source = Some(Arc::new(Source { member: Some(name), ..Source::clone(&source) }));
                return Ok(Relayed { source, ..reply.holding(duty) });
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
