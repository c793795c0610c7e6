//! How the lines of the log are written: as `tracing_subscriber` writes them, without its way through three layers of
//! formatting for each number. A gateway writes one line with nine fields for each request.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::{self, Debug};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};
use tracing_subscriber::fmt::time::{self, FormatTime};

/// Writes fields as `name=value`.
pub(crate) struct LogFields;

impl<'w> FormatFields<'w> for LogFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = LineVisitor { writer, is_first: true, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct LineVisitor<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl LineVisitor<'_> {
    /// Has `tracing_subscriber` write a field.
    fn as_always(&mut self, record: impl FnOnce(&mut DefaultVisitor<'_>)) {
        if self.result.is_ok() {
            let mut visitor = DefaultVisitor::new(self.writer.by_ref(), std::mem::take(&mut self.is_first));
            record(&mut visitor);
            self.result = visitor.finish();
        }
    }

    /// Writes what needs no look; `value` must be written as its debug form is.
    fn plain(&mut self, field: &Field, value: &str) {
        if self.result.is_ok() {
            let space = if std::mem::take(&mut self.is_first) { "" } else { " " };
            let parts = [space, field.name(), "=", value];
            self.result = parts.into_iter().try_for_each(|part| self.writer.write_str(part));
        }
    }
}

/// Whether the debug form of a text is the text in quotes, and its name is written as it is.
fn is_plain(field: &Field, value: &str) -> bool {
    let shown = |b: u8| (b.is_ascii_graphic() || b == b' ') && !matches!(b, b'"' | b'\\');
    value.bytes().all(shown) && field.name() != "message" && !field.name().starts_with("r#")
}

impl Visit for LineVisitor<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, itoa::Buffer::new().format(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, itoa::Buffer::new().format(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_plain(field, value) {
            self.plain(field, "\"");
            let rest = [value, "\""];
            self.result = self.result.and_then(|()| rest.into_iter().try_for_each(|part| self.writer.write_str(part)));
        } else if field.name() == "message" {
            self.record_debug(field, &format_args!("{value}"));
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.as_always(|visitor| visitor.record_error(field, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.as_always(|visitor| visitor.record_debug(field, value));
    }
}

/// Writes the time in UTC. The date and the seconds of the line before are written again where they are the same.
pub(crate) struct LogTime;

thread_local! {
    static LAST: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

impl FormatTime for LogTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let Some(now) = since_1970() else { return time::SystemTime.format_time(writer) };
        LAST.with_borrow_mut(|(second, text)| {
            if *second != now.as_secs() {
                let mut whole = String::new();
                time::SystemTime.format_time(&mut Writer::new(&mut whole))?;
                // Another second may have begun in between.
                if since_1970().is_none_or(|after| after.as_secs() != now.as_secs()) {
                    return writer.write_str(&whole);
                }
                *second = now.as_secs();
                whole.truncate(whole.rfind('.').unwrap_or(whole.len()));
                *text = whole;
            }
            writer.write_str(text)?;
            write!(writer, ".{:06}Z", now.subsec_micros())
        })
    }
}

fn since_1970() -> Option<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt;
    use tracing_subscriber::fmt::format::DefaultFields;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `write` logs, by these fields and this time.
    fn logged<F, T>(fields: F, time: T, write: impl FnOnce()) -> String
    where
        F: for<'w> FormatFields<'w> + Send + Sync + 'static,
        T: FormatTime + Send + Sync + 'static,
    {
        let lines = Lines::default();
        let to = lines.clone();
        let subscriber = fmt().with_ansi(false).fmt_fields(fields).with_timer(time).with_writer(move || to.clone());
        tracing::subscriber::with_default(subscriber.finish(), write);
        let written = lines.0.lock().unwrap().clone();
        String::from_utf8(written).unwrap()
    }

    fn all() {
        let odd = "a \"word\"\n\u{1b}[1m\u{e9}";
        tracing::info!(id = %"ab12", route = "chat", model = odd, key = None::<&str>, status = 200_u16, "request");
        tracing::warn!(below = -5, seconds = 0.25, yes = true, path = odd, error = ?Some(odd), "{odd}");
        tracing::info!(first = 1, last = "x");
        tracing::info!(error = &std::io::Error::other(odd) as &dyn std::error::Error, empty = "");
        tracing::info!("only words");
    }

    #[test]
    fn lines_are_as_they_always_were() {
        assert_eq!(logged(LogFields, (), all), logged(DefaultFields::new(), (), all));
    }

    #[test]
    fn times_have_the_same_form_and_go_on() {
        let lines = logged(LogFields, LogTime, || (0..300).for_each(|_| tracing::info!("x")));
        let plain = logged(DefaultFields::new(), time::SystemTime, || tracing::info!("x"));
        let times: Vec<&str> = lines.lines().filter_map(|line| line.split(' ').next()).collect();
        let digits = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
        assert!(times.iter().all(|time| digits(time) == digits(plain.split(' ').next().unwrap())), "{lines}");
        assert!(times.is_sorted() && times[299] <= plain.as_str());
    }
}
