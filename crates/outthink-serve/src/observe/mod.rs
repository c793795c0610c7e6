//! What the gateway tells of itself: metrics, spans, and the feed of the page.

mod bill;
pub(crate) mod live;
mod metrics;
mod spans;
pub(crate) mod tree;
mod watch;

pub(crate) use bill::Bill;
pub use metrics::UpstreamHealth;
pub(crate) use metrics::{Metrics, RequestLabels};
pub(crate) use spans::Parent;
pub use spans::{SpanReceiver, SpanSender, spans};
pub(crate) use watch::{Keep, Watch};
