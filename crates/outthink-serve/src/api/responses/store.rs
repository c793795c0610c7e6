//! The responses that `previous_response_id` may name: in memory, bounded by size and time.

use crate::run::Caller;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of all conversations together at most.
const MOST_BYTES: usize = 64 << 20;
/// Responses at most.
const MOST: usize = 4_096;
/// How long one is kept.
const KEPT: Duration = Duration::from_hours(1);

struct Entry {
    at: Instant,
    bytes: usize,
    /// The key that asked, by its identifier.
    owner: Option<String>,
    /// The response as it was told.
    response: Arc<Value>,
    /// The messages up to and with the reply, the instructions left out.
    conversation: Arc<Vec<Value>>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<String, Entry>,
    /// The oldest first; may name what is forgotten already.
    order: VecDeque<String>,
    bytes: usize,
}

impl Kept {
    fn forget(&mut self, id: &str) -> bool {
        let Some(entry) = self.entries.remove(id) else { return false };
        self.bytes -= entry.bytes;
        true
    }
}

/// The responses that are remembered.
#[derive(Default)]
pub(crate) struct Responses(Mutex<Kept>);

/// A response to be remembered when it is told.
pub(super) struct Keep {
    pub(super) store: Arc<Responses>,
    /// The key that asks, by its identifier.
    pub(super) owner: Option<String>,
    /// The messages so far.
    pub(super) conversation: Vec<Value>,
}

/// The responses as a caller sees them: its own, or with an administrator's key all.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) store: &'a Responses,
    pub(super) caller: &'a Caller,
}

impl Keep {
    /// Remembers the response with this name; the oldest make room.
    pub(super) fn told(self, id: &str, response: &Value, reply: Value) {
        let Self { store, owner, mut conversation } = self;
        conversation.push(reply);
        store.keep(id, owner, response.clone(), conversation);
    }
}

impl Seen<'_> {
    /// A response as it was told.
    pub(super) fn get(self, id: &str) -> Option<Value> {
        let response = Arc::clone(&self.fresh(&self.store.lock(), id)?.response);
        Some(Value::clone(&response))
    }

    /// The messages of a conversation up to and with a response.
    pub(super) fn conversation(self, id: &str) -> Option<Arc<Vec<Value>>> {
        self.fresh(&self.store.lock(), id).map(|entry| Arc::clone(&entry.conversation))
    }

    /// Forgets a response; whether there was one.
    pub(super) fn forget(self, id: &str) -> bool {
        let mut kept = self.store.lock();
        self.fresh(&kept, id).is_some() && kept.forget(id)
    }

    fn fresh<'k>(&self, kept: &'k Kept, id: &str) -> Option<&'k Entry> {
        let mine = |entry: &&Entry| entry.at.elapsed() <= KEPT && self.caller.may_see(entry.owner.as_deref());
        kept.entries.get(id).filter(mine)
    }
}

impl Responses {
    /// Remembers a response and its conversation; the oldest make room.
    fn keep(&self, id: &str, owner: Option<String>, response: Value, conversation: Vec<Value>) {
        let bytes = response.to_string().len() + conversation.iter().map(|m| m.to_string().len()).sum::<usize>();
        if bytes > MOST_BYTES {
            return;
        }
        let (response, conversation) = (Arc::new(response), Arc::new(conversation));
        let entry = Entry { at: Instant::now(), bytes, owner, response, conversation };
        let mut kept = self.lock();
        kept.forget(id);
        kept.bytes += bytes;
        kept.entries.insert(id.to_owned(), entry);
        kept.order.push_back(id.to_owned());
        while let Some(oldest) = kept.order.front() {
            let full = kept.bytes > MOST_BYTES || kept.entries.len() > MOST;
            let stale = kept.entries.get(oldest).is_none_or(|e| e.at.elapsed() > KEPT);
            if !full && !stale {
                break;
            }
            if let Some(oldest) = kept.order.pop_front() {
                kept.forget(&oldest);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

    #[test]
    fn the_oldest_make_room() {
        let store = Responses::default();
        let nobody = Caller::default();
        let seen = Seen { store: &store, caller: &nobody };
        for n in 0..MOST + 10 {
            store.keep(&n.to_string(), None, json!({ "n": n }), vec![json!({"role": "user"})]);
        }
        assert!(seen.get("9").is_none() && seen.conversation("9").is_none());
        assert_eq!(seen.get("10"), Some(json!({"n": 10})));
        assert!(seen.forget("10") && !seen.forget("10"));
        let large = "x".repeat(MOST_BYTES / 2 + 1);
        store.keep("a", None, json!(large), Vec::new());
        store.keep("b", None, json!(large), Vec::new());
        assert!(seen.get("a").is_none() && seen.get("b").is_some());
        assert_eq!(store.lock().entries.len(), 1);
    }

    #[test]
    fn what_a_key_made_is_seen_by_it_and_by_administrators() {
        let store = Responses::default();
        store.keep("a", Some("k1".into()), json!(1), Vec::new());
        let admin = Caller { admin: true, ..Caller::default() };
        for (who, sees) in [(caller("k1"), true), (caller("k2"), false), (Caller::default(), false), (admin, true)] {
            let seen = Seen { store: &store, caller: &who };
            assert_eq!(seen.get("a").is_some(), sees, "{who:?}");
            assert_eq!(seen.conversation("a").is_some(), sees);
            if !sees {
                assert!(!seen.forget("a"));
            }
        }
        assert!(Seen { store: &store, caller: &caller("k1") }.forget("a"));
    }
}
