//! Many streams at one time.

use crate::{resident, storm};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

/// Holds `count` streams at a gateway, and looks at the memory of its process.
pub(crate) async fn run(count: u64, address: SocketAddr, pid: &str) {
    let before = resident(pid);
    let began = Arc::new(AtomicU64::new(0));
    let all_began = Arc::new(tokio::sync::Notify::new());
    let mut running = JoinSet::new();
    for number in 0..count {
        let (began, all_began) = (Arc::clone(&began), Arc::clone(&all_began));
        running.spawn(async move {
            let body = json!({"model": "fake", "stream": true, "max_tokens": 1000, "seed": number,
                "stream_options": {"include_usage": true},
                "messages": [{"role": "user", "content": "What is 2+2?"}]});
            let mut stream = storm::send(address, &body).await.map_err(|e| e.to_string())?;
            let mut bytes = vec![0; 1024];
            let read = stream.read(&mut bytes).await.map_err(|e| e.to_string())?;
            bytes.truncate(read);
            if began.fetch_add(1, Relaxed) + 1 == count {
                all_began.notify_one();
            }
            stream.read_to_end(&mut bytes).await.map_err(|e| e.to_string())?;
            let text = String::from_utf8(bytes).map_err(|e| e.to_string())?;
            storm::judge(&text).map_err(str::to_owned)
        });
    }
    let wait = tokio::time::timeout(Duration::from_mins(1), all_began.notified()).await;
    let held = resident(pid);
    println!(
        "{} of {count} streams began{}; memory {:.1} MB before, {:.1} MB with them: {:.1} KB a stream",
        began.load(Relaxed),
        if wait.is_err() { " within 60 s" } else { "" },
        before as f64 / 1024.0,
        held as f64 / 1024.0,
        held.saturating_sub(before) as f64 / began.load(Relaxed).max(1) as f64,
    );
    let (mut complete, mut failed) = (0, Vec::new());
    while let Some(ended) = running.join_next().await {
        match ended.unwrap() {
            Ok(ending) if ending.error.is_none() => complete += 1,
            Ok(ending) => failed.extend(ending.error),
            Err(what) => failed.push(what),
        }
    }
    failed.sort();
    failed.dedup();
    println!(
        "{complete} ended complete{}",
        if failed.is_empty() { String::new() } else { format!("; failures: {failed:?}") }
    );
}
