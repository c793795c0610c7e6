//! `[observability]`: what the gateway tells of itself.

use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// What the gateway reports of itself.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Observability {
    /// Serve Prometheus metrics at `/metrics`.
    pub metrics: bool,
    /// The form of the log on stderr.
    pub log: LogForm,
    /// The least weight of a line in the log.
    pub level: LogLevel,
    /// Serve the page at `/`.
    pub page: bool,
    /// Ended requests that the page and `/v1/outthink/traces` remember.
    pub recent: usize,
    /// A JSON report of `outthink fit` or `outthink replay` for the page to draw.
    pub report: Option<PathBuf>,
    /// Send OpenTelemetry traces; none are sent where left out.
    pub otlp: Option<Otlp>,
}

/// The form of the log on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogForm {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
    /// None.
    Off,
}

/// The least weight of a line in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures.
    Error,
    /// What needs a look.
    Warn,
    /// One line for each request.
    #[default]
    Info,
    /// More.
    Debug,
}

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// The collector's address for OTLP over HTTP, such as `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// The share of requests that are traced, from 0 to 1.
    #[serde(default = "all")]
    pub sample: f64,
    /// The service's name.
    #[serde(default = "outthink")]
    pub service: String,
    /// The variable of the environment that holds an `Authorization` header for the collector.
    #[serde(default)]
    pub authorization_env: Option<String>,
}

impl Default for Observability {
    fn default() -> Self {
        Self {
            metrics: true,
            log: LogForm::Text,
            level: LogLevel::Info,
            page: true,
            recent: 200,
            report: None,
            otlp: None,
        }
    }
}

const fn all() -> f64 {
    1.0
}

fn outthink() -> String {
    "outthink".into()
}
