//! A steady pace: requests go out by the clock, whatever becomes of those before.
//!
//! Threads with blocking sockets, because a timer that counts milliseconds cannot time them.

use crate::resident;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

/// Connections, and so requests at one time at most; others wait, and their wait counts.
const CLIENTS: usize = 128;

/// A request that is due.
type Due = (Instant, bool);

/// Seconds of one reply, or what went wrong.
type Took = std::result::Result<f64, String>;

/// Asks `rate` times a second for `seconds`, and prints how long replies took.
pub(crate) fn run(rate: u64, seconds: u64, address: &str, stream: bool) {
    let began = Instant::now();
    let took = paced(rate, seconds, address, |_| stream, |_| {});
    tell(&took, began.elapsed());
}

/// As [`run`], whole and streamed in turns; the memory of process `pid` is looked at every 5 s.
pub(crate) fn soak(rate: u64, seconds: u64, address: &str, pid: &str) {
    let began = Instant::now();
    let mut memory: Vec<(f64, f64)> = Vec::new();
    let look = |elapsed: Duration| {
        if elapsed.as_secs() >= 5 * memory.len() as u64 {
            memory.push((elapsed.as_secs_f64() / 60.0, resident(pid) as f64));
        }
    };
    let took = paced(rate, seconds, address, |n| n % 2 == 1, look);
    tell(&took, began.elapsed());
    // The first fifth fills pools and buffers.
    let kept = &memory[memory.len() / 5..];
    let megabytes = |place: Option<&(f64, f64)>| place.map_or(0.0, |p| p.1 / 1024.0);
    println!(
        "memory     {:.1} MB at the start, {:.1} MB after a fifth, {:.1} MB at the end; slope of the last four fifths {:+.1} KB a minute ({} readings)",
        megabytes(memory.first()),
        megabytes(kept.first()),
        megabytes(kept.last()),
        slope(kept),
        kept.len(),
    );
}

/// The slope of the least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let across: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    across / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}

fn tell(took: &[Took], elapsed: Duration) {
    let mut seconds: Vec<f64> = took.iter().filter_map(|t| t.as_ref().ok().copied()).collect();
    seconds.sort_by(f64::total_cmp);
    let mut wrong: Vec<&String> = took.iter().filter_map(|t| t.as_ref().err()).collect();
    let failures = wrong.len();
    wrong.sort();
    wrong.dedup();
    let at = |share: f64| 1e3 * seconds.get(((seconds.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(0.0);
    println!(
        "{:>9.0}/s  p50 {:.2} ms  p90 {:.2} ms  p99 {:.2} ms  longest {:.2} ms  {failures} failures {wrong:?}",
        seconds.len() as f64 / elapsed.as_secs_f64(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
    );
}

fn paced(
    rate: u64,
    seconds: u64,
    address: &str,
    stream: impl Fn(u64) -> bool,
    mut look: impl FnMut(Duration),
) -> Vec<Took> {
    let (due, dues) = channel();
    let (tell, told) = channel();
    let clients: Vec<JoinHandle<()>> = {
        let dues = Arc::new(Mutex::new(dues));
        let client = |_| {
            let (address, dues, tell) = (address.to_owned(), Arc::clone(&dues), tell.clone());
            spawn(move || client(&address, &dues, &tell))
        };
        (0..CLIENTS).map(client).collect()
    };
    drop(tell);
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        let at = began + Duration::from_nanos(number * 1_000_000_000 / rate);
        sleep(at.saturating_duration_since(Instant::now()));
        // From now on the clock of this request runs: a late start of ours is not the gateway's.
        let _ = due.send((Instant::now(), stream(number)));
        number += 1;
        look(began.elapsed());
    }
    drop(due);
    for client in clients {
        client.join().unwrap();
    }
    told.into_iter().collect()
}

fn client(address: &str, dues: &Mutex<Receiver<Due>>, tell: &Sender<Took>) {
    let mut connection = None;
    loop {
        let next = dues.lock().unwrap().recv();
        let Ok((due, stream)) = next else { return };
        let reply = ask(address, &mut connection, stream);
        if reply.is_err() {
            connection = None;
        }
        let _ = tell.send(reply.map(|()| due.elapsed().as_secs_f64()).map_err(|error| error.to_string()));
    }
}

/// Sends a request and reads its reply.
fn ask(address: &str, connection: &mut Option<TcpStream>, stream: bool) -> Result<()> {
    let stream = if stream { ",\"stream\":true" } else { "" };
    let body = format!(
        "{{\"model\":\"fake\",\"messages\":[{{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"}},\
         {{\"role\":\"user\",\"content\":\"What is the capital of France, and how many people live there?\"}}],\
         \"max_tokens\":64{stream}}}"
    );
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let socket = if let Some(socket) = connection {
        socket
    } else {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        connection.insert(socket)
    };
    socket.write_all((head + &body).as_bytes())?;
    let bad = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    loop {
        let read = socket.read(&mut piece)?;
        if read == 0 {
            return Err(bad("the reply was cut"));
        }
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err(bad(head.lines().next().unwrap_or_default()));
        }
        let length = head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        let whole = match length {
            Some(length) => bytes.len() >= end + 4 + length,
            None => bytes.ends_with(b"\r\n0\r\n\r\n"),
        };
        if whole {
            return Ok(());
        }
    }
}
