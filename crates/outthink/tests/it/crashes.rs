//! What is left of keys, budgets and requests when a gateway is killed, ended or raced against.

use super::gateway::{Client, Gateway, folder, ledger_url, make_key};
use super::postgres::Postgres;
use super::upstream::Upstream;
use outthink_ledger::{Charge, KeyStatus, Ledger};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What one sample of the fake upstream costs: 7 generated tokens at a dollar a million.
const SAMPLE: u64 = 7_000;
/// What a request of at most 9 tokens reserves.
const RESERVED: u64 = 9_000;

fn required(more: &str) -> String {
    format!(
        "[keys]\nmode = \"required\"\nledger = \"sqlite:ledger.db\"\nlease_seconds = 3\n{more}\n[observability]\nlog = \"off\"\n"
    )
}

fn with_ledger<T>(url: &str, look: impl AsyncFnOnce(&Ledger) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(url, 3).await.unwrap();
        let seen = look(&ledger).await;
        ledger.close().await;
        seen
    })
}

fn standing(url: &str) -> (KeyStatus, Vec<Charge>) {
    with_ledger(url, async |ledger| {
        let key = ledger.keys().await.unwrap().remove(0);
        let charges = ledger.charges(&key.key.id).await.unwrap();
        (key, charges)
    })
}

/// Four clients or more that ask again and again until they are told to stop, or cannot any more; the traces
/// of the replies they got.
fn load(address: &str, key: &str, clients: usize, stop: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<Vec<String>>> {
    (0..clients)
        .map(|_| {
            let (mut client, stop) = (Client::new(address, Some(key)), Arc::clone(stop));
            std::thread::spawn(move || {
                let mut traces = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let Ok(reply) = client.chat(9) else { break };
                    assert_eq!(reply.status, 200, "{}", reply.body);
                    traces.push(reply.json()["outthink"]["trace_id"].as_str().unwrap().to_owned());
                }
                traces
            })
        })
        .collect()
}

#[test]
fn killed_twenty_times_it_neither_loses_nor_doubles_a_charge() {
    let upstream = Upstream::start(&["The answer is 4."], Duration::from_millis(5));
    let folder = folder(&upstream.url, &required(""));
    let key = make_key(folder.path(), "load", &["--usd-per-day", "100"]);
    let url = ledger_url(folder.path());
    let mut answered = HashSet::new();
    let mut before: HashMap<String, Charge> = HashMap::new();
    for round in 0..20u64 {
        let gateway = Gateway::start(folder.path(), &[]);
        let stop = Arc::new(AtomicBool::new(false));
        let clients = load(&gateway.address, &key, 8, &stop);
        std::thread::sleep(Duration::from_millis(100 + 37 * (round * 7 % 10)));
        let settled = standing(&url).1;
        gateway.signal("KILL");
        drop(gateway);
        for client in clients {
            answered.extend(client.join().unwrap());
        }
        let (_, after) = standing(&url);
        let after: HashMap<String, Charge> = after.into_iter().map(|c| (c.trace.clone(), c)).collect();
        for charge in settled.iter().chain(before.values().filter(|c| !c.lapsed)) {
            assert_eq!(after.get(&charge.trace), Some(charge), "round {round}: a settled charge changed");
        }
        before = after;
    }
    // The leases end, and what was held is charged once.
    std::thread::sleep(Duration::from_millis(3_500));
    with_ledger(&url, async |ledger| ledger.charge_lapsed().await.unwrap());
    let (key, charges) = standing(&url);
    let lapsed = charges.iter().filter(|c| c.lapsed).count();
    println!("20 kills: {} answered, {} settled, {lapsed} lapsed", answered.len(), charges.len() - lapsed);
    assert_eq!(key.reserved.nano(), 0, "nothing is held any more");
    assert_eq!(key.spent.nano(), charges.iter().map(|c| c.cost.nano()).sum::<u64>());
    assert!(charges.iter().all(|c| c.cost.nano() == if c.lapsed { RESERVED } else { SAMPLE }));
    assert_eq!(charges.len() as u64, key.requests, "one charge a claim");
    let traces: HashSet<&String> = charges.iter().map(|c| &c.trace).collect();
    assert!(answered.iter().all(|t| traces.contains(t)), "every answer has its charge");
    let served = upstream.bodies().len() as u64;
    assert!(key.spent.nano() >= served * SAMPLE, "never charged less than the upstream worked");
    assert!(answered.len() > 20 && !charges.is_empty());
}

#[test]
fn ended_under_load_it_cuts_no_request() {
    let upstream = Upstream::start(&["The answer is 4."], Duration::from_millis(300));
    let folder = folder(&upstream.url, &required(""));
    let key = make_key(folder.path(), "load", &["--usd-per-day", "100"]);
    let mut gateway = Gateway::start(folder.path(), &[]);
    let clients: Vec<_> = (0..24)
        .map(|_| {
            let mut client = Client::new(&gateway.address, Some(&key));
            std::thread::spawn(move || client.chat(9).unwrap().status)
        })
        .collect();
    while upstream.bodies().len() < 24 {
        std::thread::sleep(Duration::from_millis(5));
    }
    gateway.signal("TERM");
    assert!(clients.into_iter().all(|c| c.join().unwrap() == 200));
    assert!(gateway.wait());
    let (key, charges) = standing(&ledger_url(folder.path()));
    assert_eq!((charges.len(), key.reserved.nano()), (24, 0));
    assert!(charges.iter().all(|c| !c.lapsed && c.cost.nano() == SAMPLE));
}

#[test]
fn two_gateways_on_one_postgres_keep_exactly_within_a_budget() {
    let server = match Postgres::start() {
        Ok(server) => server,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let upstream = Upstream::start(&["The answer is 4."], Duration::from_millis(20));
    let keys = format!("[keys]\nmode = \"required\"\nledger = \"{}\"\n[observability]\nlog = \"off\"\n", server.url);
    let folder = folder(&upstream.url, &keys);
    // 100 requests of 7 tokens at a dollar a million.
    let key = make_key(folder.path(), "race", &["--usd-per-day", "0.0007"]);
    let mut gateways = [Gateway::start(folder.path(), &[]), Gateway::start(folder.path(), &[])];
    let start = Arc::new(std::sync::Barrier::new(200));
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let clients: Vec<_> = (0..200)
        .map(|i| {
            let mut client = Client::new(&gateways[i % 2].address, Some(&key));
            let (start, statuses) = (Arc::clone(&start), Arc::clone(&statuses));
            std::thread::spawn(move || {
                start.wait();
                let reply = client.chat(7).unwrap();
                statuses.lock().unwrap().push(reply.status);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let statuses = statuses.lock().unwrap();
    let count = |status| statuses.iter().filter(|s| **s == status).count();
    println!("200 requests on two gateways: {} answered, {} refused", count(200), count(429));
    assert_eq!((count(200), count(429)), (100, 100), "{statuses:?}");
    for gateway in &mut gateways {
        gateway.signal("TERM");
        assert!(gateway.wait());
    }
    let (key, charges) = standing(&server.url);
    assert!(charges.iter().all(|c| !c.lapsed && c.cost.nano() == SAMPLE));
    assert_eq!((charges.len(), key.spent.nano(), key.reserved.nano()), (100, 100 * SAMPLE, 0));
    assert_eq!(upstream.bodies().len(), 100, "nothing was asked for that was not paid for");
}

#[test]
fn a_reload_drops_no_request_and_a_bad_file_changes_nothing() {
    let upstream = Upstream::start(&["The answer is 4."], Duration::from_millis(100));
    let folder = folder(&upstream.url, "");
    let file = folder.path().join("outthink.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let gateway = Gateway::start(folder.path(), &[]);
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(&gateway.address, "none", 4, &stop);
    let names = || {
        let list = Client::new(&gateway.address, None).get("/v1/models").unwrap().json();
        list["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["scripted"]);
    std::fs::write(&file, format!("{good}\n[[models]]\nname = \"second\"\nupstream_model = \"scripted\"\n")).unwrap();
    gateway.signal("HUP");
    gateway.until_said("the configuration was read again");
    assert_eq!(names(), ["scripted", "second"]);
    std::thread::sleep(Duration::from_millis(500));
    std::fs::write(&file, format!("{good}\n[server]\nprot = 1\n")).unwrap();
    gateway.signal("HUP");
    gateway.until_said("did you mean `port`?");
    assert_eq!(names(), ["scripted", "second"], "the old one stays in force");
    std::thread::sleep(Duration::from_millis(500));
    assert!(clients.iter().all(|c| !c.is_finished()), "a client could not go on");
    stop.store(true, Ordering::SeqCst);
    let answered: Vec<usize> = clients.into_iter().map(|c| c.join().unwrap().len()).collect();
    assert!(answered.iter().all(|n| *n >= 2), "requests went on through both reloads: {answered:?}");
}
