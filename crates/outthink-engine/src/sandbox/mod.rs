//! Running code that a model wrote: Python in a sandbox, or not at all.
//!
//! The one place that starts programs. The sandbox is bubblewrap: no network, no file of the machine
//! but the system's own read-only, a small temporary folder, and a kernel filter (seccomp) under
//! which no further process can be started, so that a fork bomb ends at its first fork. Memory,
//! processor time, sizes of files and open files have limits, and when the time is up the whole
//! process namespace dies at once. Where any of this is not to be had, no code is run: there is no
//! bare fallback.

mod filter;
mod program;
mod python;

pub use program::{PythonPrograms, program_of};
pub use python::{PythonTests, SandboxLimits};

use outthink_core::{EngineError, Origin};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// Bytes of a program's output that are read; the rest is dropped.
const OUTPUT_LIMIT: u64 = 64 << 10;
/// How long the sandbox itself may take to come up and go down.
const OVERHEAD: Duration = Duration::from_secs(5);

/// Sets `held` to whether the sandbox lets a program neither fork nor reach a file of the machine.
const PROBE: &str =
    "import os\ntry:\n    os.fork()\n    held = False\nexcept OSError:\n    held = not os.path.exists('/etc/passwd')\n";

/// Where the programs of the sandbox lie.
#[derive(Debug, Clone)]
struct Tools {
    bwrap: PathBuf,
    prlimit: PathBuf,
    python: PathBuf,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ran {
    /// What it wrote to its standard output, cut at [`OUTPUT_LIMIT`].
    output: String,
    /// Whether it ended by itself with success.
    success: bool,
    timed_out: bool,
}

/// What a run of one program may use.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    seconds: u64,
    memory: u64,
    file: u64,
}

fn refused(what: &str, mend: &str) -> EngineError {
    EngineError::new(Origin::Caller, format!("code is not run here: {what}")).with_hint(mend)
}

/// Writes the filter and the files that the sandbox shows under `/code`.
fn write(folder: &Path, files: &[(&str, &str)]) -> std::io::Result<()> {
    std::fs::write(folder.join("filter"), filter::program().unwrap_or_default())?;
    let inner = folder.join("code");
    std::fs::create_dir(&inner)?;
    for (name, text) in files {
        std::fs::write(inner.join(name), text)?;
    }
    Ok(())
}

fn find(name: &str) -> Option<PathBuf> {
    // Only system folders: they are what the sandbox shows, and nothing of the user's can be taken for a tool.
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].iter().map(|folder| Path::new(folder).join(name)).find(|p| p.is_file())
}

impl Tools {
    /// Finds them.
    ///
    /// # Errors
    /// If one is missing, or the machine is none that the filter is made for.
    fn find() -> Result<Self, EngineError> {
        if !cfg!(target_os = "linux") || filter::program().is_none() {
            let mend = "run on Linux on x86-64 or 64-bit ARM, or use another verifier";
            return Err(refused("there is no sandbox for this system", mend));
        }
        let need = |name: &str, mend: &str| find(name).ok_or_else(|| refused(&format!("`{name}` is missing"), mend));
        Ok(Self {
            bwrap: need("bwrap", "install bubblewrap, or use another verifier")?,
            prlimit: need("prlimit", "install util-linux, or use another verifier")?,
            python: need("python3", "install Python as a system package, or use another verifier")?,
        })
    }

    /// Runs a Python program.
    ///
    /// # Errors
    /// If the sandbox does not come up.
    async fn run(&self, folder: &Path, bounds: Bounds, arguments: &[&str]) -> Result<Ran, EngineError> {
        let internal = |what: &str, e: std::io::Error| EngineError::new(Origin::Internal, format!("{what} ({e})"));
        let filter =
            std::fs::File::open(folder.join("filter")).map_err(|e| internal("no filter for the sandbox", e))?;
        let mut command = Command::new(&self.bwrap);
        command
            .args(["--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"])
            .args(["--die-with-parent", "--new-session", "--hostname", "sandbox"])
            .args(["--ro-bind", "/usr", "/usr"]);
        for folder in ["/bin", "/lib", "/lib64"] {
            command.args(["--ro-bind-try", folder, folder]);
        }
        command
            .args(["--proc", "/proc", "--dev", "/dev", "--size", &bounds.file.to_string(), "--tmpfs", "/tmp"])
            .arg("--ro-bind")
            .arg(folder.join("code"))
            .args(["/code", "--remount-ro", "/", "--chdir", "/tmp", "--clearenv"])
            .args(["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8"])
            // The filter is read from the standard input, which the program then does not have.
            .args(["--seccomp", "0", "--"])
            .arg(&self.prlimit)
            .args([
                format!("--cpu={}", bounds.seconds + 1),
                format!("--as={}", bounds.memory),
                format!("--fsize={}", bounds.file),
                "--nofile=64".into(),
                "--core=0".into(),
                "--stack=8388608".into(),
            ])
            .arg("--")
            .arg(&self.python)
            .args(["-I", "-B", "/code/main.py"])
            .args(arguments)
            .stdin(Stdio::from(filter))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env_clear()
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|e| internal("the sandbox cannot be started", e))?;
        let mut output = Vec::new();
        let stdout = child.stdout.take();
        let read = async {
            if let Some(mut stdout) = stdout {
                let _ = (&mut stdout).take(OUTPUT_LIMIT).read_to_end(&mut output).await;
                // More is read and dropped, so that the program does not wait for it.
                let _ = tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await;
            }
        };
        let whole = async {
            read.await;
            child.wait().await
        };
        let status = tokio::time::timeout(Duration::from_secs(bounds.seconds) + OVERHEAD, whole).await;
        let timed_out = status.is_err();
        if timed_out {
            // The namespace dies with its first process.
            let _ = child.kill().await;
        }
        let success = matches!(status, Ok(Ok(status)) if status.success());
        Ok(Ran { output: String::from_utf8_lossy(&output).into_owned(), success, timed_out })
    }
}
