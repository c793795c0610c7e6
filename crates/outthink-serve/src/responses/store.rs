//! The responses that `previous_response_id` may name: in memory, bounded by size and time.

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

impl Responses {
    /// Remembers a response and its conversation; the oldest make room.
    pub(super) fn keep(&self, id: &str, response: Value, conversation: Vec<Value>) {
        let bytes = response.to_string().len() + conversation.iter().map(|m| m.to_string().len()).sum::<usize>();
        if bytes > MOST_BYTES {
            return;
        }
        let entry =
            Entry { at: Instant::now(), bytes, response: Arc::new(response), conversation: Arc::new(conversation) };
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

    /// A response as it was told.
    pub(super) fn get(&self, id: &str) -> Option<Value> {
        let response = Arc::clone(&self.fresh(&self.lock(), id)?.response);
        Some(Value::clone(&response))
    }

    /// The messages of a conversation up to and with a response.
    pub(super) fn conversation(&self, id: &str) -> Option<Arc<Vec<Value>>> {
        self.fresh(&self.lock(), id).map(|entry| Arc::clone(&entry.conversation))
    }

    /// Forgets a response; whether there was one.
    pub(super) fn forget(&self, id: &str) -> bool {
        self.lock().forget(id)
    }

    #[expect(clippy::unused_self, reason = "reads what this object guards")]
    fn fresh<'a>(&self, kept: &'a MutexGuard<'_, Kept>, id: &str) -> Option<&'a Entry> {
        kept.entries.get(id).filter(|entry| entry.at.elapsed() <= KEPT)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_oldest_make_room() {
        let store = Responses::default();
        for n in 0..MOST + 10 {
            store.keep(&n.to_string(), json!({ "n": n }), vec![json!({"role": "user"})]);
        }
        assert!(store.get("9").is_none() && store.conversation("9").is_none());
        assert_eq!(store.get("10"), Some(json!({"n": 10})));
        assert!(store.forget("10") && !store.forget("10"));
        let large = "x".repeat(MOST_BYTES / 2 + 1);
        store.keep("a", json!(large), Vec::new());
        store.keep("b", json!(large), Vec::new());
        assert!(store.get("a").is_none() && store.get("b").is_some());
        assert_eq!(store.lock().entries.len(), 1);
    }
}
