//! Anthropic's Messages API: <https://platform.claude.com/docs/en/api/messages>.

mod messages;
mod models;
mod reader;
mod request;
mod thinking;
mod tools;

pub(crate) use models::facts;
pub(crate) use request::write;
pub(crate) use thinking::set as thinking;

use crate::openai::channel::Access;
use crate::reader::Reader;
use hyper::header::HeaderName;
use outthink_core::EngineError;

/// The version of the API that is spoken here.
const VERSION: &str = "2023-06-01";
/// Its own tools, by their types.
pub(crate) const HOSTED: &[&str] = &[
    "web_search",
    "web_search_preview",
    "web_search_*",
    "web_fetch_*",
    "code_execution_*",
    "tool_search_tool_*",
    "mcp_toolset",
];

/// The key in its own header, and the version.
pub(crate) fn access(key: Option<&str>) -> Result<Access, EngineError> {
    let access = Access::default().header("anthropic-version", VERSION);
    match key.filter(|key| !key.is_empty()) {
        Some(key) => access.secret(HeaderName::from_static("x-api-key"), key),
        None => Ok(access),
    }
}

/// What reads one reply.
pub(crate) fn reader() -> Box<dyn Reader> {
    Box::<reader::Events>::default()
}
