//! Programs that answer a question: run, and what came of them.

use super::{Bounds, OVERHEAD, Ran, SandboxLimits, Tools, refused, write};
use outthink_core::{EngineError, Judging, Origin, ProgramOutcome, ProgramRunner, Sample, derive_seed};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// Programs that may have to be waited for before one's own turn comes.
const WAITING: u32 = 8;

/// Runs one program and prints `<nonce> <JSON>`.
const HARNESS: &str = include_str!("program.py");

/// Runs Python programs whose outcome is the answer to a question.
///
/// This is the tool of *program of thoughts* prompting (Chen et al. 2022, arXiv 2211.12588) and PAL
/// (Gao et al. 2022, arXiv 2211.10435). The answer is, in this order: the variable `ans`; the last
/// line that was printed; the value of an expression in the last line of the program; the variable
/// `answer` or `result`; what the last function without required arguments returns. The papers fix
/// one of these in their prompts; small models mix them. Of the helpers that the paper's prompts
/// promise (`solve_it`) there is none.
///
/// ```no_run
/// # async fn example() -> Result<(), outthink_core::EngineError> {
/// use outthink_core::ProgramOutcome;
/// use outthink_engine::sandbox::{PythonPrograms, SandboxLimits};
/// let programs = PythonPrograms::new(SandboxLimits::default()).await?;
/// let outcome = programs.run("eggs = 16 - 3 - 4\nans = eggs * 2").await?;
/// assert_eq!(outcome, ProgramOutcome::Value("18".into()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PythonPrograms {
    tools: Tools,
    limits: SandboxLimits,
    places: Arc<Semaphore>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Report {
    Value(String),
    Error(String),
}

impl PythonPrograms {
    /// Finds the sandbox and runs a program to see that it holds, so that nothing is bought from a
    /// model whose programs could not be run.
    ///
    /// # Errors
    /// If there is no sandbox here, or it does not hold.
    pub async fn new(limits: SandboxLimits) -> Result<Self, EngineError> {
        let places = Arc::new(Semaphore::new(limits.parallel.clamp(1, 64)));
        let made = Self { tools: Tools::find()?, limits, places };
        let probe = format!("{}ans = 'held' if held else 'open'", super::PROBE);
        match made.run(&probe).await? {
            ProgramOutcome::Value(text) if text == "held" => Ok(made),
            _ => Err(refused("the sandbox does not hold on this machine", "allow user namespaces")),
        }
    }

    /// Runs a program; at most [`SandboxLimits::parallel`] run at once and further ones wait.
    ///
    /// # Errors
    /// If the sandbox does not come up. A program that fails is an outcome and not an error.
    pub async fn run(&self, program: &str) -> Result<ProgramOutcome, EngineError> {
        let _place = self.places.acquire().await;
        let internal =
            |e: std::io::Error| EngineError::new(Origin::Internal, format!("no folder for the sandbox ({e})"));
        let folder = TempDir::new().map_err(internal)?;
        write(folder.path(), &[("main.py", HARNESS), ("answer.py", program)]).map_err(internal)?;
        let nonce = format!("{:016x}", derive_seed(u64::from(std::process::id()), program.len() as u64));
        let bounds = Bounds { seconds: self.limits.seconds, memory: self.limits.memory, file: self.limits.file };
        Ok(read(&self.tools.run(folder.path(), bounds, &[&nonce]).await?, &nonce))
    }
}

impl ProgramRunner for PythonPrograms {
    /// Its own limit, and as much again for each of the programs that a request may have waiting before it.
    fn timeout(&self) -> Duration {
        (Duration::from_secs(self.limits.seconds) + OVERHEAD) * WAITING
    }

    fn outcome<'a>(&'a self, sample: &'a Sample) -> Judging<'a, ProgramOutcome> {
        Box::pin(async move {
            match program_of(&sample.content) {
                Some(program) => self.run(&program).await,
                None => Ok(ProgramOutcome::Missing),
            }
        })
    }
}

fn read(ran: &Ran, nonce: &str) -> ProgramOutcome {
    if !ran.success || ran.timed_out {
        return ProgramOutcome::Stopped;
    }
    let line = ran.output.lines().rev().find_map(|line| line.strip_prefix(nonce));
    match line.and_then(|line| serde_json::from_str(line).ok()) {
        Some(Report::Value(text)) => ProgramOutcome::Value(text),
        Some(Report::Error(text)) => ProgramOutcome::Error(text),
        None => ProgramOutcome::Stopped,
    }
}

/// The program in a reply, or `None` where there is none.
///
/// It is the last fenced block that names Python; else the last one that names no language; else
/// the whole reply where its first line is a statement of Python. A block that the end of the reply
/// cuts off counts too.
///
/// ```
/// use outthink_engine::sandbox::program_of;
/// let reply = "```python\nprint(6 * 7)\n```\nIt prints:\n```\n42\n```";
/// assert_eq!(program_of(reply), Some("print(6 * 7)".into()));
/// assert_eq!(program_of("The answer is 42."), None);
/// ```
#[must_use]
pub fn program_of(reply: &str) -> Option<String> {
    let mut blocks: Vec<(String, Vec<&str>)> = Vec::new();
    let mut open: Option<(String, Vec<&str>)> = None;
    for line in reply.lines() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.trim().to_ascii_lowercase(), Vec::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, lines)), None) => lines.push(line),
            (None, None) => {}
        }
    }
    blocks.extend(open);
    let last = |names: &[&str]| {
        let found = blocks.iter().rev().find(|(language, _)| names.contains(&language.as_str()));
        found.map(|(_, lines)| lines.join("\n")).filter(|text| !text.trim().is_empty())
    };
    if !blocks.is_empty() {
        return last(&["python", "py", "python3"]).or_else(|| last(&[""]));
    }
    let first = reply.lines().find(|line| !line.trim().is_empty())?;
    is_statement(first).then(|| reply.to_owned())
}

/// Whether a line without indentation is an import, a definition, a call of `print`, or an assignment to a name.
fn is_statement(line: &str) -> bool {
    if ["import ", "from ", "def ", "print("].iter().any(|start| line.starts_with(start)) {
        return !line.starts_with("from ") || line.contains(" import ");
    }
    let Some((name, value)) = line.split_once('=') else { return false };
    let name = name.trim_end();
    let letters = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    letters && name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !value.starts_with('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_replies() {
        let found = |reply: &str| program_of(reply);
        assert_eq!(found("First:\n```python\nx = 1\n```\nBetter:\n```py\nans = 2\n```"), Some("ans = 2".into()));
        assert_eq!(found("```\nans = 3\n```"), Some("ans = 3".into()));
        assert_eq!(found("```python\nans = 4"), Some("ans = 4".into()));
        assert_eq!(found("total = 3 * 4\nprint(total)"), Some("total = 3 * 4\nprint(total)".into()));
        assert_eq!(found("```json\n{}\n```"), None);
        assert_eq!(found("```python\n```"), None);
        assert_eq!(found("From 3 boxes we take 2."), None);
        assert_eq!(found("from the boxes we take 2"), None);
        assert_eq!(found("3 + 4 = 7"), None);
        assert_eq!(found("x == 7"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn an_outcome_needs_its_nonce_and_an_end_with_success() {
        let ran = |output: &str| Ran { output: output.into(), success: true, timed_out: false };
        assert_eq!(read(&ran("\nab {\"value\": \"7\"}\n"), "ab"), ProgramOutcome::Value("7".into()));
        assert_eq!(read(&ran("ab {\"error\": \"E: x\"}"), "ab"), ProgramOutcome::Error("E: x".into()));
        assert_eq!(read(&ran("cd {\"value\": \"7\"}"), "ab"), ProgramOutcome::Stopped);
        assert_eq!(read(&ran("ab 7"), "ab"), ProgramOutcome::Stopped);
        let failed = Ran { success: false, ..ran("ab {\"value\": \"7\"}") };
        assert_eq!(read(&failed, "ab"), ProgramOutcome::Stopped);
    }
}
