//! The way to a server that speaks another protocol: the same connections, places, retries and timeouts. What differs
//! is how a request is written and how its events are read.

pub(crate) use super::ask::Spare;
pub(crate) use super::http::{Access, Sign};

use super::ask::{Ask, Order};
use super::habit::Manner;
use super::http::Place;
use super::think::Before;
use super::upstream::Run;
use super::wire::Wire;
use super::{OpenAiOptions, connect, failed, single};
use crate::reader::NewReader;
use crate::size;
use futures_util::{StreamExt as _, stream};
use outthink_core::{EngineError, ModelInfo, SampleRequest, SampleStream, Source, restore_integers};
use serde_json::{Map, Value};
use std::sync::Arc;

/// A body in a server's own words.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) body: Map<String, Value>,
    /// What of the request it does not say, in words for the receipt.
    pub(crate) notes: Vec<String>,
    /// What can be left out where the server refuses it.
    pub(crate) spare: Vec<Spare>,
}

/// The way to one model at one server. Its clones share all of it.
#[derive(Clone)]
pub(crate) struct Channel {
    wire: Arc<Wire>,
    source: Arc<Source>,
}

impl Channel {
    /// To the model at `endpoint`, whose samples come from the path `path` below it.
    ///
    /// # Errors
    /// If the address is not valid.
    pub(crate) fn new(
        (endpoint, path): (&str, &str),
        access: Access,
        options: OpenAiOptions,
        model: &ModelInfo,
    ) -> Result<Self, EngineError> {
        let place = Place::new(&format!("{endpoint}{path}"))?;
        let source = Arc::new(Source { model: model.id.clone(), member: None, price: model.price });
        let wire = Arc::new(connect::wire_at(endpoint.to_owned(), place, access, options)?);
        Ok(Self { wire, source })
    }

    /// What is at a path below the server's address, asked for again where that may help.
    pub(crate) async fn get(&self, path: &str) -> Result<Option<Value>, EngineError> {
        connect::get(&self.wire, path).await
    }

    /// The same, asked for once.
    pub(crate) async fn get_once(&self, path: &str) -> Result<Option<Value>, EngineError> {
        connect::get_once(&self.wire, path).await
    }

    /// Whether the server refused a field, with any value or with this one.
    pub(crate) fn refuses(&self, field: &str, value: Option<&Value>) -> bool {
        self.wire.learned.refuses(field, value)
    }

    /// Whether a request has a chance; `None` where nothing was tried yet.
    pub(crate) fn is_ready(&self) -> Option<bool> {
        self.wire.reachability.is_reachable()
    }

    /// One sample of a request, once its body is written.
    pub(crate) fn sample(
        &self,
        request: Arc<SampleRequest>,
        seed: u64,
        reader: NewReader,
        written: impl Future<Output = Result<Written, EngineError>> + Send + 'static,
    ) -> SampleStream {
        let Self { wire, source } = self.clone();
        let begun = async move {
            match written.await {
                Err(error) => failed(error),
                Ok(Written { body, notes, spare }) => {
                    let body = restore_integers(Value::Object(body).to_string());
                    let order = Order {
                        ask: Ask::new(body.into(), notes, spare),
                        source,
                        seed,
                        n: 1,
                        prompt_chars: size::prompt_chars(&request),
                        max_tokens: request.max_tokens,
                        has_other: request.has_other,
                        // Reasoning has a name of its own.
                        before: Before::Answer,
                        manner: Manner::of(&request),
                        is_completion: false,
                        reader: Some(reader),
                    };
                    single(Run::new(wire, order))
                }
            }
        };
        Box::pin(stream::once(begun).flatten())
    }
}
