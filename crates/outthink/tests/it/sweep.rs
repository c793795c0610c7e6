//! `outthink sweep`, `runs` and `store`: what is recorded is there once, whatever happens.

use super::outthink;
use super::upstream::Upstream;
use outthink_eval::{Store, StoreError};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const AT_ONCE: Duration = Duration::ZERO;

/// A folder with questions, and what runs the binary in it.
struct Desk {
    folder: tempfile::TempDir,
    upstream: Upstream,
}

impl Desk {
    fn new(questions: usize, delay: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let line = |i: usize| json!({"question": format!("What is {i} - {i} + 4?"), "answer": "4"}).to_string() + "\n";
        std::fs::write(folder.path().join("sums.jsonl"), (0..questions).map(line).collect::<String>()).unwrap();
        let answers = ["The answer is 4.", "The answer is 5.", "So \\boxed{4}.", "I do not know."];
        Self { folder, upstream: Upstream::start(&answers, delay) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = outthink(self.folder.path());
        command.args(args).env("OUTTHINK_STORE", self.path("runs.db"));
        command
    }

    fn sweep(&self, args: &[&str]) -> Command {
        let mut command = self.command(&["sweep"]);
        command.arg(self.path("sums.jsonl")).args(["--upstream", &self.upstream.url, "--run", "sums"]).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Each sample's place and seed, and what the run has cost.
    fn recorded(&self) -> (Vec<(u32, u32, u64)>, u64) {
        let place = self.path("runs.db").to_str().unwrap().to_owned();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let store = Store::open(&place).await.unwrap();
            let mut all = Vec::new();
            let read = store.each_sample::<StoreError>("sums", |s| {
                all.push((s.cell.problem, s.cell.index, s.seed));
                Ok(())
            });
            read.await.unwrap();
            let spent = store.spent("sums").await.unwrap().nano();
            store.close().await;
            (all, spent)
        })
    }
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn value(output: &Output) -> Value {
    serde_json::from_str(&ok(output)).unwrap()
}

/// The next of a fixed row of numbers that look random.
fn scatter(state: &mut u64, below: u64) -> u64 {
    *state = outthink_core::derive_seed(*state, 1);
    *state % below
}

#[test]
fn a_sweep_killed_ten_times_has_each_sample_once_and_keeps_its_cap() {
    let desk = Desk::new(30, Duration::from_millis(40));
    let seen = || desk.upstream.bodies().len() as u64;
    // 7 tokens a sample and 32 held, at a dollar a million: enough for all and for what kills cost.
    let cap = 0.02;
    let args = ["--samples", "8", "--parallel", "6", "--max-tokens", "32", "--price-output", "1", "--max-usd", "0.02"];
    let mut state = 7;
    let mut before = Vec::new();
    for kill in 0..10 {
        let mut child = desk.sweep(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // At a random number of requests, and at a random moment after it.
        let (from, more) = (seen(), scatter(&mut state, 24));
        let began = Instant::now();
        while seen() < from + more && child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(2));
        }
        thread::sleep(Duration::from_millis(scatter(&mut state, 60)));
        child.kill().unwrap();
        child.wait().unwrap();
        if !desk.path("runs.db").exists() {
            continue;
        }
        let after = desk.recorded().0;
        let there: HashSet<_> = after.iter().collect();
        assert!(before.iter().all(|sample| there.contains(sample)), "kill {kill} lost a sample");
        before = after;
    }
    assert!(before.len() < 240, "the kills came too late to test anything");
    let end = value(&desk.sweep(&[&args[..], &["--json"]].concat()).output().unwrap());
    assert_eq!((end["end"].as_str(), end["samples"].as_u64()), (Some("complete"), Some(240)));
    let (samples, spent) = desk.recorded();
    let places: HashSet<_> = samples.iter().map(|s| (s.0, s.1)).collect();
    let seeds: HashSet<_> = samples.iter().map(|s| s.2).collect();
    assert_eq!((samples.len(), places.len(), seeds.len()), (240, 240, 240));
    assert!(samples.iter().all(|s| s.0 < 30 && s.1 < 8));
    assert!(before.iter().all(|sample| samples.contains(sample)));
    // What was cut off is on the bill beside the samples, and all of it is under the cap.
    assert!(spent > 240 * 7 * 1_000 && spent as f64 <= cap * 1e9, "{spent}");
}

#[test]
fn a_cap_in_dollars_stops_a_sweep_and_a_higher_one_goes_on() {
    let desk = Desk::new(5, AT_ONCE);
    let args =
        ["--samples", "4", "--parallel", "1", "--max-tokens", "32", "--price-output", "1", "--json", "--max-usd"];
    let output = desk.sweep(&[&args[..], &["0.00005"]].concat()).output().unwrap();
    let end = value(&output);
    assert_eq!(end["end"], "cap_reached");
    let spent = desk.recorded().1;
    assert!(spent > 0 && spent <= 50_000, "{spent}");
    let end = value(&desk.sweep(&[&args[..], &["1"]].concat()).output().unwrap());
    assert_eq!((end["end"].as_str(), end["samples"].as_u64()), (Some("complete"), Some(20)));
}

#[test]
fn a_run_is_listed_shown_compared_exported_replayed_and_removed() {
    let desk = Desk::new(4, AT_ONCE);
    let text = ok(&desk.sweep(&["--samples", "4", "--efforts", "low,high"]).output().unwrap());
    assert!(text.contains("outthink report store:sums"), "{text}");
    let bodies = desk.upstream.bodies();
    let efforts: HashSet<String> =
        bodies.iter().map(|b| serde_json::from_str::<Value>(b).unwrap()["reasoning_effort"].to_string()).collect();
    assert_eq!(efforts.len(), 2, "{efforts:?}");
    let run: Value = serde_json::from_str(&ok(&desk.run(&["runs", "list", "--json"]))).unwrap();
    assert_eq!((run["samples"].as_u64(), run["problems"].as_u64()), (Some(32), Some(4)));
    assert!(!run["dataset_sha256"].as_str().unwrap().is_empty());
    let shown = value(&desk.run(&["runs", "show", "sums", "--json"]));
    assert_eq!(shown["per_problem"].as_array().unwrap().len(), 4);
    assert!(ok(&desk.run(&["runs", "show", "sums"])).contains("What is 0 - 0 + 4?"));
    let replayed =
        ok(&desk.run(&["replay", "store:sums", "--json", "--seeds", "2", "--strategies", "single,adaptive"]));
    assert_eq!(replayed.lines().count(), 4, "two strategies at two settings: {replayed}");
    let one = ok(&desk.run(&["replay", "store:sums@low", "--json", "--seeds", "2", "--strategies", "single"]));
    assert_eq!(one.lines().count(), 1);
    let file = desk.path("s.parquet");
    ok(&desk.run(&["store", "export", "sums", "--parquet", file.to_str().unwrap()]));
    let mut rows = 0;
    outthink_eval::each_row(&file, |_| {
        rows += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(rows, 32);
    // The same questions with another seed are another run, and comparable with this one.
    let mut other = desk.command(&["sweep"]);
    other.arg(desk.path("sums.jsonl")).args(["--upstream", &desk.upstream.url, "--run", "other", "--seed", "5"]);
    ok(&other.args(["--samples", "2"]).output().unwrap());
    let diff = value(&desk.run(&["runs", "diff", "sums", "other", "--json"]));
    assert_eq!(diff["shared_problems"], 4);
    assert_eq!(diff["differ"]["seed"], json!(["0", "5"]));
    ok(&desk.run(&["runs", "rm", "sums"]));
    let output = desk.run(&["runs", "show", "sums"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it holds `other`"));
}

#[test]
fn another_model_does_not_go_into_the_same_run() {
    let desk = Desk::new(2, AT_ONCE);
    ok(&desk.sweep(&["--samples", "1"]).output().unwrap());
    let output = desk.sweep(&["--samples", "1", "--seed", "9"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("another seed (0, now 9)") && words.contains("--run"), "{words}");
}

#[test]
fn a_pool_is_imported_once() {
    let desk = Desk::new(1, AT_ONCE);
    let pool = desk.path("mine.jsonl");
    let line = json!({"problem_id": 1, "question": "2+2?", "gold": "4", "model": "m", "samples": [
        {"answer": "4", "correct": true, "tokens": 9}, {"answer": "5", "correct": false, "tokens": 8}]});
    std::fs::write(&pool, line.to_string()).unwrap();
    let import = || ok(&desk.run(&["store", "import", pool.to_str().unwrap()]));
    assert!(import().contains("mine: 2 samples added"));
    assert!(import().contains("mine: 0 samples added, 2 in the file"));
    assert!(ok(&desk.run(&["runs", "list"])).contains("mine"));
}

#[test]
fn ctrl_c_ends_a_sweep_that_goes_on_later() {
    let desk = Desk::new(8, Duration::from_millis(300));
    let child = desk.sweep(&["--samples", "4", "--parallel", "2"]).stdout(Stdio::piped()).spawn().unwrap();
    while desk.upstream.bodies().len() < 4 {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stdout).contains("the same command goes on"));
    assert!(desk.recorded().0.len() < 32);
}

#[test]
fn wrong_use_of_a_sweep_says_how_to_mend_it() {
    let desk = Desk::new(1, AT_ONCE);
    let twins = desk.path("twins.csv");
    std::fs::write(&twins, "q,a\n2+2?,4\n2+2?,5\n").unwrap();
    let twins = twins.to_str().unwrap();
    let upstream = ["--upstream", &*desk.upstream.url];
    let cases: [(&[&str], &str); 5] = [
        (&["sweep", twins, "--question", "q", "--gold", "a"], "have the same prompt"),
        (&["sweep", twins, "--question", "nothing", "--gold", "a"], "the columns are q, a"),
        (&["sweep", twins, "--question", "q", "--gold", "a", "--max-usd", "1"], "set --price-input"),
        (&["sweep", twins, "--question", "q", "--gold", "a", "--samples", "0"], "give at least 1"),
        (&["sweep", twins, "--question", "q", "--gold", "a", "--store", "mysql://h/d"], "postgres://"),
    ];
    for (args, mend) in cases {
        let output = desk.run(&[args, &upstream].concat());
        assert!(!output.status.success(), "{args:?}");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains(mend), "{args:?}: {words}");
    }
    assert!(ok(&desk.run(&["runs", "list"])).contains("no runs yet"), "nothing is half-written");
}
