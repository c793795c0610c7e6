//! What the gateway tells of itself: metrics, spans, and the feed of the page.

pub(crate) mod live;
mod log;
mod metrics;
mod spans;
pub(crate) mod store;
mod traces;
pub(crate) mod tree;

pub(crate) use log::{RequestLog, TraceId, random};
pub use metrics::UpstreamHealth;
pub(crate) use metrics::{Metrics, RequestLabels};
pub(crate) use spans::Parent;
pub use spans::{SpanReceiver, SpanSender, spans};
pub(crate) use traces::Traces;
