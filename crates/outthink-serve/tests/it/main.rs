//! The gateway over real connections, with a scripted engine behind it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests may fail loudly and say what they skip"
)]

mod batches;
mod beside;
mod bodies;
mod budgets;
mod calls;
mod choices;
#[allow(dead_code, reason = "shared with the other test binary")]
#[path = "../common/mod.rs"]
mod common;
mod configuration;
mod errors;
mod http;
mod leaving;
mod looks;
mod meaning;
mod native;
mod passing;
mod played;
mod relays;
mod replies;
#[path = "../storm/mod.rs"]
mod storm;
mod storms;
mod streams;
mod tls;
mod wire;

use common::{Act, Scripted};
use outthink_core::{Effort, SampleRequest};
use outthink_serve::ServeOptions;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;

/// A gateway before one engine, called `m`.
async fn gateway(
    script: impl Fn(usize, &SampleRequest) -> Vec<Act> + Send + Sync + 'static,
) -> (SocketAddr, Arc<Scripted>) {
    let engine = Scripted::new("m", script);
    let options = ServeOptions::new(vec![engine.clone()]).with_default_effort(Effort::None);
    (common::serve(options).await, engine)
}

fn ask(fields: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": "What is 2+2?"}]});
    for (key, value) in common::object(fields) {
        body[key] = value;
    }
    body
}

/// Puts fixed values in place of what differs from run to run.
fn redact(mut value: Value) -> Value {
    for key in ["id", "created"] {
        if value.get(key).is_some() {
            value[key] = format!("[{key}]").into();
        }
    }
    if let Some(receipt) = value.get_mut("outthink") {
        receipt["seconds"] = "[seconds]".into();
        receipt["trace_id"] = "[trace_id]".into();
    }
    value
}
