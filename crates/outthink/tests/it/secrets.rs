//! Secrets and texts: where they may be, and where they never are.

use super::gateway::{Client, Gateway, folder, make_key};
use super::upstream::Upstream;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PROMPT: &str = "canary-prompt-7d1f";
const ANSWER: &str = "canary-answer-52ac. The answer is 4.";

/// A collector of OpenTelemetry traces; what it was sent.
fn collector() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let length = head.to_lowercase().lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            seen.lock().unwrap().push(format!("{head}{}", String::from_utf8(body).unwrap()));
            let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        }
    });
    (url, bodies)
}

fn ask(client: &mut Client) -> String {
    let body = serde_json::json!({"messages": [{"role": "user", "content": PROMPT}], "reasoning_effort": "low"});
    let reply = client.send("POST", "/v1/chat/completions", &body.to_string()).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()["outthink"]["trace_id"].as_str().unwrap().to_owned()
}

#[test]
fn no_secret_and_no_text_is_in_logs_errors_traces_or_metrics() {
    let upstream = Upstream::start(&[ANSWER], Duration::ZERO);
    let (otlp, spans) = collector();
    for form in ["text", "json"] {
        let more = format!(
            "[keys]\nmode = \"required\"\nledger = \"sqlite:ledger.db\"\n[observability]\nlog = \"{form}\"\nlevel = \"debug\"\n\
             [observability.otlp]\nendpoint = \"{otlp}\"\n"
        );
        let folder = folder(&upstream.url, &more);
        let file = folder.path().join("outthink.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(folder.path().join("upstream.key"), "canary-upstream-key").unwrap();
        std::fs::write(&file, text.replace("name = \"fake\"\n", "name = \"fake\"\nkey_file = \"upstream.key\"\n"))
            .unwrap();
        let key = make_key(folder.path(), "root", &["--admin"]);
        let gateway = Gateway::start(folder.path(), &[]);
        let mut client = Client::new(&gateway.address, Some(&key));
        let trace = ask(&mut client);
        let mut told = client.get("/metrics").unwrap().body;
        assert!(told.contains("outthink_tokens_total{model=\"scripted\",kind=\"generated\"}"), "{told}");
        told += &client.get(&format!("/v1/outthink/traces/{trace}")).unwrap().body;
        told += &client.get("/outthink/state").unwrap().body;
        told += &client.get("/outthink/keys").unwrap().body;
        told += &client.get(&format!("/v1/outthink/records/{trace}")).unwrap().body;
        told += &client.send("POST", "/v1/chat/completions", "{\"messages\": \"canary-prompt-7d1f\"}").unwrap().body;
        let stranger = Client::new(&gateway.address, Some("canary-wrong-key")).get("/v1/models").unwrap();
        assert_eq!(stranger.status, 401);
        told += &stranger.body;
        for _ in 0..100 {
            if spans.lock().unwrap().iter().any(|s| s.contains(&trace)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let sent = spans.lock().unwrap().join("\n");
        assert!(sent.contains("gen_ai.usage.output_tokens") && sent.contains(&trace), "{sent}");
        gateway.until_said(&trace);
        let log = gateway.log.lock().unwrap().clone();
        for (place, text) in [("replies", &told), ("spans", &sent), ("log", &log)] {
            for secret in ["canary", key.as_str()] {
                assert!(!text.contains(secret), "{secret} is in the {form} {place}: {text}");
            }
        }
    }
}

#[test]
fn what_a_key_asked_is_seen_by_it_and_by_administrators_alone() {
    let upstream = Upstream::start(&[ANSWER], Duration::ZERO);
    let folder = folder(&upstream.url, "[keys]\nmode = \"required\"\nledger = \"sqlite:ledger.db\"\n");
    let keys =
        [("mine", &[][..]), ("other", &[]), ("root", &["--admin"])].map(|(n, more)| make_key(folder.path(), n, more));
    let gateway = Gateway::start(folder.path(), &[]);
    let mut clients = keys.map(|key| Client::new(&gateway.address, Some(&key)));
    let trace = format!("/v1/outthink/traces/{}", ask(&mut clients[0]));
    let body = serde_json::json!({"input": PROMPT, "reasoning": {"effort": "none"}});
    let made = clients[0].send("POST", "/v1/responses", &body.to_string()).unwrap();
    let response = format!("/v1/responses/{}", made.json()["id"].as_str().unwrap());
    for path in [trace, response] {
        let seen = [0, 1, 2].map(|who: usize| clients[who].get(&path).unwrap().status);
        assert_eq!(seen, [200, 404, 200], "{path}");
    }
}

#[test]
fn texts_are_kept_as_told_and_no_longer() {
    let upstream = Upstream::start(&[ANSWER], Duration::ZERO);
    for store in ["hash", "full"] {
        // 0.0008 hours are 2.88 seconds.
        let more = format!(
            "[keys]\nledger = \"sqlite:ledger.db\"\n[privacy]\nstore = \"{store}\"\nretention_hours = 0.0008\n"
        );
        let folder = folder(&upstream.url, &more);
        let gateway = Gateway::start(folder.path(), &["--log", "off"]);
        let mut client = Client::new(&gateway.address, None);
        let trace = ask(&mut client);
        let path = format!("/v1/outthink/records/{trace}");
        let mut kept = client.get(&path).unwrap();
        for _ in 0..40 {
            if kept.status == 200 {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
            kept = client.get(&path).unwrap();
        }
        assert_eq!(kept.status, 200, "{store}: {}", kept.body);
        assert_eq!(kept.body.contains("canary"), store == "full", "{store}: {}", kept.body);
        std::thread::sleep(Duration::from_millis(3_500));
        assert_eq!(client.get(&path).unwrap().status, 404, "{store}");
    }
}
