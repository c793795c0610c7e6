//! Signatures of requests, by AWS's Signature Version 4:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//!
//! By the crates `hmac` and `sha2` alone: AWS's own crate for it brings a dozen others. Requests here have no query and
//! few headers, and the published vectors are among the tests.

use crate::native::{AwsKeys, escaped};
use crate::openai::channel::Sign;
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use outthink_core::{EngineError, Origin};
use reqwest::Url;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

/// The name of the service in signatures.
const SERVICE: &str = "bedrock";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What is signed for: the region, the service and the time.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
    time: SystemTime,
}

/// What signs requests to `endpoint`.
///
/// # Errors
/// If neither the address nor the keys name the region.
pub(super) fn signer(endpoint: &str, keys: AwsKeys) -> Result<Sign, EngineError> {
    let Some(region) = region(endpoint).or_else(|| keys.region.clone()) else {
        let words = "the region of Bedrock is not known";
        return Err(EngineError::new(Origin::Caller, words)
            .with_hint("set AWS_REGION, or use an address such as https://bedrock-runtime.us-east-1.amazonaws.com"));
    };
    Ok(Arc::new(move |url: &Url, body: &[u8]| {
        let scope = Scope { region: &region, service: SERVICE, time: SystemTime::now() };
        signature(&keys, scope, ("POST", url), body)
    }))
}

/// The region in an address such as `bedrock-runtime.us-east-1.amazonaws.com`.
fn region(endpoint: &str) -> Option<String> {
    let url = Url::parse(endpoint).ok()?;
    let host = url.host_str()?;
    let mut parts = host.split('.');
    let is_bedrock = parts.next()?.starts_with("bedrock");
    (is_bedrock && host.contains(".amazonaws.com")).then(|| parts.next().map(str::to_owned)).flatten()
}

/// A time as `20150830T123600Z`.
fn stamp(time: SystemTime) -> Option<String> {
    // As in `Sun, 30 Aug 2015 12:36:00 GMT`.
    let date = httpdate::fmt_http_date(time);
    let mut words = date.split(' ').skip(1);
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    Some(format!("{year}{month:02}{day}T{}Z", clock.replace(':', "")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn keyed(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// The headers that sign a request of this method to this address, which has no query.
fn signature(
    keys: &AwsKeys,
    scope: Scope<'_>,
    (method, url): (&str, &Url),
    body: &[u8],
) -> Result<HeaderMap, EngineError> {
    // What fails is never said in the words of the keys, which must not be repeated.
    let failed = || EngineError::new(Origin::Caller, "a request to Bedrock cannot be signed with these keys of AWS");
    let stamp = stamp(scope.time).ok_or_else(failed)?;
    let host = url.host_str().ok_or_else(failed)?;
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    // The path is encoded once more than it is sent.
    let path: Vec<String> = url.path().split('/').map(escaped).collect();
    let mut headers = vec![("host", host), (DATE, stamp.clone())];
    headers.extend(keys.session.clone().map(|token| (TOKEN, token)));
    let signed = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut lines = String::new();
    for (name, value) in &headers {
        let _ = writeln!(lines, "{name}:{}", value.trim());
    }
    let hash = hex(&Sha256::digest(body));
    let request = format!("{method}\n{}\n\n{lines}\n{signed}\n{hash}", path.join("/"));
    let (day, Scope { region, service, .. }) = (&stamp[..8], scope);
    let credential = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("{ALGORITHM}\n{stamp}\n{credential}\n{}", hex(&Sha256::digest(request.as_bytes())));
    let first = format!("AWS4{}", keys.secret).into_bytes();
    let parts = [day, region, service, "aws4_request", text.as_str()];
    let signature = parts.iter().try_fold(first, |key, part| keyed(&key, part)).ok_or_else(failed)?;
    let authorization = format!(
        "{ALGORITHM} Credential={}/{credential}, SignedHeaders={signed}, Signature={}",
        keys.id,
        hex(&signature)
    );
    let mut all = HeaderMap::new();
    let token = keys.session.as_ref().map(|token| (HeaderName::from_static(TOKEN), token.clone()));
    let date = (HeaderName::from_static(DATE), stamp.clone());
    for (name, value) in [date, (AUTHORIZATION, authorization)].into_iter().chain(token) {
        let mut value = HeaderValue::from_str(&value).map_err(|_| failed())?;
        value.set_sensitive(true);
        all.insert(name, value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn keys() -> AwsKeys {
        AwsKeys {
            id: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session: None,
            region: None,
        }
    }

    /// The published test suite: 2015-08-30 12:36:00 UTC, `us-east-1`, `service`.
    #[test]
    fn the_published_vectors_hold() {
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            time: SystemTime::UNIX_EPOCH + Duration::from_mins(24_015_636),
        };
        let url = Url::parse("https://example.amazonaws.com/").unwrap();
        for (method, signature) in [
            ("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ] {
            let headers = super::signature(&keys(), scope, (method, &url), b"").unwrap();
            assert_eq!(headers["x-amz-date"], "20150830T123600Z");
            assert_eq!(
                headers["authorization"],
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-date, Signature={signature}"
                )
            );
        }
    }

    #[test]
    fn the_region_is_that_of_the_address_or_of_the_keys() {
        assert_eq!(region("https://bedrock-runtime.eu-west-1.amazonaws.com").as_deref(), Some("eu-west-1"));
        assert_eq!(
            region("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com").as_deref(),
            Some("us-gov-west-1")
        );
        assert_eq!(region("http://127.0.0.1:9"), None);
        assert!(signer("http://127.0.0.1:9", keys()).is_err());
        assert!(signer("http://127.0.0.1:9", AwsKeys { region: Some("us-east-1".into()), ..keys() }).is_ok());
        assert!(!format!("{:?}", keys()).contains("EXAMPLE"));
    }
}
