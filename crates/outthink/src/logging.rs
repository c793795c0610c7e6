//! The log of the gateway, on stderr: one line for each request and for what needs a look.

use crate::lines::{AtEnd, Lines};
use outthink_serve::config::{LogForm, LogLevel};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// Starts the log. The level holds for our own lines; of libraries only what needs a look is told. The
/// last lines are written when the handle is dropped.
pub(crate) fn start(form: LogForm, level: LogLevel) -> Option<AtEnd> {
    if form == LogForm::Off {
        return None;
    }
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets = tracing_subscriber::filter::Targets::new()
        .with_default(LevelFilter::WARN.min(own))
        .with_target("outthink", own)
        // Its warnings repeat whole statements.
        .with_target("sqlx", LevelFilter::OFF);
    let (writer, at_end) = Lines::start();
    let lines = fmt::layer().with_writer(writer).with_target(false);
    let registry = Registry::default();
    // A log that is there already, in a test, stays.
    let _ = match form {
        LogForm::Json => registry.with(lines.json().flatten_event(true).with_filter(targets)).try_init(),
        _ => registry.with(lines.with_ansi(false).with_filter(targets)).try_init(),
    };
    Some(at_end)
}
