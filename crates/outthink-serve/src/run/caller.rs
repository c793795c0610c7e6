//! Who asks: the key of a request, and what it may ask for.

use super::control::Control;
use super::part::Part;
use super::request::RunRequest;
use crate::config::Config;
use crate::error::ApiError;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use outthink_core::Effort;
use outthink_ledger::{ClaimError, Key, Payer, Refusal};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A token that nobody waits for counts as so many of those that a client waits for.
const BACKGROUND: u64 = 8;

/// Who asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The key that was shown; `None` where none is needed, and for the key of the first start.
    pub(crate) key: Option<Key>,
    /// Whether keys and the requests of others may be seen.
    pub(crate) admin: bool,
    /// Whether the caller wants its answers shown on the page.
    pub(crate) watch: bool,
    /// The trace that the request is a part of.
    pub(crate) traceparent: Option<String>,
    /// What the request is a part of, where nobody waits for it: it comes after those of clients that wait.
    pub(crate) part: Option<Arc<Part>>,
}

impl Caller {
    /// Who sends these headers.
    pub(crate) async fn identify(control: &Control, config: &Config, headers: &HeaderMap) -> Result<Self, ApiError> {
        let needed = config.needs_keys();
        if !needed {
            refuse_strangers(headers, &config.server.cors_origins)?;
        }
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let caller = Self {
            key: None,
            admin: !needed,
            watch: text("x-outthink-watch") == Some("1"),
            traceparent: text("traceparent").map(str::to_owned),
            part: None,
        };
        let Some(shown) = shown(headers) else {
            return if needed {
                Err(unauthorised("no key was shown: send `Authorization: Bearer KEY`"))
            } else {
                Ok(caller)
            };
        };
        if control.is_admin_key(shown) {
            return Ok(Self { admin: true, ..caller });
        }
        let found = match &control.ledger {
            Some(ledger) => ledger.authenticate(shown).await.map_err(|error| {
                tracing::error!(%error, "keys cannot be looked up");
                unavailable()
            })?,
            None => None,
        };
        match found {
            Some(key) => Ok(Self { admin: caller.admin || key.admin, key: Some(key), ..caller }),
            // Clients send some key even where none is needed.
            None if !needed => Ok(caller),
            None => Err(unauthorised("the key is not valid: ask for a new one")),
        }
    }

    /// Refuses who may not see keys and the requests of others.
    pub(crate) fn must_be_admin(&self) -> Result<(), ApiError> {
        if self.admin {
            return Ok(());
        }
        let words = "this needs an administrator's key: make one with `outthink keys create NAME --admin`";
        Err(ApiError::new(StatusCode::FORBIDDEN, "invalid_request_error", words).with_code("admin_only"))
    }

    /// The identifier of the key, which is no secret: what the caller makes is its own.
    pub(crate) fn owner(&self) -> Option<String> {
        self.key.as_ref().map(|key| key.id.clone())
    }

    /// Whether the caller may see what the key with this identifier made.
    pub(crate) fn may_see(&self, owner: Option<&str>) -> bool {
        self.admin || self.key.as_ref().map(|key| key.id.as_str()) == owner
    }

    /// Whether its sessions may have a budget.
    pub(crate) fn has_sessions(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.limits.cost_per_session.is_some() || key.team.is_some())
    }

    /// Whether something may limit what it spends. What its team may spend is known to the ledger alone.
    pub(crate) fn is_limited(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.team.is_some() || key.limits.spending())
    }

    /// The most samples that the key's largest effort buys.
    pub(crate) fn most_samples(&self) -> Option<u32> {
        self.key.as_ref().and_then(|k| k.limits.largest_effort).map(|largest| largest.plan().max_samples)
    }

    /// The effort of a request that names none: the gateway's, or the largest that the key may ask for.
    pub(crate) fn default_effort(&self, gateway: Effort) -> Effort {
        let largest = self.key.as_ref().and_then(|k| k.limits.largest_effort);
        largest.map_or(gateway, |largest| gateway.min(largest))
    }

    /// A number that keys do not share, for the fair queue.
    pub(crate) fn tenant(&self) -> u64 {
        let id = self.key.as_ref().map_or("", |key| &key.id);
        // What a key has in the background takes nothing of the share of what it waits for.
        let background = self.part.as_ref().map_or("", |_| "background");
        // FNV-1a: the letters of an identifier are random already.
        let letters = id.bytes().chain(background.bytes());
        letters.fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
    }

    /// What each token of its samples counts for in the fair queue.
    pub(crate) fn weight(&self) -> u64 {
        if self.part.is_some() { BACKGROUND } else { 1 }
    }

    /// Refuses a model that the key may not name.
    pub(crate) fn may_use(&self, model: &str) -> Result<(), ApiError> {
        match &self.key {
            Some(key) if !key.limits.allows_model(model) => {
                let words = format!("this key may not use that model: use {}", key.limits.models.join(", "));
                let error = ApiError::new(StatusCode::FORBIDDEN, "invalid_request_error", words);
                Err(ApiError { param: Some("model".into()), ..error.with_code("model_not_allowed") })
            }
            _ => Ok(()),
        }
    }

    /// Refuses an effort, or samples and lengths beyond it, that the key may not ask for.
    pub(super) fn may_think(&self, request: &RunRequest) -> Result<(), ApiError> {
        let Some(largest) = self.key.as_ref().and_then(|k| k.limits.largest_effort) else { return Ok(()) };
        let plan = largest.plan();
        let strategy = &request.strategy;
        let longest = request.thinking.effort.unwrap_or(request.effort).max(request.effort);
        let beyond = if longest > largest {
            Some(("reasoning_effort", format!("reasoning_effort is {longest}")))
        } else if strategy.max_samples > plan.max_samples {
            Some(("outthink.samples", format!("outthink.samples is {}", strategy.max_samples)))
        } else {
            None
        };
        match beyond {
            None => Ok(()),
            Some((param, what)) => {
                let words = format!("{what}, and this key may ask for the effort {largest} at most");
                let error = ApiError::new(StatusCode::FORBIDDEN, "invalid_request_error", words);
                Err(ApiError { param: Some(param.into()), ..error.with_code("effort_not_allowed") })
            }
        }
    }
}

/// The key that a request shows.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| headers.get("x-api-key")?.to_str().ok().map(str::trim)).filter(|key| !key.is_empty())
}

/// Where no key is needed, refuses what a page of somebody else sends: a name that was bent to this
/// machine (DNS rebinding), or a form of another site.
fn refuse_strangers(headers: &HeaderMap, listed: &[String]) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).unwrap_or("localhost");
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let is_address = bare.parse::<IpAddr>().is_ok();
    let is_name = bare.eq_ignore_ascii_case("localhost") || !bare.contains('.');
    let own = |origin: &str| {
        let same_host = origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host));
        // Only an origin that is named: where no key is needed, `*` would let every page ask.
        same_host || listed.iter().any(|known| known.eq_ignore_ascii_case(origin))
    };
    if (is_address || is_name) && text(ORIGIN).is_none_or(own) {
        return Ok(());
    }
    let words = "without keys this gateway answers its own machine and its own page only: ask by a local address, or \
                 set keys.mode to required";
    Err(ApiError::new(StatusCode::FORBIDDEN, "invalid_request_error", words).with_code("foreign_origin"))
}

fn unauthorised(words: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "authentication_error", words).with_code("invalid_api_key")
}

fn unavailable() -> ApiError {
    let words = "the ledger does not answer, so nothing may be spent: try again";
    let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "api_error", words).with_code("ledger_unavailable");
    ApiError { retry_after: Some(Duration::from_secs(1)), ..error }
}

/// A claim that was not granted, as the client sees it.
pub(crate) fn refused(error: &ClaimError) -> ApiError {
    let ClaimError::Refused(refusal) = error else { return unavailable() };
    let (kind, code) = match refusal {
        Refusal::Revoked | Refusal::Lapsed => return unauthorised(&refusal.to_string()),
        Refusal::Spent { .. } => ("insufficient_quota", "insufficient_quota"),
        Refusal::Requests { .. } | Refusal::Tokens { .. } | Refusal::Reserved { .. } => {
            ("rate_limit_error", "rate_limit_exceeded")
        }
    };
    // Clients repeat what came back with 429. A budget that is never renewed is no reason to wait.
    let for_good = matches!(refusal, Refusal::Spent { ends: None, .. });
    let status = if for_good { StatusCode::PAYMENT_REQUIRED } else { StatusCode::TOO_MANY_REQUESTS };
    let error = ApiError::new(status, kind, refusal.to_string()).with_code(code);
    let error = match budget(refusal) {
        Some(budget) => error.with_bill(json!({ "budget": budget })),
        None => error,
    };
    ApiError { retry_after: refusal.retry_after().map(Duration::from_secs), ..error }
}

/// The budget that does not pay, for programs: whose it is, how much, and when it is renewed.
fn budget(refusal: &Refusal) -> Option<Value> {
    let name = refusal.budget()?;
    let ends = match refusal {
        Refusal::Spent { ends, .. } => *ends,
        _ => None,
    };
    let mut budget = json!(name);
    budget["limit_usd"] = name.limit.usd().into();
    budget["renewed_at"] = json!(ends);
    budget.as_object_mut()?.shift_remove("limit");
    Some(budget)
}

/// The name of a refusal in metrics.
pub(crate) fn reason(error: &ClaimError) -> &'static str {
    match error {
        ClaimError::Unavailable => "ledger_unavailable",
        ClaimError::Refused(Refusal::Revoked | Refusal::Lapsed) => "revoked",
        ClaimError::Refused(Refusal::Spent { budget, .. }) => match budget.payer {
            Payer::Key => "budget_spent",
            Payer::Team(_) => "team_budget_spent",
            Payer::Session => "session_budget_spent",
        },
        ClaimError::Refused(Refusal::Reserved { .. }) => "budget_reserved",
        ClaimError::Refused(Refusal::Requests { .. }) => "requests_per_minute",
        ClaimError::Refused(Refusal::Tokens { .. }) => "tokens_per_minute",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(n, v)| (axum::http::HeaderName::from_static(n), v.parse().unwrap())).collect()
    }

    #[test]
    fn a_key_is_read_from_either_header() {
        assert_eq!(shown(&headers(&[("authorization", "Bearer k")])), Some("k"));
        assert_eq!(shown(&headers(&[("authorization", "bearer  k ")])), Some("k"));
        assert_eq!(shown(&headers(&[("x-api-key", "k")])), Some("k"));
        assert_eq!(shown(&headers(&[("authorization", "Basic k")])), None);
        assert_eq!(shown(&headers(&[("authorization", "Bearer ")])), None);
    }

    #[test]
    fn pages_of_others_are_refused() {
        for good in [
            &[("host", "127.0.0.1:8080")][..],
            &[("host", "localhost:8080"), ("origin", "http://localhost:8080")],
            &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
            &[("host", "t")],
            &[],
        ] {
            assert!(refuse_strangers(&headers(good), &[]).is_ok(), "{good:?}");
        }
        for bad in [
            &[("host", "evil.example:8080")][..],
            &[("host", "127.0.0.1:8080"), ("origin", "https://evil.example")],
            &[("host", "127.0.0.1:8080"), ("origin", "null")],
        ] {
            assert_eq!(refuse_strangers(&headers(bad), &["*".into()]).unwrap_err().status, 403, "{bad:?}");
        }
    }
}
