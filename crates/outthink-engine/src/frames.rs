//! What a stream's bytes are cut into: server-sent events, or AWS's binary messages.

use crate::sse;

/// What the name of a message begins with that says that the server failed.
pub(crate) const EXCEPTION: &str = "exception:";
/// Bytes of a message around its headers and its payload.
const FRAME: usize = 16;
/// Bytes before its headers.
const PRELUDE: usize = 12;

/// Cuts the bytes of a stream into events with names.
pub(crate) enum Frames {
    /// Server-sent events.
    Events(sse::Decoder),
    /// AWS's event stream encoding.
    Aws(AwsDecoder),
}

impl Frames {
    /// Takes more bytes and hands over the name and the data of each event that they complete.
    ///
    /// # Errors
    /// In words, if the stream cannot be read further; events before that were handed over.
    pub(crate) fn feed(&mut self, bytes: &[u8], to: &mut impl sse::Events) -> Result<(), String> {
        match self {
            Self::Events(decoder) => decoder.feed_to(bytes, to).map_err(|error| error.to_string()),
            Self::Aws(decoder) => decoder.feed(bytes, |name, data| to.event(name, data)),
        }
    }

    /// An event that was left without its end.
    ///
    /// # Errors
    /// As [`Frames::feed`].
    pub(crate) fn finish(&mut self) -> Result<Option<(String, String)>, String> {
        match self {
            Self::Events(decoder) => decoder.finish_named().map_err(|error| error.to_string()),
            // Half a message has no checksum.
            Self::Aws(_) => Ok(None),
        }
    }
}

/// Reads AWS's event stream encoding: messages of headers and a payload, each part with its CRC-32.
/// <https://smithy.io/2.0/aws/amazon-eventstream.html>
#[derive(Debug)]
pub(crate) struct AwsDecoder {
    buffer: Vec<u8>,
    limit: usize,
}

impl AwsDecoder {
    /// For messages of at most `limit` bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), limit }
    }

    /// As [`Frames::feed`]. The name of an event is its type; that of a failure begins with [`EXCEPTION`].
    pub(crate) fn feed(&mut self, bytes: &[u8], mut event: impl FnMut(&str, &str)) -> Result<(), String> {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        let fed = loop {
            match message(&self.buffer[at..], self.limit) {
                Ok(None) => break Ok(()),
                Ok(Some((size, headers, payload))) => {
                    at += size;
                    match Headers::read(headers) {
                        Some(headers) => headers.pass(payload, &mut event),
                        None => break Err("a message of an event stream with broken headers".to_owned()),
                    }
                }
                Err(words) => break Err(words),
            }
        };
        self.buffer.drain(..at);
        fed
    }
}

/// A message's size, headers and payload.
type Message<'a> = (usize, &'a [u8], &'a [u8]);

/// The first message of some bytes, where all of it is there.
fn message(bytes: &[u8], limit: usize) -> Result<Option<Message<'_>>, String> {
    let Some(prelude) = bytes.get(..PRELUDE) else { return Ok(None) };
    if crc32fast::hash(&prelude[..8]) != number(prelude, 8) {
        return Err("an event stream with a wrong checksum".to_owned());
    }
    let (size, headers) = (number(prelude, 0) as usize, number(prelude, 4) as usize);
    if size > limit {
        return Err(format!("an event of more than {limit} bytes"));
    }
    if size < FRAME || headers > size - FRAME {
        return Err("a message of an event stream with impossible lengths".to_owned());
    }
    let Some(whole) = bytes.get(..size) else { return Ok(None) };
    if crc32fast::hash(&whole[..size - 4]) != number(whole, size - 4) {
        return Err("an event stream with a wrong checksum".to_owned());
    }
    Ok(Some((size, &whole[PRELUDE..PRELUDE + headers], &whole[PRELUDE + headers..size - 4])))
}

/// The number at a place; 0 where the bytes end before.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// The headers of a message that say what it is.
#[derive(Debug, Default)]
struct Headers {
    kind: String,
    name: String,
    error: Option<String>,
}

impl Headers {
    /// Reads them; others than those that are looked for are passed over.
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut headers = Self::default();
        while !bytes.is_empty() {
            let name = take_text(&mut bytes, 1)?;
            let kind = *take(&mut bytes, 1)?.first()?;
            let fixed = match kind {
                0 | 1 => 0,
                2 => 1,
                3 => 2,
                4 => 4,
                5 | 8 => 8,
                9 => 16,
                6 | 7 => {
                    let text = take_text(&mut bytes, 2)?;
                    match name.as_str() {
                        ":message-type" => headers.kind = text,
                        ":event-type" | ":exception-type" | ":error-code" => headers.name = text,
                        ":error-message" => headers.error = Some(text),
                        _ => {}
                    }
                    continue;
                }
                _ => return None,
            };
            take(&mut bytes, fixed)?;
        }
        Some(headers)
    }

    fn pass(&self, payload: &[u8], event: &mut impl FnMut(&str, &str)) {
        let payload = String::from_utf8_lossy(payload);
        match self.kind.as_str() {
            "exception" => event(&format!("{EXCEPTION}{}", self.name), &payload),
            "error" => {
                let message = self.error.as_deref().unwrap_or(&self.name);
                event(&format!("{EXCEPTION}{}", self.name), &serde_json::json!({ "message": message }).to_string());
            }
            _ => event(&self.name, &payload),
        }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// A text after its length, which has so many bytes.
fn take_text(bytes: &mut &[u8], length: usize) -> Option<String> {
    let length = take(bytes, length)?.iter().fold(0, |sum, &byte| (sum << 8) | usize::from(byte));
    Some(String::from_utf8_lossy(take(bytes, length)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    }

    fn fed(decoder: &mut AwsDecoder, bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
        let mut events = Vec::new();
        decoder.feed(bytes, |name, data| events.push((name.to_owned(), data.to_owned())))?;
        Ok(events)
    }

    /// A message with these headers of text.
    fn encoded(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut fields = Vec::new();
        for (name, value) in headers {
            fields.push(name.len() as u8);
            fields.extend(name.bytes());
            fields.push(7);
            fields.extend((value.len() as u16).to_be_bytes());
            fields.extend(value.bytes());
        }
        let mut all = ((FRAME + fields.len() + payload.len()) as u32).to_be_bytes().to_vec();
        all.extend((fields.len() as u32).to_be_bytes());
        all.extend(crc32fast::hash(&all).to_be_bytes());
        all.extend(fields);
        all.extend(payload);
        all.extend(crc32fast::hash(&all).to_be_bytes());
        all
    }

    /// Those that AWS publishes with its decoders.
    #[test]
    fn the_published_messages_are_read() {
        let one = |hex: &str| fed(&mut AwsDecoder::new(1 << 20), &bytes(hex));
        let payload = (String::new(), "{'foo':'bar'}".to_owned());
        assert_eq!(one("00000010 00000000 05c248eb 7d98c8ff").unwrap(), [(String::new(), String::new())]);
        let plain = "0000001d 00000000 fd528c5a 7b27666f6f273a27626172277d c3653936";
        assert_eq!(one(plain).unwrap(), std::slice::from_ref(&payload));
        let with_number =
            "0000002d 00000010 41c424b8 0a6576656e742d74797065 04 0000a00c 7b27666f6f273a27626172277d 36f480a0";
        assert_eq!(one(with_number).unwrap(), [payload]);
        assert!(one(&plain.replace("c3653936", "c3653937")).unwrap_err().contains("checksum"));
        assert!(one(&plain.replace("fd528c5a", "fd528c5b")).unwrap_err().contains("checksum"));
    }

    #[test]
    fn events_and_failures_have_names() {
        let event = encoded(&[(":message-type", "event"), (":event-type", "messageStart"), ("x", "y")], b"{}");
        let failure = encoded(
            &[(":exception-type", "throttlingException"), (":message-type", "exception")],
            b"{\"message\":\"m\"}",
        );
        let error = encoded(&[(":message-type", "error"), (":error-code", "500"), (":error-message", "no")], b"");
        let all = [event, failure, error].concat();
        let read = [
            ("messageStart".to_owned(), "{}".to_owned()),
            ("exception:throttlingException".to_owned(), "{\"message\":\"m\"}".to_owned()),
            ("exception:500".to_owned(), "{\"message\":\"no\"}".to_owned()),
        ];
        assert_eq!(fed(&mut AwsDecoder::new(1 << 20), &all).unwrap(), read);
        assert!(fed(&mut AwsDecoder::new(40), &all).unwrap_err().contains("40 bytes"));
    }

    proptest! {
        #[test]
        fn how_bytes_are_cut_makes_no_difference(cuts in prop::collection::vec(1usize..40, 0..40)) {
            let all = [encoded(&[(":event-type", "a")], b"{\"x\":1}"), encoded(&[(":event-type", "b")], &[b'z'; 300])].concat();
            let (mut decoder, mut read, mut rest) = (AwsDecoder::new(1 << 20), Vec::new(), all.as_slice());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                read.extend(fed(&mut decoder, piece).unwrap());
                rest = after;
            }
            read.extend(fed(&mut decoder, rest).unwrap());
            prop_assert_eq!(read.iter().map(|(name, data)| (name.as_str(), data.len())).collect::<Vec<_>>(), [("a", 7), ("b", 300)]);
        }

        #[test]
        fn no_bytes_make_it_panic(noise in prop::collection::vec(any::<u8>(), 0..80), headers in prop::collection::vec(any::<u8>(), 0..24)) {
            let _ = fed(&mut AwsDecoder::new(1 << 20), &noise);
            let mut all = ((FRAME + headers.len()) as u32).to_be_bytes().to_vec();
            all.extend((headers.len() as u32).to_be_bytes());
            all.extend(crc32fast::hash(&all).to_be_bytes());
            all.extend(&headers);
            all.extend(crc32fast::hash(&all).to_be_bytes());
            let _ = fed(&mut AwsDecoder::new(1 << 20), &all);
        }
    }
}
