//! Files from the Hugging Face hub over HTTPS, resumed where an earlier try was interrupted.

use super::fetch::Fetched;
use super::manifest::HubSource;
use crate::env;
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use reqwest::header::{HeaderMap, RANGE};
use reqwest::{Client, StatusCode, redirect};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const ENDPOINT: &str = "https://huggingface.co";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest silence in the middle of a download.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Downloads one file.
pub(super) fn fetch(source: &HubSource, work: &Path, bar: &mut ProgressBar) -> Result<Fetched> {
    if env::is_on(env::HF_HUB_OFFLINE) {
        bail!("{} is set", env::HF_HUB_OFFLINE);
    }
    // A runtime of its own: models are located before any other is started.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(download(source, work, bar))
}

async fn download(source: &HubSource, work: &Path, bar: &ProgressBar) -> Result<Fetched> {
    let endpoint = env::var(env::HF_ENDPOINT).unwrap_or_else(|| ENDPOINT.into());
    let url = format!("{}/{}/resolve/{}/{}", endpoint.trim_end_matches('/'), source.repo, source.revision, source.file);
    let meta = metadata(&url).await?;
    if let Some(size) = meta.size {
        bar.set_length(size);
    }
    // The sum in the name keeps a half file of another revision from being gone on with.
    let tag = meta.sha256.as_deref().unwrap_or("unknown");
    let path = work.join(format!("{}.hub", tag.get(..16).unwrap_or(tag)));
    let have = fs::metadata(&path).map_or(0, |m| m.len());
    if meta.sha256.is_none() || meta.size.is_none_or(|s| have != s) {
        let have = if meta.sha256.is_some() { have } else { 0 };
        get(&url, &path, have, bar).await?;
    }
    bar.finish_and_clear();
    Ok(Fetched { path, named_sha256: meta.sha256 })
}

/// What the hub says of a file before it sends it.
struct Metadata {
    size: Option<u64>,
    sha256: Option<String>,
}

/// Asks for the headers alone. The hub names sum and size on its own answer, which redirects to
/// where the bytes are.
async fn metadata(url: &str) -> Result<Metadata> {
    let client = client(redirect::Policy::none())?;
    let answer = client.head(url).send().await.context("no connection")?;
    let status = answer.status();
    if !status.is_success() && !status.is_redirection() {
        bail!("the hub answered {status}");
    }
    Ok(read_metadata(answer.headers()))
}

fn read_metadata(headers: &HeaderMap) -> Metadata {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let etag = text("x-linked-etag").map(|t| t.trim_matches('"').to_lowercase());
    Metadata {
        size: text("x-linked-size").and_then(|s| s.parse().ok()),
        // Large files have their SHA-256 as the tag, small ones a Git hash of 40 digits.
        sha256: etag.filter(|t| t.len() == 64 && t.bytes().all(|b| b.is_ascii_hexdigit())),
    }
}

/// Writes the file from byte `have` on.
async fn get(url: &str, path: &Path, have: u64, bar: &ProgressBar) -> Result<()> {
    let client = client(redirect::Policy::default())?;
    let mut request = client.get(url);
    if have > 0 {
        request = request.header(RANGE, format!("bytes={have}-"));
    }
    let mut answer = request.send().await.context("no connection")?;
    let mut file = match answer.status() {
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            bar.set_position(have);
            OpenOptions::new().append(true).open(path)?
        }
        StatusCode::OK => File::create(path)?,
        status => bail!("the hub answered {status}"),
    };
    while let Some(chunk) = answer.chunk().await.context("the download broke off")? {
        file.write_all(&chunk)?;
        bar.inc(chunk.len() as u64);
    }
    Ok(file.sync_all()?)
}

fn client(redirects: redirect::Policy) -> Result<Client> {
    // Fails where a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Client::builder()
        .user_agent(concat!("outthink/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(redirects)
        .build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sha256_tag_is_taken_as_one() {
        let mut headers = HeaderMap::new();
        headers.insert("x-linked-size", "12".parse().unwrap());
        headers.insert("x-linked-etag", format!("\"{}\"", "a".repeat(64)).parse().unwrap());
        let meta = read_metadata(&headers);
        assert_eq!(meta.size, Some(12));
        assert_eq!(meta.sha256, Some("a".repeat(64)));
        headers.insert("x-linked-etag", "b".repeat(40).parse().unwrap());
        assert_eq!(read_metadata(&headers).sha256, None);
    }
}
