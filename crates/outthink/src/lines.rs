//! Lines of the log, written together: a write of its own for each line would cost a busy gateway more
//! than the line, and its threads would wait for each other at it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered before they are written.
const GATHERED_FOR: Duration = Duration::from_millis(10);
/// Bytes that are gathered at most: where stderr takes no more, who logs waits.
const MOST: usize = 1 << 20;

/// Writes lines to stderr, gathered for a moment; warnings and errors at once.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Shared>);

struct Shared {
    /// Held while lines are written, so that they keep their order.
    writing: Mutex<Vec<u8>>,
    gathered: Mutex<Vec<u8>>,
    some: Condvar,
    /// Whether a thread writes what is gathered.
    has_writer: bool,
}

/// Writes what is gathered when it is dropped.
pub(crate) struct AtEnd(Lines);

impl Lines {
    /// Starts the thread that writes; without one each line is written at once.
    pub(crate) fn start() -> (Self, AtEnd) {
        let shared = |has_writer| {
            Arc::new(Shared { writing: Mutex::default(), gathered: Mutex::default(), some: Condvar::new(), has_writer })
        };
        let threaded = shared(true);
        let own = Arc::clone(&threaded);
        let started = thread::Builder::new().name("log".to_owned()).spawn(move || own.write_forever());
        let lines = Self(if started.is_ok() { threaded } else { shared(false) });
        (lines.clone(), AtEnd(lines))
    }
}

impl Drop for AtEnd {
    fn drop(&mut self) {
        self.0.0.write_gathered();
    }
}

impl Shared {
    fn write_forever(&self) {
        loop {
            let gathered = lock(&self.gathered);
            drop(self.some.wait_while(gathered, |lines| lines.is_empty()));
            thread::sleep(GATHERED_FOR);
            self.write_gathered();
        }
    }

    fn write_gathered(&self) {
        let mut lines = lock(&self.writing);
        std::mem::swap(&mut *lines, &mut *lock(&self.gathered));
        // There is nowhere to say that stderr is closed.
        let _ = io::stderr().write_all(&lines);
        lines.clear();
    }

    fn gather(&self, line: &[u8], at_once: bool) {
        let mut gathered = lock(&self.gathered);
        let is_first = gathered.is_empty();
        gathered.extend_from_slice(line);
        let full = gathered.len() > MOST;
        drop(gathered);
        if at_once || full || !self.has_writer {
            self.write_gathered();
        } else if is_first {
            self.some.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes one line.
pub(crate) struct Line<'a> {
    shared: &'a Shared,
    at_once: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared.gather(bytes, self.at_once);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { shared: &self.0, at_once: false }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Line<'a> {
        Line { shared: &self.0, at_once: *about.level() <= Level::WARN }
    }
}
