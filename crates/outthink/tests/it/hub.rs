//! Downloads from a hub that runs in the test.

use super::outthink;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread;

/// The one model that is named without a sum, so that the hub's own counts.
const MODEL: &str = "qwen3-0.6b";
const FILE: &str = "Qwen3-0.6B-Q8_0.gguf";

/// A hub with one file.
struct Hub {
    url: String,
    /// The first lines and ranges of the requests.
    seen: Arc<Mutex<Vec<String>>>,
}

/// How the hub sends its file.
#[derive(Clone)]
struct Script {
    bytes: Vec<u8>,
    sha256: String,
    /// The first download breaks off after so many bytes.
    break_after: Option<usize>,
}

impl Hub {
    fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        thread::spawn(move || {
            let mut script = script;
            for stream in listener.incoming() {
                serve(stream.unwrap(), &mut script, &requests).unwrap();
            }
        });
        Self { url, seen }
    }

    fn pull(&self, home: &Path) -> Output {
        outthink(home)
            .env_remove("OUTTHINK_OFFLINE")
            .env("HF_ENDPOINT", &self.url)
            .args(["models", "pull", MODEL, "--quiet"])
            .output()
            .unwrap()
    }
}

fn serve(mut stream: TcpStream, script: &mut Script, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    let mut from = None;
    for line in lines.map_while(Result::ok).take_while(|l| !l.is_empty()) {
        if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse::<usize>().ok();
        }
    }
    seen.lock().unwrap().push(format!("{} from {}", first.split(' ').next().unwrap(), from.unwrap_or(0)));
    let size = script.bytes.len();
    if first.starts_with("HEAD") {
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: /bytes\r\nx-linked-size: {size}\r\nx-linked-etag: \"{}\"\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n",
            script.sha256
        );
    }
    let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
    let rest = &script.bytes[from.unwrap_or(0)..];
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", rest.len())?;
    stream.write_all(&rest[..script.break_after.take().unwrap_or(rest.len())])
}

fn script() -> Script {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend((0..200_000_u32).flat_map(u32::to_le_bytes));
    let sha256 = Sha256::digest(&bytes).iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"));
    Script { bytes, sha256, break_after: None }
}

#[test]
fn a_file_is_checked_by_the_sum_that_the_hub_names() {
    let (home, script) = (tempfile::tempdir().unwrap(), script());
    let hub = Hub::start(script.clone());
    let output = hub.pull(home.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read(home.path().join("models").join(FILE)).unwrap(), script.bytes);
    // A second pull finds the file and asks nobody.
    let asked = hub.seen.lock().unwrap().len();
    assert!(hub.pull(home.path()).status.success());
    assert_eq!(hub.seen.lock().unwrap().len(), asked);
}

#[test]
fn an_interrupted_download_goes_on_where_it_broke_off() {
    let (home, script) = (tempfile::tempdir().unwrap(), script());
    let hub = Hub::start(Script { break_after: Some(500_000), ..script.clone() });
    let output = hub.pull(home.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("broke off"));
    let target = home.path().join("models").join(FILE);
    assert!(!target.exists());
    assert!(hub.pull(home.path()).status.success());
    assert_eq!(fs::read(target).unwrap(), script.bytes);
    let last = hub.seen.lock().unwrap().last().unwrap().clone();
    assert!(last.starts_with("GET from ") && last != "GET from 0", "{last}");
}

#[test]
fn a_file_with_another_sum_is_not_kept() {
    let home = tempfile::tempdir().unwrap();
    let hub = Hub::start(Script { sha256: "a".repeat(64), ..script() });
    let output = hub.pull(home.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("SHA-256"));
    let models = home.path().join("models");
    let left = fs::read_dir(models).unwrap().map(|e| e.unwrap().path());
    assert!(left.into_iter().all(|path| path.extension().is_some_and(|e| e == "lock")));
}
