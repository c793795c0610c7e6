//! What a server says of an error, in any of the shapes that servers have for it.

use serde_json::Value;
use std::time::Duration;

/// The prompt and what is asked for exceed the context: another server's may be larger.
pub(super) const TOO_LONG: [&str; 4] = [
    "context_length_exceeded",
    "context_window_exceeded",
    "model_context_window_exceeded",
    "exceed_context_size_error",
];
/// The account has nothing left: no wait of seconds helps.
pub(super) const SPENT: [&str; 7] = [
    "insufficient_quota",
    "insufficient_user_quota",
    "billing_hard_limit_reached",
    "billing_not_active",
    "insufficient_balance",
    "credit_balance_too_low",
    "ServiceQuotaExceededException",
];

/// Codes and types in lower case, by the status that they stand for where a server gives none.
const STATUSES: &[(u16, &[&str])] = &[
    (
        400,
        &[
            "invalid_request_error",
            "invalid_request",
            "bad_request",
            "badrequesterror",
            "invalid_argument",
            "failed_precondition",
            "content_filter",
            "content_policy_violation",
            "string_above_max_length",
            "invalid_prompt",
            "validation_error",
            "validationexception",
            "servicequotaexceededexception",
        ],
    ),
    (401, &["authentication_error", "invalid_api_key", "unauthenticated", "unauthorized", "invalid_authentication"]),
    (402, &["payment_required", "billing_error", "insufficient_balance", "credit_balance_too_low"]),
    (
        403,
        &[
            "permission_error",
            "permission_denied",
            "forbidden",
            "access_denied",
            "unsupported_country_region_territory",
            "accessdeniedexception",
        ],
    ),
    (404, &["not_found_error", "notfounderror", "not_found", "model_not_found", "resourcenotfoundexception"]),
    (413, &["request_too_large", "payload_too_large"]),
    (
        429,
        &[
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limit_reached_error",
            "rate_limited",
            "ratelimiterror",
            "too_many_requests",
            "resource_exhausted",
            "throttling",
            "throttlingexception",
            "throttling_error",
            "modelnotreadyexception",
            "requests",
            "tokens",
            "insufficient_quota",
            "insufficient_user_quota",
            "quota_exceeded",
            "billing_hard_limit_reached",
            "exceeded_current_quota_error",
        ],
    ),
    (
        500,
        &[
            "server_error",
            "api_error",
            "internal_error",
            "internal_server_error",
            "internalservererror",
            "internal",
            "unknown_error",
            "engine_error",
            "upstream_error",
            "internalserverexception",
            "modelerrorexception",
            "modelstreamerrorexception",
        ],
    ),
    (
        503,
        &[
            "service_unavailable",
            "service_unavailable_error",
            "unavailable",
            "unavailable_error",
            "overloaded",
            "engine_overloaded",
            "engine_overloaded_error",
            "server_overloaded",
            "server_busy",
            "model_overloaded",
            "capacity_exceeded",
            "serviceunavailableexception",
        ],
    ),
    (
        504,
        &[
            "modeltimeoutexception",
            "timeout",
            "timeout_error",
            "deadline_exceeded",
            "gateway_timeout",
            "request_timeout",
        ],
    ),
    (529, &["overloaded_error"]),
];

/// What a server says of an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Blame {
    pub(super) message: Option<String>,
    /// Its code, where that is no status.
    pub(super) code: Option<String>,
    /// Its type.
    pub(super) kind: Option<String>,
    /// The field of the request that it objects to.
    pub(super) param: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// Its status, where it gives one.
    pub(super) number: Option<u16>,
}

impl Blame {
    /// Reads a body or an event.
    pub(super) fn read(body: &Value) -> Self {
        let body = body.as_array().and_then(|errors| errors.first()).unwrap_or(body);
        let said = |value: &&Value| super::error::is_blame(value);
        let inner = Some(&body["error"]).filter(said).or_else(|| body["errors"].get(0).filter(said));
        let mut blame = inner.map(Self::of).unwrap_or_default();
        let outer = Self::of(body);
        // A text beside a message is a name.
        if let (Some(Value::String(name)), Some(message)) = (inner, &outer.message) {
            let name = Some(name.clone()).filter(|name| name != message);
            blame = Self { message: outer.message.clone(), kind: name, ..blame };
        }
        Self {
            message: blame.message.or(outer.message),
            code: blame.code.or(outer.code),
            // The type of an event around an error says that it is one.
            kind: blame.kind.or(outer.kind),
            param: blame.param.or(outer.param),
            retry_after: blame.retry_after.or(outer.retry_after),
            number: blame.number.or(outer.number),
        }
    }

    /// Reads one object, or a text.
    fn of(value: &Value) -> Self {
        if let Value::String(text) = value {
            return Self { message: Some(text.clone()), ..Self::default() };
        }
        let text = |name: &str| value[name].as_str().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let names = ["error_description", "description", "detail", "title", "reason"];
        let (details, param) = details(&value["detail"]);
        let refused = value["base_resp"]["status_msg"].as_str().map(str::to_owned);
        let nested = value["message"].as_object().and_then(|m| m.get("message")?.as_str()).map(str::to_owned);
        let message =
            details.or_else(|| MESSAGES.iter().chain(&names).find_map(|name| text(name))).or(nested).or(refused);
        let numbers = ["code", "status", "status_code", "statusCode", "http_status", "httpStatus", "http_code"];
        let number = numbers.iter().find_map(|name| status(&value[*name]));
        let code = match &value["code"] {
            Value::Number(code) => Some(code.to_string()),
            _ => text("code"),
        };
        let code = code
            .filter(|code| code.parse::<u16>().is_ok_and(|c| !(100..600).contains(&c)) || code.parse::<u16>().is_err());
        // Google names its codes in a field of their own.
        let named = text("status").filter(|status| status.parse::<u16>().is_err());
        Self {
            message: message.map(unwrapped),
            code: code.or(named),
            kind: text("type").or_else(|| text("error_type")).filter(|kind| kind != "error"),
            param: text("param").or(param),
            retry_after: retry_info(value),
            number,
        }
    }

    /// The status that it stands for.
    pub(super) fn status(&self) -> Option<u16> {
        self.number.or_else(|| [&self.code, &self.kind].into_iter().flatten().find_map(|word| named_status(word)))
    }
}

/// The status that a code or a type stands for.
fn named_status(word: &str) -> Option<u16> {
    let word = word.to_ascii_lowercase();
    if TOO_LONG.contains(&word.as_str()) {
        return Some(400);
    }
    STATUSES.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(status, _)| *status)
}

/// Whether the words of a refusal say that the prompt is too long for the context: many servers have no code for it.
pub(super) fn is_too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let words = [
        "maximum context length",
        "maximum model length",
        "context window",
        "context size",
        "context length",
        "prompt is too long",
        "input is too long",
        "exceed context limit",
        "exceeds the maximum number of tokens",
    ];
    words.iter().any(|words| message.contains(words))
}

/// Whether the words of a refusal say that the account has nothing left: Anthropic has no code for it.
pub(super) fn is_spent(message: &str) -> bool {
    message.to_ascii_lowercase().contains("credit balance is too low")
}

/// Whether Google says that it does not know the key.
pub(super) fn is_wrong_key(body: &Value) -> bool {
    let body = body.as_array().and_then(|errors| errors.first()).unwrap_or(body);
    let details = body["error"]["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    details.iter().any(|detail| detail["reason"] == "API_KEY_INVALID")
}

/// A status of HTTP, as a number or as text.
pub(super) fn status(value: &Value) -> Option<u16> {
    let number = match value {
        Value::Number(number) => number.as_f64()? as u16,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (400..600).contains(&number).then_some(number)
}

/// Where servers put the words of an error.
pub(super) const MESSAGES: [&str; 8] =
    ["message", "msg", "error_message", "error_msg", "errorMessage", "errorMsg", "errmsg", "err_msg"];
/// Where servers put a code of their own.
pub(super) const CODES: [&str; 5] = ["code", "error_code", "errorCode", "errcode", "err_code"];
/// Codes of servers that say that all went well.
const WELL: [&str; 5] = ["ok", "success", "succeeded", "successful", "accepted"];

/// Whether a code, a number of the server's own or a word, says that something failed.
pub(super) fn is_code_of_failure(code: &Value) -> bool {
    match code {
        Value::Number(number) => number.as_f64().is_some_and(|code| code != 0.0 && !(100.0..400.0).contains(&code)),
        Value::String(word) => match word.trim().parse::<f64>() {
            Ok(code) => code != 0.0 && !(100.0..400.0).contains(&code),
            Err(_) => !word.trim().is_empty() && !WELL.iter().any(|well| word.trim().eq_ignore_ascii_case(well)),
        },
        _ => false,
    }
}

/// The words of a list of details, and the field that the first names: what `FastAPI` makes of a request that is
/// not valid.
fn details(value: &Value) -> (Option<String>, Option<String>) {
    let Some(list) = value.as_array() else {
        return (value.as_object().and_then(|d| d.get("message")?.as_str()).map(str::to_owned), None);
    };
    let place = |detail: &Value| {
        let parts = detail["loc"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
        let parts = parts.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned));
        let parts: Vec<String> = parts.filter(|part| part != "body").collect();
        parts.join(".")
    };
    let one = |detail: &Value| {
        let words = detail["msg"].as_str().or(detail["message"].as_str()).or(detail.as_str())?;
        let place = place(detail);
        Some(if place.is_empty() { words.to_owned() } else { format!("{place}: {words}") })
    };
    let words: Vec<String> = list.iter().filter_map(one).collect();
    let param = list.first().map(place).filter(|place| !place.is_empty());
    ((!words.is_empty()).then(|| words.join("; ")), param)
}

/// A message that is itself the JSON of an error: gateways pass on what they got.
fn unwrapped(message: String) -> String {
    let inner = message.starts_with('{').then(|| serde_json::from_str::<Value>(&message).ok()).flatten();
    let inner = inner.map(|value| if value["error"].is_null() { value } else { value["error"].clone() });
    match inner.as_ref().and_then(|value| value.as_str().or(value["message"].as_str())) {
        Some(inner) => inner.to_owned(),
        None => message,
    }
}

/// Google's `retryDelay`, such as `30s`, and a plain number of seconds.
fn retry_info(value: &Value) -> Option<Duration> {
    let details = value["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    let delay = details.iter().find_map(|detail| detail["retryDelay"].as_str()).map(crate::retry::span);
    delay.flatten().or_else(|| crate::retry::seconds(value["retry_after"].as_f64()?))
}
