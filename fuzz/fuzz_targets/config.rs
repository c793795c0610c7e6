//! The configuration file: no text makes its reading panic, and every refusal names the file.
//!
//! `./x fuzz`, or with a sanitiser `RUSTC_BOOTSTRAP=1 cargo fuzz run NAME`
#![no_main]

use libfuzzer_sys::fuzz_target;
use outthink_serve::config::{Config, Source};

fuzz_target!(|text: &str| {
    if let Err(error) = Config::parse(&Source::new("outthink.toml", text)) {
        assert!(error.to_string().starts_with("outthink.toml"));
    }
});
