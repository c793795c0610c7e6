//! Both databases: SQLite in a temporary file, and PostgreSQL where `OUTTHINK_TEST_POSTGRES` gives
//! the address of one.

use outthink_eval::Store;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// A store of its own for a test.
pub(crate) struct Place {
    /// What opens it, again and again.
    pub(crate) address: String,
    /// A word that no other test of this process or another has, for names of runs.
    pub(crate) word: String,
    _folder: TempDir,
}

impl Place {
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.address).await.unwrap()
    }

    /// A name for a run that no other test uses.
    pub(crate) fn run(&self, name: &str) -> String {
        format!("{name}-{}", self.word)
    }
}

/// Runs a test on every database that is there, and says which is not.
pub(crate) fn on_both<F: Future<Output = ()>>(test: impl Fn(Place) -> F) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let place = |address: Option<String>| {
        let folder = tempfile::tempdir().unwrap();
        let address = address.unwrap_or_else(|| folder.path().join("runs.db").to_str().unwrap().to_owned());
        let word = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        Place { address, word, _folder: folder }
    };
    runtime.block_on(test(place(None)));
    match std::env::var("OUTTHINK_TEST_POSTGRES") {
        Ok(address) if !address.is_empty() => runtime.block_on(test(place(Some(address)))),
        _ => println!("skipped on PostgreSQL: OUTTHINK_TEST_POSTGRES gives no address (.ci/postgres starts one)"),
    }
}
