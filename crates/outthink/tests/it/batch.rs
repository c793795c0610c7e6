//! Batches of the real binary, killed on the way: each result once, and a bill that covers what the upstream did.

use super::gateway::{Client, Gateway, folder, ledger_url, make_key};
use super::outthink;
use super::upstream::Upstream;
use outthink_ledger::Ledger;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What one sample of the fake upstream costs: 7 generated tokens at a dollar a million.
const SAMPLE: u64 = 7_000;
const REQUESTS: usize = 120;

fn lines() -> String {
    let line = |id: usize| {
        json!({
            "custom_id": format!("r{id}"), "method": "POST", "url": "/v1/chat/completions",
            "body": {"messages": [{"role": "user", "content": format!("{id}+2?")}], "reasoning_effort": "none", "max_tokens": 9},
        })
    };
    let lines: Vec<String> = (0..REQUESTS).map(|id| line(id).to_string()).collect();
    lines.join("\n") + "\n"
}

fn results(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Each request has one result.
fn each_once(results: &[Value]) {
    let ids: HashSet<&str> = results.iter().map(|r| r["custom_id"].as_str().unwrap()).collect();
    assert_eq!((results.len(), ids.len()), (REQUESTS, REQUESTS));
    assert!(results.iter().all(|r| r["response"]["status_code"] == 200), "{results:?}");
}

#[test]
fn a_gateway_killed_ten_times_answers_each_request_of_a_batch_once() {
    let upstream = Upstream::start(&["The answer is 4."], Duration::from_millis(40));
    let keys = "[keys]\nmode = \"required\"\nledger = \"sqlite:ledger.db\"\nlease_seconds = 3\n[server.limits]\n\
                batch_lines = 4\n[observability]\nlog = \"off\"\n";
    let folder = folder(&upstream.url, keys);
    let key = make_key(folder.path(), "batch", &["--usd-per-day", "100"]);
    let form = |text: &str| {
        format!(
            "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\ncontent-disposition: \
             form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n{text}\r\n--b--\r\n"
        )
    };
    let mut gateway = Gateway::start(folder.path(), &[]);
    let mut client = Client::new(&gateway.address, Some(&key));
    let file = client.send_as("multipart/form-data; boundary=b", "POST", "/v1/files", &form(&lines())).unwrap().json();
    // A dollar pays for all of it many times, so that only the accounting is tested.
    let batch = json!({
        "input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "outthink": {"budget_usd": 1.0},
    });
    let batch = client.send("POST", "/v1/batches", &batch.to_string()).unwrap().json();
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    let mut kills = 0;
    let ended = loop {
        let mut client = Client::new(&gateway.address, Some(&key));
        let began = Instant::now();
        // Killed as soon as it has answered some more, while others run.
        let before = client.get(&path).unwrap().json()["request_counts"]["completed"].as_u64().unwrap();
        let batch = loop {
            assert!(began.elapsed() < Duration::from_mins(2), "it does not go on");
            let batch = client.get(&path).unwrap().json();
            let completed = batch["request_counts"]["completed"].as_u64().unwrap();
            if batch["status"] == "completed" || (kills < 10 && completed >= before + 3) {
                break batch;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        if batch["status"] == "completed" {
            break batch;
        }
        gateway.signal("KILL");
        drop(gateway);
        kills += 1;
        gateway = Gateway::start(folder.path(), &[]);
    };
    assert_eq!(kills, 10);
    let output = format!("/v1/files/{}/content", ended["output_file_id"].as_str().unwrap());
    let results = results(&Client::new(&gateway.address, Some(&key)).get(&output).unwrap().body);
    each_once(&results);
    gateway.signal("TERM");
    assert!(gateway.wait());
    // What is held by the dead is charged in full once its lease is over.
    std::thread::sleep(Duration::from_millis(3_500));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let charges = runtime.block_on(async {
        let ledger = Ledger::open(&ledger_url(folder.path()), 3).await.unwrap();
        ledger.charge_lapsed().await.unwrap();
        let key = ledger.keys().await.unwrap().remove(0);
        assert!(key.reserved.is_zero(), "nothing is held any more");
        let charges = ledger.charges(&key.key.id).await.unwrap();
        ledger.close().await;
        charges
    });
    let settled = charges.iter().filter(|c| !c.lapsed && !c.cost.is_zero()).count();
    let lapsed = charges.iter().filter(|c| c.lapsed).count();
    let served = upstream.bodies().len();
    println!("10 kills: {REQUESTS} results, {served} requests upstream, {settled} settled, {lapsed} lapsed");
    assert!(charges.iter().all(|c| c.lapsed || c.cost.is_zero() || c.cost.nano() == SAMPLE));
    let all: HashSet<&str> = charges.iter().map(|c| c.trace.as_str()).collect();
    assert_eq!(all.len(), charges.len(), "one charge each");
    // A result is written behind its bill: what lapses is of requests that had none.
    let known = |c: &&outthink_ledger::Charge| !c.lapsed && c.cost.nano() == SAMPLE;
    let traces: HashSet<&str> = charges.iter().filter(known).map(|c| c.trace.as_str()).collect();
    let is_settled = |r: &Value| traces.contains(r["response"]["request_id"].as_str().unwrap());
    assert!(results.iter().all(is_settled), "each result has a charge of what it cost");
    assert!(settled >= REQUESTS && settled + lapsed >= served, "nothing the upstream did is free");
    // Four ran at the first kill, then two, then one.
    let most = 4 + 2 + 8;
    assert!(lapsed <= most, "{lapsed} lapsed");
    assert!(settled <= served, "no token is billed twice: {settled} charges for {served} requests");
    // The batch's own account: what is known, and what was lost at the most that it may have cost.
    let (cost, interrupted) = (&ended["outthink"]["cost_nano_usd"], &ended["outthink"]["interrupted"]);
    let (cost, interrupted) = (cost.as_u64().unwrap(), interrupted.as_u64().unwrap());
    assert!(interrupted > 0 && interrupted <= most as u64, "{interrupted}");
    assert!((served as u64 * SAMPLE..=1_000_000_000).contains(&cost), "{cost} for {served} requests");
}

/// Runs `outthink batch` on the requests in `folder`.
fn batch(folder: &Path, upstream: &str, more: &[&str]) -> std::process::Command {
    let mut command = outthink(folder);
    command.current_dir(folder).args(["batch", "in.jsonl", "--upstream", upstream, "--at-once", "4"]).args(more);
    command
}

#[test]
fn the_command_goes_on_after_a_crash_and_asks_nothing_twice_that_has_an_answer() {
    let upstream = Upstream::start(&["The answer is 4."], Duration::from_millis(40));
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("in.jsonl"), lines()).unwrap();
    let before = |count: usize| {
        let began = Instant::now();
        while upstream.bodies().len() < count {
            assert!(began.elapsed() < Duration::from_mins(2), "it does not go on");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let mut running = 0;
    for round in 1..=3 {
        let mut child =
            batch(home.path(), &upstream.url, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        before(round * 25);
        child.kill().unwrap();
        child.wait().unwrap();
        running += 4;
    }
    let output = batch(home.path(), &upstream.url, &["--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let batch_object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = results(&std::fs::read_to_string(home.path().join("in.out.jsonl")).unwrap());
    each_once(&all);
    let served = upstream.bodies().len();
    let lost = batch_object["outthink"]["interrupted"].as_u64().unwrap() as usize;
    assert!(lost <= running && served <= REQUESTS + running, "{served} asked, {lost} interrupted");
    // Again it has nothing to do.
    let again = batch(home.path(), &upstream.url, &[]).output().unwrap();
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success() && said.starts_with("completed: 120 of 120 requests answered, 0 failed"), "{said}");
    assert_eq!(upstream.bodies().len(), served);
}
