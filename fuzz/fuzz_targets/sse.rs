//! The reader of server-sent events: no bytes make it panic, and chunking makes no difference.
//!
//! `./x fuzz`, or with a sanitiser `RUSTC_BOOTSTRAP=1 cargo fuzz run NAME`
#![no_main]

use libfuzzer_sys::fuzz_target;
use outthink_engine::sse::Decoder;

/// Events until the end, or until something is too long.
fn read(bytes: &[u8], chunk: usize) -> (Vec<String>, bool) {
    let mut decoder = Decoder::new(256);
    let mut events = Vec::new();
    for piece in bytes.chunks(chunk) {
        match decoder.push(piece) {
            Ok(more) => events.extend(more),
            Err(_) => return (events, false),
        }
    }
    events.extend(decoder.finish().ok().flatten());
    (events, true)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (chunk, bytes) = input;
    let (whole, fits) = read(bytes, bytes.len().max(1));
    if fits {
        assert_eq!(read(bytes, usize::from(chunk).max(1)), (whole, true));
    }
});
