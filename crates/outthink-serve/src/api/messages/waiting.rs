//! The blocks of a streamed message come whole, one after another; engines may write several calls at once, and words
//! between their pieces. What comes while a call is open waits for its end.

use super::reply;
use outthink_core::restore_integers;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};

/// A call as far as its pieces have come.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    number: u64,
    id: Value,
    name: Value,
    arguments: String,
    /// Bytes of the arguments that were sent.
    sent: usize,
}

impl Call {
    /// The block before its arguments.
    pub(super) fn block(&self) -> Value {
        let caller = json!({ "type": "direct" });
        json!({ "type": "tool_use", "id": self.id, "caller": caller, "name": self.name, "input": {} })
    }

    /// What can be sent of the arguments: those of an object as they come.
    pub(super) fn more(&mut self) -> Option<String> {
        let more = self.arguments.get(self.sent..).filter(|more| !more.is_empty())?;
        if !self.arguments.trim_start().starts_with('{') {
            return None;
        }
        let more = more.to_owned();
        self.sent = self.arguments.len();
        Some(more)
    }

    /// What is left at the end: arguments that are no object, as one.
    pub(super) fn rest(&self) -> Option<String> {
        let unsent = self.sent == 0 && !self.arguments.trim().is_empty();
        unsent.then(|| restore_integers(reply::input(&self.arguments).to_string()))
    }

    /// Whether nothing can follow: the arguments are an object.
    pub(super) fn is_whole(&self) -> bool {
        self.arguments.trim_end().ends_with('}') && serde_json::from_str::<Value>(&self.arguments).is_ok()
    }

    fn add(&mut self, piece: &Value) {
        for (own, given) in [(&mut self.id, &piece["id"]), (&mut self.name, &piece["function"]["name"])] {
            if own.is_null() {
                own.clone_from(given);
            }
        }
        self.arguments.push_str(piece["function"]["arguments"].as_str().unwrap_or_default());
    }
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Thought(String),
    /// The text and the signature of reasoning.
    Signature(String, String),
    Text(String),
    Block(Value),
    Call(Call),
}

/// What waits for the end of the open call, in order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    items: VecDeque<Item>,
    /// The calls that have ended.
    ended: BTreeSet<u64>,
}

impl Waiting {
    /// Adds something at the end.
    pub(super) fn add(&mut self, item: Item) {
        match (self.items.back_mut(), item) {
            (Some(Item::Thought(last)), Item::Thought(text)) | (Some(Item::Text(last)), Item::Text(text)) => {
                last.push_str(&text);
            }
            (_, item) => self.items.push_back(item),
        }
    }

    /// Adds a piece of a call to the one that is open or that waits, or to a new one.
    pub(super) fn piece(&mut self, open: Option<&mut Call>, piece: &Value) {
        let number = piece["index"].as_u64().unwrap_or(0);
        if self.ended.contains(&number) {
            return;
        }
        let waiting =
            self.items.iter_mut().filter_map(|item| if let Item::Call(call) = item { Some(call) } else { None });
        if let Some(call) = open.into_iter().chain(waiting).find(|call| call.number == number) {
            call.add(piece);
            return;
        }
        let mut call = Call { number, id: Value::Null, name: Value::Null, arguments: String::new(), sent: 0 };
        call.add(piece);
        self.items.push_back(Item::Call(call));
    }

    /// The next thing whose turn it is.
    pub(super) fn next(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// A call has ended: nothing of it can be sent any more.
    pub(super) fn ended(&mut self, call: &Call) {
        self.ended.insert(call.number);
    }
}
