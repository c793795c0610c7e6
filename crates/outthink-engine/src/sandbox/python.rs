//! Unit tests for Python code in a reply.

use super::{Bounds, PROBE, Ran, Tools, refused, write};
use outthink_core::{EngineError, Judging, Origin, Prompt, Sample, Verdict, Verifier, derive_seed};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// What the code of one reply may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Seconds for all tests together.
    pub seconds: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes of a file, and of all files together.
    pub file: u64,
    /// Programs at the same time.
    pub parallel: usize,
}

impl Default for SandboxLimits {
    /// 10 s, 512 MiB, 16 MiB and 2 programs.
    fn default() -> Self {
        Self { seconds: 10, memory: 512 << 20, file: 16 << 20, parallel: 2 }
    }
}

/// Runs unit tests on the Python code of a reply; its score is the share of the tests that pass.
///
/// The code is that of the last fenced block. Each test is one top-level statement of the given text
/// (`assert f(2) == 4`, a function that is called, a `with` block); imports and definitions among
/// them are run and not counted. The tests run in the process of the code: code that was written to
/// cheat its tests, rather than to pass them, can do so, but it cannot leave the sandbox.
#[derive(Debug)]
pub struct PythonTests {
    tools: Tools,
    tests: String,
    limits: SandboxLimits,
    places: Arc<Semaphore>,
}

/// Runs the code, then each test, and prints `<nonce> <passed> <total>`.
const HARNESS: &str = include_str!("harness.py");

impl PythonTests {
    /// Tests from their source text. A program is run to see that the sandbox holds.
    ///
    /// # Errors
    /// If there is no sandbox here, or it does not come up, or there are no tests.
    pub async fn new(tests: impl Into<String>, limits: SandboxLimits) -> Result<Self, EngineError> {
        let tests = tests.into();
        if tests.trim().is_empty() {
            let error = EngineError::new(Origin::Caller, "there are no tests");
            return Err(error.with_hint("give assertions, such as `assert add(1, 2) == 3`"));
        }
        let places = Arc::new(Semaphore::new(limits.parallel.clamp(1, 64)));
        let tools = Tools::find()?;
        let made = Self { tools, tests, limits, places };
        match made.run_code(PROBE, "assert held", 0).await? {
            Some((1, 1)) => Ok(made),
            _ => Err(refused(
                "the sandbox does not hold on this machine",
                "allow user namespaces, or use another verifier",
            )),
        }
    }

    /// Tests passed and tests there are; `None` if the program did not come to its end.
    async fn run_code(&self, code: &str, tests: &str, seed: u64) -> Result<Option<(u32, u32)>, EngineError> {
        let internal =
            |e: std::io::Error| EngineError::new(Origin::Internal, format!("no folder for the sandbox ({e})"));
        let folder = TempDir::new().map_err(internal)?;
        write(folder.path(), &[("main.py", HARNESS), ("answer.py", code), ("tests.py", tests)]).map_err(internal)?;
        let nonce = format!("{:016x}", derive_seed(seed ^ u64::from(std::process::id()), code.len() as u64));
        let bounds = Bounds { seconds: self.limits.seconds, memory: self.limits.memory, file: self.limits.file };
        let ran = self.tools.run(folder.path(), bounds, &[&nonce]).await?;
        Ok(read(&ran, &nonce))
    }
}

fn read(ran: &Ran, nonce: &str) -> Option<(u32, u32)> {
    if !ran.success || ran.timed_out {
        return None;
    }
    let line = ran.output.lines().rev().find_map(|line| line.strip_prefix(nonce))?;
    let (passed, total) = line.trim().split_once(' ')?;
    let (passed, total) = (passed.parse().ok()?, total.parse().ok()?);
    (total > 0 && passed <= total).then_some((passed, total))
}

/// The last fenced block of a reply, or all of it where it has none and looks like code.
fn code_of(reply: &str) -> Option<String> {
    let mut blocks = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in reply.lines() {
        let fence = line.trim_start().starts_with("```");
        match (&mut open, fence) {
            (None, true) => open = Some(Vec::new()),
            (Some(_), true) => blocks.extend(open.take()),
            (Some(lines), false) => lines.push(line),
            (None, false) => {}
        }
    }
    // A reply that was cut off leaves its block open.
    blocks.extend(open);
    let last = blocks.pop().map(|lines| lines.join("\n"));
    last.or_else(|| (reply.contains("def ") || reply.contains("import ")).then(|| reply.to_owned()))
}

impl Verifier for PythonTests {
    fn name(&self) -> &'static str {
        "python-tests"
    }

    fn timeout(&self) -> Duration {
        // Waiting for a place counts as well.
        Duration::from_secs(self.limits.seconds + 10) * 16
    }

    fn score<'a>(&'a self, _: &'a Prompt, sample: &'a Sample) -> Judging<'a, Verdict> {
        Box::pin(async move {
            let verdict = |score: f64| Verdict { score: Some(score), ..Verdict::default() };
            let Some(code) = code_of(&sample.content) else { return Ok(verdict(0.0)) };
            let _place = self.places.acquire().await;
            let result = self.run_code(&code, &self.tests, sample.seed).await?;
            Ok(verdict(result.map_or(0.0, |(passed, total)| f64::from(passed) / f64::from(total))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_found_in_replies() {
        let reply = "First:\n```python\nx = 1\n```\nBetter:\n```\ndef f():\n    return 2\n```\nDone.";
        assert_eq!(code_of(reply).as_deref(), Some("def f():\n    return 2"));
        assert_eq!(code_of("```python\ndef f(): pass"), Some("def f(): pass".into()));
        assert_eq!(code_of("I cannot do that."), None);
    }

    #[test]
    fn only_the_last_line_with_the_nonce_counts() {
        let ran = |output: &str| Ran { output: output.into(), success: true, timed_out: false };
        assert_eq!(read(&ran("n0nce 9 9\nn0nce 1 3\n"), "n0nce"), Some((1, 3)));
        assert_eq!(read(&ran("other 3 3\n"), "n0nce"), None);
        assert_eq!(read(&ran("n0nce 4 3\n"), "n0nce"), None);
        assert_eq!(read(&Ran { success: false, ..ran("n0nce 3 3") }, "n0nce"), None);
    }
}
