//! What all APIs send alike: the run whole or as events, the bill.

mod receipt;
mod several;
mod stream;

pub(crate) use receipt::{Receipt, StandardUsage};
pub(crate) use several::{Choices, respond_several};

use crate::error::ApiError;
use crate::observe::store::Keeping;
use crate::run::{Begun, Running};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use outthink_core::{Outcome, restore_integers};
use outthink_strategy::DriveError;
use outthink_strategy::Update;
use serde::Serialize;
use serde_json::Value;
use stream::Streaming;

/// One way to send a run. Streams call [`Wire::begin`], [`Wire::update`] and then [`Wire::end`] or
/// [`Wire::failed`]; whole replies call [`Wire::hear`] and then [`Wire::whole`].
pub(crate) trait Wire: Send {
    /// Hears an update of a reply that is sent at its end.
    fn hear(&mut self, update: &Update);

    /// The whole reply.
    fn whole(&mut self, outcome: &Outcome) -> String;

    /// Events before the first words.
    fn begin(&mut self, out: &mut String);

    /// The events of an update, if it has any.
    fn update(&mut self, update: Update, out: &mut String);

    /// The last events of a reply.
    fn end(&mut self, outcome: &Outcome, out: &mut String);

    /// What has to be done after [`Wire::whole`] or [`Wire::end`], before the client gets what they made.
    fn keeping(&mut self) -> Option<Keeping> {
        None
    }

    /// The last events of a reply that failed on the way.
    fn failed(&mut self, error: &ApiError, out: &mut String);
}

/// Runs what was begun and sends it, as a stream or whole.
pub(crate) async fn respond(begun: Begun, wire: Box<dyn Wire>) -> Response {
    let Begun { running, effort, stream } = begun;
    if stream {
        return Box::pin(Streaming { running, wire, effort }.respond()).await;
    }
    whole(running, wire, effort).await
}

/// The reply in one piece.
async fn whole(mut running: Box<Running>, mut wire: Box<dyn Wire>, effort: &'static str) -> Response {
    let end = running.end(|update| wire.hear(update)).await;
    match &*end {
        Ok(outcome) => {
            running.answered(200);
            let body = restore_integers(wire.whole(outcome));
            if let Some(keeping) = wire.keeping() {
                keeping.await;
            }
            ([(CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(failed) => {
            let error = of_run(failed, effort);
            running.answered(error.status.as_u16());
            error.into_response()
        }
    }
}

/// The error of a request that ended without an answer; the bill goes with it.
pub(crate) fn of_run(failed: &DriveError, effort: &str) -> ApiError {
    let bill = serde_json::json!(Receipt::of(&failed.outcome, effort));
    ApiError::of_engine(&failed.error).with_bill(bill)
}

/// Writes a value of our own, which holds nothing that JSON cannot. In a text of its own at first: `serde_json` takes what
/// it wrote for UTF-8, and a writer of ours would have to look.
pub(crate) fn write_json(out: &mut String, value: &(impl Serialize + ?Sized)) {
    out.push_str(&serde_json::to_string(value).unwrap_or_default());
}

/// Writes an event that has only data.
pub(crate) fn data(out: &mut String, value: &impl Serialize) {
    out.push_str("data: ");
    write_json(out, value);
    out.push_str("\n\n");
}

/// Writes an event with a name.
pub(crate) fn event(out: &mut String, name: &str, value: &Value) {
    out.push_str("event: ");
    out.push_str(name);
    out.push('\n');
    data(out, value);
}
