//! JSON at the end of a text.

use serde::Serialize;
use std::io;

/// A text that takes what `serde_json` writes.
struct Text<'a>(&'a mut String);

impl io::Write for Text<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // It writes whole characters.
        let text = std::str::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.0.push_str(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a value at the end of `out`.
///
/// # Errors
/// If the value cannot be JSON, as a map whose keys are no texts; what was written of it until then stays.
///
/// ```
/// use serde_json::json;
///
/// let mut out = String::from("data: ");
/// outthink_core::write_json(&mut out, &json!({"content": "a \"word\"\n", "index": 0}))?;
/// assert_eq!(out, r#"data: {"content":"a \"word\"\n","index":0}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn write_json<T: Serialize + ?Sized>(out: &mut String, value: &T) -> Result<(), serde_json::Error> {
    serde_json::to_writer(Text(out), value)
}
