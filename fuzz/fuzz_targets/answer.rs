//! Finding answers and judging their equality: no text makes it panic, and an answer equals itself.
//!
//! `./x fuzz`, or with a sanitiser `RUSTC_BOOTSTRAP=1 cargo fuzz run NAME`
#![no_main]

use libfuzzer_sys::fuzz_target;
use outthink_verify::{equivalent, find_answer, find_json_answer};

fuzz_target!(|texts: (&str, &str)| {
    let (reply, other) = texts;
    let _ = find_json_answer(reply);
    if let Some(answer) = find_answer(reply) {
        assert!(equivalent(&answer.text, &answer.text));
        assert_eq!(equivalent(&answer.text, other), equivalent(other, &answer.text));
    }
});
