//! Tool calls in one form, whatever form a server streams them in.
//!
//! What leaves here: `index` counts calls from 0 without gaps; the first piece of a call has its id, its type and
//! its whole name; arguments are strings to be joined. A call's first piece is kept back until its name is known
//! to be whole: until arguments begin, another call begins, or the reply ends.

use serde_json::{Map, Value, json};

/// Calls of one reply at most; more are passed over.
const MOST: usize = 1024;
/// The types of calls.
const FUNCTION: &str = "function";
const CUSTOM: &str = "custom";

#[derive(Debug, Default)]
struct Call {
    /// The server's own index.
    index: Option<u64>,
    id: String,
    /// Whether the server gave the id.
    has_own_id: bool,
    kind: String,
    name: String,
    arguments: String,
    /// Bytes of `arguments` that were passed on.
    passed: usize,
    /// Whether the first piece was passed on.
    begun: bool,
    /// Fields that are not known here and are not yet passed on: of the call, and of its function.
    extra: Map<String, Value>,
    inner: Map<String, Value>,
    /// The piece of the stream that it was last spoken of in.
    seen: u64,
}

/// The calls of one reply.
#[derive(Debug, Default)]
pub(super) struct Calls {
    list: Vec<Call>,
    current: usize,
    piece: u64,
}

/// One entry as a server wrote it.
struct Entry {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: Option<String>,
    kind: String,
    extra: Map<String, Value>,
    inner: Map<String, Value>,
}

impl Calls {
    /// Whether there is any.
    pub(super) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes in the entries of one piece and gives what is known of the calls now.
    pub(super) fn push(&mut self, entries: Vec<Value>) -> Vec<Value> {
        self.piece += 1;
        for entry in entries.into_iter().filter_map(entry) {
            self.take(entry);
        }
        let last = self.current;
        let ready = |(at, call): (usize, &mut Call)| {
            // A name that is still empty may come.
            let whole = !call.name.is_empty() && (call.has_arguments() || at != last);
            if call.begun || whole { call.pass(at) } else { None }
        };
        self.list.iter_mut().enumerate().filter_map(ready).collect()
    }

    /// The rest, at the reply's end. Where the model ended it, a call without arguments gets an empty object:
    /// that is what no arguments are in JSON.
    pub(super) fn end(&mut self, complete: bool) -> Vec<Value> {
        let rest = |(at, call): (usize, &mut Call)| {
            if complete && call.arguments.trim().is_empty() && call.kind != CUSTOM {
                call.passed = 0;
                "{}".clone_into(&mut call.arguments);
            }
            call.pass(at)
        };
        self.list.iter_mut().enumerate().filter_map(rest).collect()
    }

    fn take(&mut self, mut entry: Entry) {
        let at = match self.place(&entry) {
            Some(at) => at,
            None if self.list.len() >= MOST => return,
            // A piece of nothing: some servers send empty calls with every event.
            None if entry.is_blank() => return,
            None => {
                let index = entry.index;
                let own = std::mem::take(&mut entry.id);
                let id = self.unique(&own);
                self.list.push(Call { index, id, has_own_id: !own.is_empty(), ..Call::default() });
                self.list.len() - 1
            }
        };
        self.current = at;
        let piece = self.piece;
        if let Some(call) = self.list.get_mut(at) {
            call.seen = piece;
            call.take(entry);
        }
    }

    /// The call that an entry is a piece of; `None` where it begins one.
    fn place(&self, entry: &Entry) -> Option<usize> {
        let by_id = self.list.iter().rposition(|call| !entry.id.is_empty() && call.id == entry.id);
        let by_index = self.list.iter().rposition(|call| entry.index.is_some() && call.index == entry.index);
        let same_index = |at: usize| self.list.get(at).is_some_and(|call| call.index == entry.index);
        let at = match (by_id, by_index) {
            (Some(id), _) if entry.index.is_none() || same_index(id) => id,
            (_, Some(index)) => index,
            // One id for two calls, unless it is the same call under another index.
            (Some(id), None) if !entry.name.is_empty() => {
                return self.list.get(id).filter(|call| call.is_repeated_by(entry)).map(|_| id);
            }
            (Some(id), None) => id,
            (None, None) if entry.index.is_some() && !(entry.id.is_empty() && entry.name.is_empty()) => return None,
            (None, None) => self.current,
        };
        let call = self.list.get(at)?;
        (!call.is_over_for(entry, call.seen == self.piece)).then_some(at)
    }

    /// An id that no other call has: the server's own where it gives one.
    fn unique(&self, id: &str) -> String {
        let base = if id.is_empty() { format!("call_{}", self.list.len()) } else { id.to_owned() };
        let taken = |id: &str| self.list.iter().any(|call| call.id == id);
        let others = (1..).map(|n: usize| format!("{base}_{n}"));
        std::iter::once(base.clone()).chain(others).find(|id| !taken(id)).unwrap_or_default()
    }
}

impl Entry {
    fn is_blank(&self) -> bool {
        let nothing = self.arguments.as_deref().is_none_or(str::is_empty);
        self.id.is_empty() && self.name.is_empty() && nothing && self.extra.is_empty()
    }
}

impl Call {
    fn has_whole_arguments(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.arguments).is_ok()
    }

    /// Whether an entry repeats all of this call.
    fn is_repeated_by(&self, entry: &Entry) -> bool {
        entry.name == self.name && entry.arguments.as_deref().unwrap_or_default() == self.arguments
    }

    /// Whether an entry for the place of this call begins another one.
    fn is_over_for(&self, entry: &Entry, in_this_piece: bool) -> bool {
        let (named, begun) = (!entry.name.is_empty(), !self.arguments.is_empty());
        let whole = begun && self.has_whole_arguments();
        if entry.id == self.id {
            return named && whole && entry.name != self.name;
        }
        if entry.id.is_empty() {
            // Names without ids: two in one piece are two calls, and so is one after whole arguments.
            let repeated = entry.index.is_some() && self.is_repeated_by(entry);
            return named && !self.name.is_empty() && (in_this_piece || (whole && !repeated));
        }
        // A new id is a new call, but for servers that split it, give it late, or make one for every piece.
        match (named, begun) {
            (true, true) => entry.name != self.name || whole,
            (true, false) => self.has_own_id && !self.name.is_empty(),
            (false, true) => whole,
            (false, false) => in_this_piece,
        }
    }

    /// Whether arguments came, and not just an empty object that may stand for those to come.
    fn has_arguments(&self) -> bool {
        !self.arguments.is_empty() && self.arguments != "{}"
    }

    fn take(&mut self, entry: Entry) {
        let Entry { id, name, arguments, kind, extra, inner, .. } = entry;
        let repeated = !name.is_empty() && name == self.name && !self.arguments.is_empty();
        if !self.begun {
            if !kind.is_empty() {
                self.kind = kind;
            }
            if !id.is_empty() && id != self.id {
                let nothing_else = name.is_empty() && arguments.as_deref().is_none_or(str::is_empty);
                match self.has_own_id {
                    true if nothing_else && self.arguments.is_empty() => self.id.push_str(&id),
                    true if !self.name.is_empty() => {}
                    _ => self.id = id,
                }
                self.has_own_id = true;
            }
            if name.starts_with(self.name.as_str()) {
                // The same name again, or more of it from its beginning.
                self.name = name;
            } else if self.arguments.is_empty() {
                self.name.push_str(&name);
            }
        }
        self.extra.extend(extra);
        self.inner.extend(inner);
        let Some(arguments) = arguments else { return };
        match arguments.strip_prefix(self.arguments.as_str()) {
            // All of the call once more, at its end.
            Some(rest) if repeated => self.arguments.push_str(rest),
            _ if repeated && self.has_whole_arguments() && self.has_arguments() => {}
            _ if self.arguments == "{}" && self.passed == 0 => self.arguments = arguments,
            _ => self.arguments.push_str(&arguments),
        }
    }

    /// What was not passed on yet, as an entry of the API.
    fn pass(&mut self, at: usize) -> Option<Value> {
        let more = self.arguments[self.passed..].to_owned();
        if self.begun && more.is_empty() && self.extra.is_empty() && self.inner.is_empty() {
            return None;
        }
        self.passed = self.arguments.len();
        let is_custom = self.kind == CUSTOM;
        let (holder, field) = if is_custom { (CUSTOM, "input") } else { (FUNCTION, "arguments") };
        let mut inner = std::mem::take(&mut self.inner);
        let mut call = Map::from_iter([("index".to_owned(), at.into())]);
        if !std::mem::replace(&mut self.begun, true) {
            call.insert("id".to_owned(), self.id.clone().into());
            call.insert("type".to_owned(), if self.kind.is_empty() { FUNCTION } else { &self.kind }.into());
            let head = Map::from_iter([("name".to_owned(), self.name.clone().into()), (field.to_owned(), more.into())]);
            inner = head.into_iter().chain(inner).collect();
        } else if !more.is_empty() {
            inner.insert(field.to_owned(), more.into());
        }
        if !inner.is_empty() {
            call.insert(holder.to_owned(), inner.into());
        }
        call.extend(std::mem::take(&mut self.extra));
        Some(call.into())
    }
}

/// Reads one entry. A text where an object should be, and anything else that is no object, is none.
fn entry(value: Value) -> Option<Entry> {
    let Value::Object(mut fields) = value else { return None };
    let text = |fields: &mut Map<String, Value>, name: &str| match fields.shift_remove(name) {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let index = match fields.shift_remove("index") {
        Some(Value::String(index)) => index.trim().parse().ok(),
        Some(index) => index.as_u64().or_else(|| index.as_f64().filter(|i| *i >= 0.0).map(|i| i as u64)),
        None => None,
    };
    let (id, call_id) = (text(&mut fields, "id"), text(&mut fields, "call_id"));
    let id = if id.is_empty() { call_id } else { id };
    let kind = text(&mut fields, "type");
    let custom = fields.shift_remove(CUSTOM).filter(Value::is_object);
    let kind = match kind.as_str() {
        _ if custom.is_some() => CUSTOM.to_owned(),
        "function_call" | "tool_call" | "tool_use" => FUNCTION.to_owned(),
        _ => kind,
    };
    let inner = custom.or_else(|| fields.shift_remove(FUNCTION).filter(|f| !f.is_null()));
    let mut inner = if let Some(Value::Object(inner)) = inner {
        inner
    } else {
        // Flat: name and arguments stand next to the id.
        let flat = ["name", "arguments", "input", "parameters"];
        flat.iter().filter_map(|name| Some(((*name).to_owned(), fields.shift_remove(*name)?))).collect()
    };
    let name = text(&mut inner, "name");
    let given = ["arguments", "input", "parameters"].iter().filter_map(|field| inner.shift_remove(*field));
    let arguments = given.fold(None, |first: Option<Value>, next| first.filter(|v| !v.is_null()).or(Some(next)));
    let arguments = match arguments {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(value) => Some(value.to_string()),
    };
    fields.retain(|_, value| !value.is_null());
    inner.retain(|_, value| !value.is_null());
    Some(Entry { index, id, name, arguments, kind, extra: fields, inner })
}

/// The entries of a delta or message: `tool_calls` in whatever shape, and the `function_call` of old.
pub(super) fn entries(calls: Option<Value>, legacy: Option<Value>) -> Vec<Value> {
    let calls = match calls {
        Some(Value::Array(calls)) => calls,
        Some(call @ Value::Object(_)) => vec![call],
        Some(Value::String(text)) => match serde_json::from_str(&text) {
            Ok(Value::Array(calls)) => calls,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    match legacy {
        Some(call @ Value::Object(_)) if calls.is_empty() => vec![json!({"index": 0, "function": call})],
        _ => calls,
    }
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
