//! Amazon Bedrock's Converse API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>.

mod messages;
mod models;
mod reader;
mod request;
mod sign;
mod tools;

pub(crate) use models::facts;
pub(crate) use request::write;

use crate::native::AwsKeys;
use crate::openai::channel::Access;
use crate::reader::Reader;
use outthink_core::EngineError;

/// The kind of a body that is a stream of events.
pub(crate) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// A key of Bedrock as a bearer token, or a signature of each request.
pub(crate) fn access(endpoint: &str, key: Option<&str>, aws: Option<AwsKeys>) -> Result<Access, EngineError> {
    let access = match (key.filter(|key| !key.is_empty()), aws) {
        (Some(key), _) => Access::bearer(Some(key))?,
        (None, Some(keys)) => Access::signed(sign::signer(endpoint, keys)?),
        (None, None) => Access::default(),
    };
    Ok(access.header("accept", EVENT_STREAM))
}

/// What reads one reply.
pub(crate) fn reader() -> Box<dyn Reader> {
    Box::<reader::Events>::default()
}
