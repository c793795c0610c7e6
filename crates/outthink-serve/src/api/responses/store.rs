//! The responses that `previous_response_id` may name, and the conversations that they belong to.

use super::background::Background;
use crate::error::ApiError;
use crate::observe::store::{Bounds, Document, Keeping, Store};
use crate::run::Caller;
use outthink_ledger::{Ledger, LedgerError};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// 4,096 responses, of 64 MiB of text together, for an hour.
const BOUNDS: Bounds = Bounds { kind: "response", most: 4_096, weight: 64 << 20, time: Duration::from_hours(1) };
/// As many conversations, for an hour after the last change.
const CONVERSATIONS: Bounds = Bounds { kind: "conversation", ..BOUNDS };

/// The responses and the conversations that are remembered.
pub(crate) struct Responses {
    kept: Store,
    conversations: Store,
    pub(super) background: Background,
    /// Held while a conversation is read, changed and written.
    changing: Mutex<()>,
}

impl Responses {
    /// In this process, or in `ledger` where several gateways share it.
    pub(crate) fn new(ledger: Option<&Ledger>) -> Self {
        Self {
            kept: Store::new(BOUNDS, ledger),
            conversations: Store::new(CONVERSATIONS, ledger),
            background: Background::default(),
            changing: Mutex::new(()),
        }
    }

    /// Waits for what runs in the background, up to `limit`.
    pub(crate) async fn drain(&self, limit: Duration) {
        self.background.drain(limit).await;
    }

    /// Remembers how far a response is that has not ended well yet; nothing can go on from it.
    pub(super) async fn note(&self, id: &str, owner: Option<String>, response: &Value) {
        let json = json!({ "response": response, "input": [] });
        if let Some(keeping) = self.kept.keep(id.to_owned(), owner, Arc::new(Kept::new(json))) {
            keeping.await;
        }
    }

    /// Remembers a conversation of the key `owner`.
    pub(super) async fn converse(&self, owner: Option<String>, conversation: &Value, items: &[Value]) {
        let json = json!({ "conversation": conversation, "items": items, "owner": owner });
        let id = conversation["id"].as_str().unwrap_or_default().to_owned();
        if let Some(keeping) = self.conversations.keep(id, owner, Arc::new(Kept::new(json))) {
            keeping.await;
        }
    }

    /// Changes a conversation and gives it back, `None` if it is not remembered or may not be seen. Changes by one
    /// gateway follow one another; of two gateways that change the same conversation at once, the later one holds.
    async fn change(
        &self,
        id: &str,
        may_see: impl Fn(Option<&str>) -> bool,
        change: impl FnOnce(&mut Value, &mut Vec<Value>),
    ) -> Result<Option<(Value, Vec<Value>)>, LedgerError> {
        let _changing = self.changing.lock().await;
        let Some(mut found) = self.conversations.get(id, may_see).await? else { return Ok(None) };
        let owner = found["owner"].as_str().map(str::to_owned);
        let (mut conversation, mut items) = parts(&mut found);
        change(&mut conversation, &mut items);
        self.converse(owner, &conversation, &items).await;
        Ok(Some((conversation, items)))
    }
}

/// A conversation and its items.
fn parts(found: &mut Value) -> (Value, Vec<Value>) {
    let items = found["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
    (found["conversation"].take(), items)
}

/// What is remembered, as it is read again. Of a response: `response` as it was sent, `input` with the items of its
/// request, and `conversation` with the messages up to and with the reply, the instructions left out.
struct Kept {
    bytes: usize,
    json: Value,
}

impl Kept {
    fn new(json: Value) -> Self {
        Self { bytes: json.to_string().len(), json }
    }
}

impl Document for Kept {
    fn weight(&self) -> usize {
        self.bytes
    }

    fn json(&self) -> Value {
        self.json.clone()
    }
}

/// A response to be remembered when it is sent.
pub(super) struct Keep {
    pub(super) store: Arc<Responses>,
    /// The key that asks, by its identifier.
    pub(super) owner: Option<String>,
    /// The messages so far.
    pub(super) messages: Vec<Value>,
    /// The items of the request's input.
    pub(super) input: Vec<Value>,
    /// Whether the response itself is to be remembered.
    pub(super) response: bool,
    /// The conversation that input and output are added to, by its id.
    pub(super) conversation: Option<String>,
}

impl Keep {
    /// Remembers the response with this name. What it gives back has to be awaited before the client learns the name,
    /// so that its next request may go to another gateway.
    #[must_use]
    pub(super) fn sent(self, id: &str, response: &Value, reply: Value) -> Option<Keeping> {
        let Self { store, owner, mut messages, input, response: remembered, conversation } = self;
        let mut added = input.clone();
        let kept = remembered.then(|| {
            messages.push(reply);
            let json = json!({ "response": response, "input": input, "conversation": messages });
            store.kept.keep(id.to_owned(), owner, Arc::new(Kept::new(json)))
        });
        let kept = kept.flatten();
        let Some(conversation) = conversation else { return kept };
        added.extend(response["output"].as_array().into_iter().flatten().cloned());
        Some(Box::pin(async move {
            if let Some(kept) = kept {
                kept.await;
            }
            // Whether it may be seen was asked when the request came.
            match store.change(&conversation, |_| true, |_, items| items.extend(added)).await {
                Ok(Some(_)) => {}
                Ok(None) => tracing::warn!(conversation, "a response's conversation was deleted while it ran"),
                Err(error) => tracing::warn!(conversation, %error, "a response was not added to its conversation"),
            }
        }))
    }
}

/// What is remembered as a caller sees it: its own, or with an administrator's key all.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) store: &'a Responses,
    pub(super) caller: &'a Caller,
}

impl Seen<'_> {
    async fn read(self, id: &str, part: &str) -> Result<Option<Value>, ApiError> {
        let found = self.store.kept.get(id, |owner| self.caller.may_see(owner)).await;
        Ok(found.map_err(ApiError::of_ledger)?.and_then(|mut document| Some(document.get_mut(part)?.take())))
    }

    async fn list(self, id: &str, part: &str) -> Result<Option<Vec<Value>>, ApiError> {
        Ok(match self.read(id, part).await? {
            Some(Value::Array(list)) => Some(list),
            _ => None,
        })
    }

    /// A response as it was sent.
    pub(super) async fn get(self, id: &str) -> Result<Option<Value>, ApiError> {
        self.read(id, "response").await
    }

    /// The items of the input of a response.
    pub(super) async fn input(self, id: &str) -> Result<Option<Vec<Value>>, ApiError> {
        self.list(id, "input").await
    }

    /// An item of a response's input or output, by its name, in which the response's stands.
    pub(super) async fn item(self, id: &str) -> Result<Option<Value>, ApiError> {
        let Some((_, rest)) = id.split_once('_') else { return Ok(None) };
        let response = format!("resp_{}", rest.split('_').next().unwrap_or(rest));
        let Some(mut found) = self.get(&response).await? else { return Ok(None) };
        let output = found["output"].as_array_mut().map(std::mem::take).unwrap_or_default();
        if let Some(item) = output.into_iter().find(|item| item["id"] == id) {
            return Ok(Some(item));
        }
        let input = self.input(&response).await?.unwrap_or_default();
        Ok(input.into_iter().find(|item| item["id"] == id))
    }

    /// The messages up to and with a response.
    pub(super) async fn messages(self, id: &str) -> Result<Option<Vec<Value>>, ApiError> {
        self.list(id, "conversation").await
    }

    /// Forgets a response; whether there was one.
    pub(super) async fn forget(self, id: &str) -> Result<bool, ApiError> {
        self.store.kept.forget(id, |owner| self.caller.may_see(owner)).await.map_err(ApiError::of_ledger)
    }

    /// A conversation and its items.
    pub(super) async fn conversation(self, id: &str) -> Result<Option<(Value, Vec<Value>)>, ApiError> {
        let found = self.store.conversations.get(id, |owner| self.caller.may_see(owner)).await;
        Ok(found.map_err(ApiError::of_ledger)?.map(|mut found| parts(&mut found)))
    }

    /// Changes a conversation and gives it back.
    pub(super) async fn change(
        self,
        id: &str,
        change: impl FnOnce(&mut Value, &mut Vec<Value>),
    ) -> Result<Option<(Value, Vec<Value>)>, ApiError> {
        let changed = self.store.change(id, |owner| self.caller.may_see(owner), change).await;
        changed.map_err(ApiError::of_ledger)
    }

    /// Forgets a conversation; whether there was one. Responses in it stay.
    pub(super) async fn forget_conversation(self, id: &str) -> Result<bool, ApiError> {
        let _changing = self.store.changing.lock().await;
        self.store.conversations.forget(id, |owner| self.caller.may_see(owner)).await.map_err(ApiError::of_ledger)
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
        let conversation = json!({"id": "conv_1"});
        store.converse(Some("k1".into()), &conversation, &[json!({"id": "first"})]).await;
        let keep = Keep {
            store: Arc::clone(&store),
            owner: Some("k1".into()),
            messages: vec![json!("asked")],
            input: vec![json!({"id": "asked"})],
            response: true,
            conversation: Some("conv_1".into()),
        };
        let response = json!({"n": 1, "output": [{"id": "said"}]});
        keep.sent("a", &response, json!("said")).unwrap().await;
        let admin = Caller { admin: true, ..Caller::default() };
        for (who, sees) in [(caller("k1"), true), (caller("k2"), false), (Caller::default(), false), (admin, true)] {
            let seen = Seen { store: &store, caller: &who };
            assert_eq!(seen.get("a").await.unwrap(), sees.then(|| response.clone()), "{who:?}");
            assert_eq!(seen.messages("a").await.unwrap(), sees.then(|| vec![json!("asked"), json!("said")]));
            let items = seen.conversation("conv_1").await.unwrap().map(|(_, items)| json!(items));
            assert_eq!(items, sees.then(|| json!([{"id": "first"}, {"id": "asked"}, {"id": "said"}])));
            if !sees {
                assert!(seen.change("conv_1", |_, _| ()).await.unwrap().is_none());
                assert!(!seen.forget_conversation("conv_1").await.unwrap());
                assert!(!seen.forget("a").await.unwrap());
            }
        }
        assert!(Seen { store: &store, caller: &caller("k1") }.forget("a").await.unwrap());
    }
}
