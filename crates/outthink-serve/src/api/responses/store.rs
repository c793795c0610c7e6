//! The responses that `previous_response_id` may name.

use crate::error::ApiError;
use crate::observe::store::{Bounds, Document, Keeping, Store};
use crate::run::Caller;
use outthink_ledger::Ledger;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// 4,096 responses, of 64 MiB of text together, for an hour.
const BOUNDS: Bounds = Bounds { kind: "response", most: 4_096, weight: 64 << 20, time: Duration::from_hours(1) };

/// The responses that are remembered.
pub(crate) struct Responses(Store);

impl Responses {
    /// In this process, or in `ledger` where several gateways share it.
    pub(crate) fn new(ledger: Option<&Ledger>) -> Self {
        Self(Store::new(BOUNDS, ledger))
    }
}

/// A response with the conversation that it ends.
struct Kept {
    bytes: usize,
    /// The response as it was told.
    response: Value,
    /// The messages up to and with the reply, the instructions left out.
    conversation: Vec<Value>,
}

impl Document for Kept {
    fn weight(&self) -> usize {
        self.bytes
    }

    fn json(&self) -> Value {
        json!({ "response": self.response, "conversation": self.conversation })
    }
}

/// A response to be remembered when it is told.
pub(super) struct Keep {
    pub(super) store: Arc<Responses>,
    /// The key that asks, by its identifier.
    pub(super) owner: Option<String>,
    /// The messages so far.
    pub(super) conversation: Vec<Value>,
}

impl Keep {
    /// Remembers the response with this name. What it gives back has to be awaited before the client learns the name,
    /// so that its next request may go to another gateway.
    #[must_use]
    pub(super) fn told(self, id: &str, response: &Value, reply: Value) -> Option<Keeping> {
        let Self { store, owner, mut conversation } = self;
        conversation.push(reply);
        let response = response.clone();
        let bytes = response.to_string().len() + conversation.iter().map(|m| m.to_string().len()).sum::<usize>();
        store.0.keep(id.to_owned(), owner, Arc::new(Kept { bytes, response, conversation }))
    }
}

/// The responses as a caller sees them: its own, or with an administrator's key all.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) store: &'a Responses,
    pub(super) caller: &'a Caller,
}

impl Seen<'_> {
    async fn read(self, id: &str, part: &str) -> Result<Option<Value>, ApiError> {
        let found = self.store.0.get(id, |owner| self.caller.may_see(owner)).await.map_err(ApiError::of_ledger)?;
        Ok(found.and_then(|mut document| Some(document.get_mut(part)?.take())))
    }

    /// A response as it was told.
    pub(super) async fn get(self, id: &str) -> Result<Option<Value>, ApiError> {
        self.read(id, "response").await
    }

    /// An item of a response's output, by its name, in which the response's stands.
    pub(super) async fn item(self, id: &str) -> Result<Option<Value>, ApiError> {
        let Some((_, rest)) = id.split_once('_') else { return Ok(None) };
        let response = rest.split('_').next().unwrap_or(rest);
        let Some(mut found) = self.get(&format!("resp_{response}")).await? else { return Ok(None) };
        let items = found["output"].as_array_mut().map(std::mem::take).unwrap_or_default();
        Ok(items.into_iter().find(|item| item["id"] == id))
    }

    /// The messages of a conversation up to and with a response.
    pub(super) async fn conversation(self, id: &str) -> Result<Option<Vec<Value>>, ApiError> {
        Ok(match self.read(id, "conversation").await? {
            Some(Value::Array(messages)) => Some(messages),
            _ => None,
        })
    }

    /// Forgets a response; whether there was one.
    pub(super) async fn forget(self, id: &str) -> Result<bool, ApiError> {
        self.store.0.forget(id, |owner| self.caller.may_see(owner)).await.map_err(ApiError::of_ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(key: &str) -> Caller {
        let key = outthink_ledger::Key {
            id: key.into(),
            name: key.into(),
            admin: false,
            team: None,
            limits: outthink_ledger::Limits::default(),
            created: 0,
            revoked: None,
        };
        Caller { key: Some(key), ..Caller::default() }
    }

    #[tokio::test]
    async fn what_a_key_made_is_seen_by_it_and_by_administrators() {
        let store = Arc::new(Responses::new(None));
        let keep = Keep { store: Arc::clone(&store), owner: Some("k1".into()), conversation: vec![json!("asked")] };
        assert!(keep.told("a", &json!({"n": 1}), json!("said")).is_none());
        let admin = Caller { admin: true, ..Caller::default() };
        for (who, sees) in [(caller("k1"), true), (caller("k2"), false), (Caller::default(), false), (admin, true)] {
            let seen = Seen { store: &store, caller: &who };
            assert_eq!(seen.get("a").await.unwrap(), sees.then(|| json!({"n": 1})), "{who:?}");
            let conversation = sees.then(|| vec![json!("asked"), json!("said")]);
            assert_eq!(seen.conversation("a").await.unwrap(), conversation);
            if !sees {
                assert!(!seen.forget("a").await.unwrap());
            }
        }
        assert!(Seen { store: &store, caller: &caller("k1") }.forget("a").await.unwrap());
    }
}
