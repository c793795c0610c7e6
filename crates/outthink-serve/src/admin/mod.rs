//! The page at `/` and what it reads: requests, spend, keys; and `/metrics`.

use crate::config::Store;
use crate::error::ApiError;
use crate::run::{Caller, Gateway};
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::Uri;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Extension, Json, Router};
use outthink_core::{Cost, Effort};
use outthink_ledger::{Ledger, LedgerError, Limits, NewKey, TeamLimits};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

/// Nothing but the gateway's own files, and no markup that runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// The page's files.
const FILES: [(&str, &str, &str); 5] = [
    ("/", "text/html; charset=utf-8", include_str!("page/page.html")),
    ("/outthink/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/outthink/draw.js", "text/javascript; charset=utf-8", include_str!("page/draw.js")),
    ("/outthink/ask.js", "text/javascript; charset=utf-8", include_str!("page/ask.js")),
    ("/outthink/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
];

type Asker = Extension<Caller>;
type Now = Extension<Arc<Gateway>>;

/// The routes that need a key.
pub(crate) fn routes() -> Router {
    Router::new()
        .route("/v1/outthink/records/{id}", get(record))
        .route("/outthink/state", get(state))
        .route("/outthink/spend", get(spend))
        .route("/outthink/live", get(live))
        .route("/outthink/keys", get(keys).post(make_key))
        .route("/outthink/keys/{name}", delete(revoke).patch(change_key))
        .route("/outthink/teams/{name}", put(set_team))
        .route("/metrics", get(metrics))
}

/// The files of the page. They hold nothing that is secret, so that they need no key.
pub(crate) fn page() -> Router {
    FILES.iter().fold(Router::new(), |router, (path, ..)| router.route(path, get(file)))
}

async fn file(Extension(gateway): Now, uri: Uri) -> Result<Response, ApiError> {
    let found = FILES.iter().find(|f| f.0 == uri.path()).filter(|_| gateway.config().observability.page);
    let Some((_, kind, text)) = found else {
        let words = "the page is switched off: set observability.page to true";
        return Err(ApiError::not_found("unknown_url", words));
    };
    let headers = [
        (CONTENT_TYPE, *kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, *text).into_response())
}

/// `/metrics`, in the text format of Prometheus.
async fn metrics(Extension(gateway): Now, Extension(caller): Asker) -> Result<Response, ApiError> {
    if !gateway.config().observability.metrics {
        let words = "metrics are switched off: set observability.metrics to true";
        return Err(ApiError::not_found("unknown_url", words));
    }
    caller.must_be_admin()?;
    let (keys, teams) = match &gateway.control().ledger {
        Some(ledger) => (ledger.keys().await.unwrap_or_default(), ledger.teams().await.unwrap_or_default()),
        None => Default::default(),
    };
    let upstreams = gateway.options.policy.health.as_ref().map(|health| health()).unwrap_or_default();
    gateway.control().metrics.waiting(i64::try_from(gateway.waiting()).unwrap_or(i64::MAX));
    let text = gateway.control().metrics.text((&keys, &teams), &upstreams);
    Ok(([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

/// All that the page shows at first.
async fn state(Extension(gateway): Now, Extension(caller): Asker) -> Result<Json<Value>, ApiError> {
    caller.must_be_admin()?;
    let config = gateway.config();
    Ok(Json(json!({
        "requests": gateway.control().live.all(),
        "spend": gateway.control().live.spend(),
        "models": gateway.options.engines.iter().map(|e| e.model().id.as_str()).collect::<Value>(),
        "efforts": Effort::ALL.map(Effort::name),
        "report": gateway.options.policy.report.as_deref(),
        "answers_shown": config.privacy.store == Store::Full,
    })))
}

/// What was spent since the start.
async fn spend(Extension(gateway): Now, Extension(caller): Asker) -> Result<Response, ApiError> {
    caller.must_be_admin()?;
    Ok(Json(gateway.control().live.spend()).into_response())
}

/// What happens to the requests, as server-sent events.
async fn live(Extension(gateway): Now, Extension(caller): Asker) -> Result<Response, ApiError> {
    caller.must_be_admin()?;
    let mut events = gateway.control().live.watch();
    let mut ending = gateway.ending.clone();
    let stream = async_stream::stream! {
        yield Ok::<_, Infallible>(": live\n\n".to_owned());
        loop {
            let next = tokio::select! {
                next = timeout(Duration::from_secs(15), events.recv()) => next,
                // The feed never ends by itself, and must not hold up the end of the gateway.
                _ = ending.wait_for(|ending| *ending) => return,
            };
            match next {
                Ok(Ok(event)) => yield Ok(format!("data: {event}\n\n")),
                Ok(Err(RecvError::Lagged(_))) => yield Ok("data: {\"type\":\"behind\"}\n\n".to_owned()),
                Ok(Err(RecvError::Closed)) => return,
                Err(_) => yield Ok(": keep-alive\n\n".to_owned()),
            }
        }
    };
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// The keys and teams with what they spent today and in this month.
async fn keys(Extension(gateway): Now, Extension(caller): Asker) -> Result<Json<Value>, ApiError> {
    caller.must_be_admin()?;
    let Some(ledger) = &gateway.control().ledger else { return Ok(Json(json!({ "keys": null }))) };
    let keys = ledger.keys().await.map_err(ApiError::of_ledger)?;
    let teams = ledger.teams().await.map_err(ApiError::of_ledger)?;
    Ok(Json(json!({ "keys": keys, "teams": teams })))
}

/// What a key may do: what is left out stays as it is, and `null` takes a limit away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "not there, null, or a value")]
struct Changes {
    #[serde(default, deserialize_with = "given")]
    usd_per_day: Option<Option<f64>>,
    #[serde(default, deserialize_with = "given")]
    usd_per_month: Option<Option<f64>>,
    #[serde(default, deserialize_with = "given")]
    usd_per_session: Option<Option<f64>>,
    #[serde(default, deserialize_with = "given")]
    requests_per_minute: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    tokens_per_minute: Option<Option<u64>>,
    #[serde(default, deserialize_with = "given")]
    largest_effort: Option<Option<Effort>>,
    #[serde(default, deserialize_with = "given")]
    models: Option<Option<Vec<String>>>,
}

/// Reads an object. Of a list, serde would take the fields in their order.
fn object<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    serde_json::from_value(Value::Object(serde_json::from_slice(body)?))
}

/// Tells a field that is `null` from one that is not there.
#[expect(clippy::option_option, reason = "not there, null, or a value")]
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Changes {
    fn apply(self, limits: &mut Limits) -> Result<(), ApiError> {
        for (name, field, usd) in [
            ("usd_per_day", &mut limits.cost_per_day, self.usd_per_day),
            ("usd_per_month", &mut limits.cost_per_month, self.usd_per_month),
            ("usd_per_session", &mut limits.cost_per_session, self.usd_per_session),
        ] {
            if let Some(usd) = usd {
                *field = dollars(name, usd)?;
            }
        }
        limits.requests_per_minute = self.requests_per_minute.unwrap_or(limits.requests_per_minute);
        limits.tokens_per_minute = self.tokens_per_minute.unwrap_or(limits.tokens_per_minute);
        limits.largest_effort = self.largest_effort.unwrap_or(limits.largest_effort);
        if let Some(models) = self.models {
            limits.models = models.unwrap_or_default();
        }
        Ok(())
    }
}

/// Makes a key; its secret is in this reply alone.
async fn make_key(Extension(gateway): Now, Extension(caller): Asker, body: Bytes) -> Result<Response, ApiError> {
    caller.must_be_admin()?;
    let ledger = ledger(&gateway)?;
    let wrong = |e: serde_json::Error| ApiError::invalid_body(format!("the body describes no key: {e}"));
    let mut wanted: Map<String, Value> = object(&body).map_err(wrong)?;
    let mut take = |field: &str| wanted.remove(field).unwrap_or_default();
    let (name, admin, team) = (take("name"), take("admin"), take("team"));
    let mut limits = Limits::default();
    serde_json::from_value::<Changes>(wanted.into()).map_err(wrong)?.apply(&mut limits)?;
    let new = NewKey {
        name: serde_json::from_value(name).map_err(wrong)?,
        admin: serde_json::from_value::<Option<bool>>(admin).map_err(wrong)?.unwrap_or_default(),
        team: serde_json::from_value(team).map_err(wrong)?,
        limits,
    };
    let (key, secret) = ledger.create_key(&new).await.map_err(ApiError::of_ledger)?;
    tracing::info!(key = %key.id, name = %key.name, "a key was made");
    let told = json!({ "id": key.id, "name": key.name, "key": secret.expose() });
    Ok(([(CACHE_CONTROL, "no-store")], Json(told)).into_response())
}

/// Changes what a key may do, from its next request on.
async fn change_key(
    Extension(gateway): Now,
    Extension(caller): Asker,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    caller.must_be_admin()?;
    let changes: Changes =
        object(&body).map_err(|e| ApiError::invalid_body(format!("the body describes no limits of a key: {e}")))?;
    let mut refused = None;
    let change = |limits: &mut Limits| {
        changes.apply(limits).map_err(|error| {
            let words = LedgerError::Asked(error.message.clone());
            refused = Some(error);
            words
        })
    };
    let changed = ledger(&gateway)?.change_key(&name, change).await;
    let key = changed.map_err(|error| refused.unwrap_or_else(|| ApiError::of_ledger(error)))?;
    tracing::info!(key = %key.id, name = %key.name, "the limits of a key were changed");
    Ok(Json(json!(key)))
}

/// A budget in dollars.
fn dollars(field: &str, usd: Option<f64>) -> Result<Option<Cost>, ApiError> {
    let Some(usd) = usd else { return Ok(None) };
    Cost::from_usd(usd).filter(|cost| *cost > Cost::ZERO).map(Some).ok_or_else(|| {
        ApiError::invalid(field, format!("{field} is {usd}, which pays for nothing: give a positive amount"))
    })
}

/// What a team may spend, as the page sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names that a key's limits have")]
struct TeamWanted {
    #[serde(default)]
    usd_per_day: Option<f64>,
    #[serde(default)]
    usd_per_month: Option<f64>,
    #[serde(default)]
    usd_per_session: Option<f64>,
}

/// Makes a team, or gives it other limits.
async fn set_team(
    Extension(gateway): Now,
    Extension(caller): Asker,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    caller.must_be_admin()?;
    let wanted: TeamWanted =
        object(&body).map_err(|e| ApiError::invalid_body(format!("the body describes no team: {e}")))?;
    let limits = TeamLimits {
        cost_per_day: dollars("usd_per_day", wanted.usd_per_day)?,
        cost_per_month: dollars("usd_per_month", wanted.usd_per_month)?,
        cost_per_session: dollars("usd_per_session", wanted.usd_per_session)?,
    };
    ledger(&gateway)?.set_team(&name, limits).await.map_err(ApiError::of_ledger)?;
    tracing::info!(%name, "the budgets of a team were set");
    Ok(Json(json!({ "name": name, "limits": limits })))
}

/// Revokes a key.
async fn revoke(
    Extension(gateway): Now,
    Extension(caller): Asker,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.must_be_admin()?;
    ledger(&gateway)?.revoke(&name).await.map_err(ApiError::of_ledger)?;
    tracing::info!(%name, "a key was revoked");
    Ok(Json(json!({ "revoked": name })))
}

/// What is kept of a request's texts.
async fn record(
    Extension(gateway): Now,
    Extension(caller): Asker,
    Path(trace): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.must_be_admin()?;
    let found = match &gateway.control().ledger {
        Some(ledger) => ledger.recall(&trace).await.map_err(ApiError::of_ledger)?,
        None => None,
    };
    found.map(|record| Json(json!(record))).ok_or_else(|| {
        let words = "no texts of that request are kept: see privacy.store and privacy.retention_hours";
        ApiError::not_found("record_not_found", words)
    })
}

fn ledger(gateway: &Gateway) -> Result<&Ledger, ApiError> {
    gateway.control().ledger.as_ref().ok_or_else(|| {
        let words = "this gateway keeps no keys: name a ledger in keys.ledger";
        ApiError::not_found("no_ledger", words)
    })
}
