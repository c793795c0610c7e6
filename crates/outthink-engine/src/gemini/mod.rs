//! The Gemini API: <https://ai.google.dev/api/generate-content>.

mod contents;
mod models;
mod reader;
mod request;
mod thinking;
mod tools;

pub(crate) use models::facts;
pub(crate) use request::write;

use crate::openai::channel::Access;
use crate::reader::Reader;
use hyper::header::HeaderName;
use outthink_core::EngineError;

/// Its own tools, by the types that clients write for them.
pub(crate) const HOSTED: &[&str] =
    &["web_search", "web_search_preview", "google_search", "code_interpreter", "code_execution", "url_context"];

/// The key in its own header.
pub(crate) fn access(key: Option<&str>) -> Result<Access, EngineError> {
    match key.filter(|key| !key.is_empty()) {
        Some(key) => Access::default().secret(HeaderName::from_static("x-goog-api-key"), key),
        None => Ok(Access::default()),
    }
}

/// What reads one reply.
pub(crate) fn reader() -> Box<dyn Reader> {
    Box::<reader::Chunks>::default()
}

/// The name of a model without what comes before it in a list.
pub(crate) fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}
