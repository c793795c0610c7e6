//! `outthink serve`, in front of a scripted server.

use super::outthink;
use super::upstream::Upstream;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn a_request_is_answered_and_a_signal_ends_the_gateway() {
    let upstream = Upstream::start(&["The answer is 4."], Duration::ZERO);
    let mut child = outthink(&std::env::temp_dir())
        .args(["serve", "--port", "0", "--effort", "low", "--upstream", &upstream.url])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap().trim().trim_end_matches("/v1").to_owned();

    let body = r#"{"model": "scripted", "messages": [{"role": "user", "content": "2+2?"}]}"#;
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    assert!(reply.contains("The answer is 4.") && reply.contains("vote_share"), "{reply}");
    assert!(upstream.bodies().len() >= 2, "low effort draws several samples");

    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_taken_port_is_told() {
    let upstream = Upstream::start(&["hello"], Duration::ZERO);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output =
        outthink(&std::env::temp_dir()).args(["serve", "--port", &port, "--upstream", &upstream.url]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: choose another --port"));
}
