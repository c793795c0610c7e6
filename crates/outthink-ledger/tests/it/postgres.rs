//! A private PostgreSQL in a folder of its own, for as long as a test runs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; it ends when this is dropped.
pub(crate) struct Postgres {
    /// The address of its database.
    pub(crate) url: String,
    server: Child,
    _folder: tempfile::TempDir,
}

/// The user that PostgreSQL runs as where the tests run as root, which it refuses.
const USER: &str = "postgres";

impl Postgres {
    /// Starts one, or says why it cannot.
    pub(crate) fn start() -> Result<Self, String> {
        let programs = programs().ok_or("PostgreSQL is not installed")?;
        let folder = tempfile::Builder::new().prefix("outthink-pg").tempdir().map_err(|e| e.to_string())?;
        let data = folder.path().join("data");
        let as_root = run(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        if as_root {
            run(Command::new("chown").arg(USER).arg(folder.path()))?;
        }
        let mut init = command(&programs.join("initdb"), as_root);
        run(init.args(["-A", "trust", "-U", "outthink", "--no-sync", "-D"]).arg(&data))?;
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?.port();
        let mut start = command(&programs.join("postgres"), as_root);
        start.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k", ""]);
        let server = start.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(|e| e.to_string())?;
        let url = format!("postgres://outthink@127.0.0.1:{port}/postgres");
        let started = Self { url, server, _folder: folder };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if began.elapsed() > Duration::from_mins(1) {
                return Err("PostgreSQL did not start within a minute".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(started)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is its fast shutdown; through `setpriv` the process is the server itself.
        let _ = run(Command::new("kill").args(["-INT", &self.server.id().to_string()]));
        let _ = self.server.wait();
    }
}

/// The folder with PostgreSQL's programs: on the path, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|v| v.path().join("bin")));
    }
    places.into_iter().find(|p| p.join("initdb").is_file() && p.join("postgres").is_file())
}

fn command(program: &Path, as_root: bool) -> Command {
    if !as_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{}: {}", command.get_program().display(), String::from_utf8_lossy(&output.stderr).trim()))
}
