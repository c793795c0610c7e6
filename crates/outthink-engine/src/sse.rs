//! Server-sent events, read from bytes as they come.
//!
//! Follows the event stream grammar of the HTML standard: lines end in CR, LF or CRLF, comments
//! begin with a colon, the `data` lines of one event are joined by line breaks. Fields other than
//! `data` and `event` are passed over, but for `error`, which llama.cpp sends: it is an event of that name. Bytes that are not UTF-8 become replacement characters; nothing panics.

/// The end of chat completion streams: an event with this for its data.
pub const DONE: &str = "[DONE]";

/// Whether the data of an event say that the stream is over, however they are spelled.
pub fn is_done(data: &str) -> bool {
    // Nearly all data begin with a brace.
    if data.starts_with('{') || data.len() > 32 {
        return false;
    }
    let word = data.trim_matches(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '"' | '\''));
    word.eq_ignore_ascii_case("done")
}

/// A line or an event that is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {limit} bytes")]
pub struct TooLong {
    /// The limit in bytes.
    pub limit: usize,
}

/// What the events of a stream are handed to.
pub trait Events {
    /// Takes the name, which is empty where it has none, and the data of an event.
    fn event(&mut self, name: &str, data: &str);

    /// Takes whole events that `bytes`, where an event may begin, begin with; how many bytes they are. Who knows what the
    /// events of a stream look like reads them faster than line by line; nobody has to.
    fn take_whole(&mut self, _bytes: &[u8]) -> usize {
        0
    }
}

impl<F: FnMut(&str, &str)> Events for F {
    fn event(&mut self, name: &str, data: &str) {
        self(name, data);
    }
}

/// What a line with data begins with, in streams of nearly all servers.
pub(crate) const DATA: &str = "data: ";

/// Splits a stream of bytes into the data of its events.
///
/// How the bytes are cut into chunks makes no difference.
///
/// ```
/// use outthink_engine::sse::Decoder;
///
/// let mut decoder = Decoder::new(1024);
/// assert_eq!(decoder.push(b"data: 1\r\n\r\ndata: [DO")?, ["1"]);
/// assert_eq!(decoder.push(b"NE]\n\n")?, ["[DONE]"]);
/// # Ok::<(), outthink_engine::sse::TooLong>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The name of the event that is being read.
    name: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    first_line: bool,
    limit: usize,
}

impl Decoder {
    /// A decoder for events of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            name: Vec::new(),
            has_data: false,
            after_cr: false,
            first_line: true,
            limit,
        }
    }

    /// Takes more bytes and gives the data of the events that they complete.
    ///
    /// # Errors
    /// If a line or an event is longer than the limit; the stream cannot be read further then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        self.feed(bytes, |data| events.push(data.to_owned()))?;
        Ok(events)
    }

    /// As [`Decoder::push`], handing the data of each event over as it is found, without a copy of its own.
    ///
    /// # Errors
    /// As [`Decoder::push`]; events before what is too long were handed over.
    pub fn feed(&mut self, bytes: &[u8], mut event: impl FnMut(&str)) -> Result<(), TooLong> {
        self.feed_named(bytes, |_, data| event(data))
    }

    /// As [`Decoder::feed`], with the name of each event before its data; the name is empty where it has none.
    ///
    /// # Errors
    /// As [`Decoder::feed`].
    pub fn feed_named(&mut self, bytes: &[u8], mut event: impl FnMut(&str, &str)) -> Result<(), TooLong> {
        self.feed_to(bytes, &mut event)
    }

    /// As [`Decoder::feed_named`], to whoever may take whole events as they are.
    ///
    /// # Errors
    /// As [`Decoder::feed`].
    pub fn feed_to(&mut self, bytes: &[u8], to: &mut impl Events) -> Result<(), TooLong> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.take_whole(rest, to);
            if taken > 0 {
                self.first_line = false;
                rest = &rest[taken..];
                continue;
            }
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else { return self.extend_line(rest) };
            let line = &rest[..end];
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if self.line.is_empty() {
                // The whole line lies in this piece.
                if line.len() > self.limit {
                    return Err(self.too_long());
                }
                self.end_line(line, to)?;
            } else {
                self.extend_line(line)?;
                self.end_kept_line(to)?;
            }
        }
        Ok(())
    }

    /// Hands over what lies in `bytes` as a whole: events as their reader knows them, or one line of data and the empty
    /// line behind it, which most events are. How many bytes that were; 0 where something else comes.
    fn take_whole(&self, bytes: &[u8], to: &mut impl Events) -> usize {
        let within = !self.line.is_empty() || self.has_data || !self.name.is_empty() || self.after_cr;
        if within || !bytes.starts_with(DATA.as_bytes()) {
            return 0;
        }
        // What is longer than the limit is not whole.
        let bytes = &bytes[..bytes.len().min(self.limit)];
        let taken = to.take_whole(bytes);
        if taken > 0 {
            return taken;
        }
        match memchr::memchr2(b'\n', b'\r', bytes) {
            Some(end) if bytes[end..].starts_with(b"\n\n") => {
                hand_over("", &bytes[DATA.len()..end], to);
                end + 2
            }
            _ => 0,
        }
    }

    /// The data of an event that was left without its closing empty line, at the stream's end.
    ///
    /// The standard discards it; servers that forget the last line break are more common than
    /// those that mean it, and half an event is not valid JSON anyway.
    ///
    /// # Errors
    /// As [`Decoder::push`].
    pub fn finish(&mut self) -> Result<Option<String>, TooLong> {
        Ok(self.finish_named()?.map(|(_, data)| data))
    }

    /// As [`Decoder::finish`], with the event's name.
    ///
    /// # Errors
    /// As [`Decoder::push`].
    pub fn finish_named(&mut self) -> Result<Option<(String, String)>, TooLong> {
        let mut last = None;
        let mut event = |name: &str, data: &str| last = Some((name.to_owned(), data.to_owned()));
        if !self.line.is_empty() {
            self.end_kept_line(&mut event)?;
        }
        self.end_event(&mut event);
        Ok(last)
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > self.limit {
            return Err(self.too_long());
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the line that was kept from piece to piece.
    fn end_kept_line(&mut self, to: &mut impl Events) -> Result<(), TooLong> {
        let mut line = std::mem::take(&mut self.line);
        let ended = self.end_line(&line, to);
        line.clear();
        self.line = line;
        ended
    }

    fn end_line(&mut self, line: &[u8], to: &mut impl Events) -> Result<(), TooLong> {
        let marked = std::mem::take(&mut self.first_line);
        let line = line.strip_prefix(b"\xEF\xBB\xBF").filter(|_| marked).unwrap_or(line);
        if line.is_empty() {
            self.end_event(to);
            return Ok(());
        }
        let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
        let is_error = &line[..colon] == b"error" && !line[colon..].trim_ascii().is_empty();
        if is_error {
            self.name.clear();
            self.name.extend_from_slice(b"error");
        }
        if is_error || &line[..colon] == b"data" {
            let value = line.get(colon + 1..).unwrap_or_default();
            let value = value.strip_prefix(b" ").unwrap_or(value);
            if self.data.len() + value.len() >= self.limit {
                return Err(self.too_long());
            }
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        } else if &line[..colon] == b"event" {
            let value = line.get(colon + 1..).unwrap_or_default();
            self.name.clear();
            self.name.extend_from_slice(value.trim_ascii());
        }
        Ok(())
    }

    fn end_event(&mut self, to: &mut impl Events) {
        if std::mem::take(&mut self.has_data) {
            hand_over(std::str::from_utf8(&self.name).unwrap_or_default(), &self.data, to);
        }
        self.data.clear();
        self.name.clear();
    }

    const fn too_long(&self) -> TooLong {
        TooLong { limit: self.limit }
    }
}

fn hand_over(name: &str, data: &[u8], to: &mut impl Events) {
    match std::str::from_utf8(data) {
        Ok(data) => to.event(name, data),
        Err(_) => to.event(name, &String::from_utf8_lossy(data)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8], cut: usize) -> Vec<String> {
        let mut decoder = Decoder::new(1 << 16);
        let mut events = Vec::new();
        for chunk in bytes.chunks(cut.max(1)) {
            events.extend(decoder.push(chunk).unwrap());
        }
        events.extend(decoder.finish().unwrap());
        events
    }

    #[test]
    fn every_line_ending_comments_and_joined_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let text =
                ": ping\n\nid: 7\ndata: a\ndata:b\nretry\ndata\n\n\n\ndata: é\n\ndata: [DONE]\n\n".replace('\n', end);
            for cut in 1..=text.len() {
                assert_eq!(all(text.as_bytes(), cut), ["a\nb\n", "é", "[DONE]"]);
            }
        }
    }

    #[test]
    fn the_last_event_needs_no_empty_line_and_a_mark_is_passed_over() {
        assert_eq!(all("\u{feff}data: x".as_bytes(), 2), ["x"]);
        assert_eq!(all(b"data: x\n", 3), ["x"]);
        assert!(all(b": only a comment", 3).is_empty());
    }

    #[test]
    fn events_have_names_of_their_own_and_the_end_many_spellings() {
        let mut decoder = Decoder::new(64);
        let mut events = Vec::new();
        let text = "event: ping\ndata: {}\n\nevent:error\ndata: x\n\ndata: y\n\nevent: empty\n\ndata: z\n\nevent: last\ndata: w";
        decoder.feed_named(text.as_bytes(), |name, data| events.push(format!("{name}={data}"))).unwrap();
        assert_eq!(events, ["ping={}", "error=x", "=y", "=z"]);
        assert_eq!(decoder.finish_named(), Ok(Some(("last".into(), "w".into()))));
        for done in ["[DONE]", " [DONE] ", "[done]", "DONE", "\"[DONE]\"", "[ DONE ]"] {
            assert!(is_done(done), "{done}");
        }
        for not in ["", "{}", "{\"done\":1}", "[]", "donee", "[1]"] {
            assert!(!is_done(not), "{not}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let mut decoder = Decoder::new(8);
        assert_eq!(decoder.push(b"data: 0123456789"), Err(TooLong { limit: 8 }));
        let mut decoder = Decoder::new(8);
        let lines = b"data:12\n".repeat(10);
        assert_eq!(decoder.push(&lines), Err(TooLong { limit: 8 }));
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(bytes in "(data: ?|:|\r|\n|\r\n|x|é|event){0,40}", cuts in prop::collection::vec(1usize..9, 1..20)) {
            let whole = all(bytes.as_bytes(), usize::MAX);
            let mut decoder = Decoder::new(1 << 16);
            let mut events = Vec::new();
            let mut rest = bytes.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (chunk, tail) = rest.split_at((*cut).min(rest.len()));
                events.extend(decoder.push(chunk).unwrap());
                rest = tail;
            }
            events.extend(decoder.finish().unwrap());
            prop_assert_eq!(events, whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), limit in 0usize..64) {
            let mut decoder = Decoder::new(limit);
            let _ = decoder.push(&bytes);
            let _ = decoder.finish();
        }
    }
}
