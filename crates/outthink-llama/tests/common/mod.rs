//! The model that the tests run on.

use std::path::PathBuf;

/// The file, or `None`, with the reason printed, where there is none.
pub(crate) fn model() -> Option<PathBuf> {
    let name = "SmolLM2-135M-Instruct.Q4_1.gguf";
    let named = std::env::var_os("OUTTHINK_TEST_MODEL").map(PathBuf::from);
    let home = std::env::var_os("OUTTHINK_HOME").map(|h| PathBuf::from(h).join("models").join(name));
    let cache = std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache/outthink/models").join(name));
    let found = [named, home, cache].into_iter().flatten().find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no model; name one by OUTTHINK_TEST_MODEL");
    }
    found
}
