//! Files line by line, and batches that one gateway works on at a time.

use super::{LEASE, budget, claim, key, settled, spent};
use outthink_core::Cost;
use outthink_ledger::{HeldLine, Ledger, LineEnd, Page, StoredBatch, StoredFile};
use std::time::{SystemTime, UNIX_EPOCH};

fn file(id: &str, owner: Option<&str>, created: u64, text: &str) -> StoredFile {
    StoredFile {
        id: id.into(),
        owner: owner.map(str::to_owned),
        name: "in.jsonl".into(),
        purpose: "batch".into(),
        bytes: text.len() as u64,
        created,
        expires: None,
    }
}

async fn a_file(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    // More than one statement and one transaction hold.
    let lines: Vec<String> = (0..700).map(|n| format!("{n} {}", "ä".repeat(n * 7 % 4_000))).collect();
    let text = lines.join("\n") + "\nno end";
    let large = file("file-large", Some("k1"), 10, &text);
    ledger.add_file(&large, &text).await.unwrap();
    assert_eq!(ledger.file("file-large").await.unwrap(), Some(large.clone()));
    let lines = ledger.file_lines("file-large", 0, 1_000).await.unwrap();
    assert_eq!(lines.iter().map(|(_, line)| line.as_str()).collect::<String>(), text);
    assert!(lines.iter().zip(0u64..).all(|((number, _), at)| *number == at));
    assert_eq!(ledger.file_lines("file-large", 699, 5).await.unwrap().len(), 2);
    for (id, owner, created) in [("file-a", "k1", 11), ("file-b", "k1", 11), ("file-c", "k2", 12)] {
        ledger.add_file(&file(id, Some(owner), created, "x\n"), "x\n").await.unwrap();
    }
    let mut old = file("file-old", Some("k1"), 5, "x");
    old.expires = Some(1);
    ledger.add_file(&old, "x").await.unwrap();
    let list = async |owner: Option<&str>, after: Option<&str>, limit, oldest_first| {
        let page = Page { owner: owner.map(Into::into), after: after.map(Into::into), limit, oldest_first };
        let found = ledger.files(&page, Some("batch")).await.unwrap();
        found.into_iter().map(|file| file.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 9, false).await, ["file-c", "file-b", "file-a", "file-large"], "none that expired");
    assert_eq!(list(Some("k1"), None, 2, false).await, ["file-b", "file-a"]);
    assert_eq!(list(Some("k1"), Some("file-a"), 2, false).await, ["file-large"]);
    assert_eq!(list(Some("k1"), Some("file-large"), 9, true).await, ["file-a", "file-b"]);
    assert!(ledger.delete_file("file-large").await.unwrap() && !ledger.delete_file("file-large").await.unwrap());
    assert!(ledger.file_lines("file-large", 0, 9).await.unwrap().is_empty());
    ledger.close().await;
}

async fn a_batch(url: &str) {
    let ledger = Ledger::open(url, LEASE).await.unwrap();
    let owner = key(&ledger, "batches", budget(10_000)).await;
    ledger.add_file(&file("file-in", Some(&owner), 20, "a\nb\n"), "a\nb\n").await.unwrap();
    let batch = StoredBatch {
        id: "batch_1".into(),
        owner: Some(owner.clone()),
        input: "file-in".into(),
        // Old ones are deleted by the ledger itself.
        created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs(),
        status: "in_progress".into(),
        cancelling: None,
        body: "0".into(),
    };
    ledger.add_batch(&batch).await.unwrap();
    assert!(ledger.is_read("file-in").await.unwrap() && !ledger.is_read("file-a").await.unwrap());
    assert!(ledger.take_batch("one", (100, 200), Some("batch_2")).await.unwrap().is_none());
    let (taken, held) = ledger.take_batch("one", (100, 200), None).await.unwrap().unwrap();
    assert_eq!((&taken, held.len()), (&batch, 0));
    assert!(ledger.take_batch("two", (150, 250), None).await.unwrap().is_none(), "its lease holds");
    // Two requests run; one ends with a result, the other one when its gateway dies.
    let line = |number, trace: &str| HeldLine { number, trace: trace.into(), cost: Cost::from_nano(90), tokens: 9 };
    for (number, trace) in [(0, "t0"), (1, "t1")] {
        assert!(ledger.begin_line(("batch_1", "one"), line(number, trace)).await.unwrap());
        assert!(!ledger.begin_line(("batch_1", "two"), line(number, trace)).await.unwrap(), "who does not hold it");
    }
    let end = |results: &'static [(u64, String)]| LineEnd {
        batch: "batch_1",
        file: "file-out",
        results,
        again: &[],
        body: "1",
    };
    let results: &'static [(u64, String)] = Box::leak(Box::new([(0, "done\n".to_owned())]));
    assert!(!ledger.end_lines("two", end(results)).await.unwrap());
    assert!(ledger.end_lines("one", end(results)).await.unwrap());
    assert!(ledger.end_lines("one", end(results)).await.is_err(), "a result is there once");
    assert_eq!(ledger.line_numbers(("file-out", "file-errors")).await.unwrap(), [0]);
    // What the request of the dead had spent: nothing, what it had claimed, or what was settled.
    assert_eq!(ledger.spent_at_most("t1").await.unwrap(), Some((Cost::default(), 0)));
    let claimed = ledger.claim(claim(&owner, "t1", 60)).await.unwrap();
    let second = ledger.claim(claim(&owner, "t1-1", 50)).await.unwrap();
    assert_eq!(ledger.spent_at_most("t1").await.unwrap(), Some((Cost::from_nano(110), 20)));
    claimed.settle(spent(7));
    settled(&ledger, &owner, 1).await;
    assert_eq!(ledger.spent_at_most("t1").await.unwrap(), Some((Cost::from_nano(57), 15)));
    drop(second);
    assert!(ledger.hold_batch("batch_1", "two", 300).await.unwrap().is_none());
    let (taken, held) = ledger.take_batch("two", (201, 300), None).await.unwrap().unwrap();
    assert_eq!((taken.body.as_str(), held), ("1", vec![line(1, "t1")]), "it says what ran");
    assert!(ledger.hold_batch("batch_1", "one", 300).await.unwrap().is_none());
    // Somebody cancels it while it is finished.
    assert!(ledger.cancel_batch("batch_1", 210).await.unwrap() && !ledger.cancel_batch("batch_1", 211).await.unwrap());
    let to = ("in_progress", "completed");
    assert!(!ledger.write_batch(("batch_1", "two"), to, "2", &[]).await.unwrap());
    assert_eq!(ledger.hold_batch("batch_1", "two", 300).await.unwrap().as_deref(), Some("cancelling"));
    let output = StoredFile { purpose: "batch_output".into(), ..file("file-out", Some(&owner), 20, "done\n") };
    let to = ("cancelling", "cancelled");
    assert!(ledger.write_batch(("batch_1", "two"), to, "2", std::slice::from_ref(&output)).await.unwrap());
    assert_eq!(ledger.file("file-out").await.unwrap(), Some(output));
    let ended = ledger.batch("batch_1").await.unwrap().unwrap();
    assert_eq!((ended.status.as_str(), ended.cancelling, ended.body.as_str()), ("cancelled", Some(210), "2"));
    assert!(ledger.take_batch("one", (999, 1_000), None).await.unwrap().is_none(), "nothing is left to do");
    assert_eq!(ledger.batches(&Page { owner: Some(owner), limit: 5, ..Page::default() }).await.unwrap(), [ended]);
    ledger.close().await;
}

pub(crate) async fn all(url: &str) {
    a_file(url).await;
    a_batch(url).await;
}
