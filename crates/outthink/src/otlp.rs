//! Sends spans to an OpenTelemetry collector, as OTLP in JSON over HTTP.

use outthink_serve::SpanReceiver;
use outthink_serve::config::Otlp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use std::time::Duration;

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Batches that fail before the log says so again.
const QUIET: u64 = 100;

/// Sends what comes until the senders are gone. What a collector does not take is lost; requests never
/// wait for it.
pub(crate) async fn send(otlp: Otlp, mut spans: SpanReceiver) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("{}/v1/traces", otlp.endpoint.trim_end_matches('/').trim_end_matches("/v1/traces"));
    let client = match reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()
    {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "no traces are sent: no HTTP client could be made");
            return;
        }
    };
    let authorisation = otlp.authorization_env.as_deref().and_then(crate::env::var).and_then(|value| {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some(value)
    });
    let mut failures = 0;
    while let Some(batch) = spans.next().await {
        let mut request = client.post(&url).header(CONTENT_TYPE, "application/json").body(batch.to_string());
        if let Some(value) = &authorisation {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let failed = match request.send().await {
            Ok(reply) if reply.status().is_success() => None,
            Ok(reply) => Some(format!("status {}", reply.status())),
            Err(error) => Some(error.without_url().to_string()),
        };
        match failed {
            None => failures = 0,
            Some(reason) => {
                if failures % QUIET == 0 {
                    tracing::warn!(%reason, "the collector takes no traces");
                }
                failures += 1;
            }
        }
    }
}
