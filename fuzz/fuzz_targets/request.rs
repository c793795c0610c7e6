//! The requests of clients: no body makes their reading panic, and a refusal says something.
//!
//! `./x fuzz`, or with a sanitiser `RUSTC_BOOTSTRAP=1 cargo fuzz run NAME`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for api in outthink_serve::Api::ALL {
        if let Err(words) = outthink_serve::check_request(body, api) {
            assert!(!words.is_empty());
        }
    }
});
