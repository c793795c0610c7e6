//! How a run is told to its client: as a chat completion or as a response.

use crate::error::ApiError;
use outthink_core::Outcome;
use outthink_strategy::Update;
use serde_json::Value;
use std::fmt::Write as _;

/// One way to tell a run. Streams call [`Wire::begin`], [`Wire::update`] and then [`Wire::end`] or
/// [`Wire::failed`]; whole replies call [`Wire::hear`] and then [`Wire::whole`].
pub(crate) trait Wire: Send {
    /// Hears an update of a reply that is told at its end.
    fn hear(&mut self, update: &Update);

    /// The whole reply.
    fn whole(&mut self, outcome: &Outcome) -> String;

    /// Events before the first words.
    fn begin(&mut self, out: &mut String);

    /// The events of an update, if it has any.
    fn update(&mut self, update: Update, out: &mut String);

    /// The last events of a reply.
    fn end(&mut self, outcome: &Outcome, out: &mut String);

    /// The last events of a reply that failed on the way.
    fn failed(&mut self, error: &ApiError, out: &mut String);
}

/// Writes an event that has only data.
pub(crate) fn data(out: &mut String, value: &Value) {
    let _ = write!(out, "data: {value}\n\n");
}

/// Writes an event with a name.
pub(crate) fn event(out: &mut String, name: &str, value: &Value) {
    let _ = write!(out, "event: {name}\ndata: {value}\n\n");
}
