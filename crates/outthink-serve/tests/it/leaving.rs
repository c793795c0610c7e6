use crate::common::{Act, Scripted};
use crate::http::open;
use crate::{ask, gateway};
use outthink_core::Effort;
use outthink_serve::ServeOptions;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

/// Waits until `holds`, and how long that took.
async fn until(holds: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "it never came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
}

#[tokio::test]
async fn who_leaves_stops_all_work() {
    for stream in [false, true] {
        for effort in ["none", "low"] {
            let (address, engine) =
                gateway(|_, _| vec![Act::Content("Well, "), Act::Wait(Duration::from_mins(10))]).await;
            let body = ask(json!({"stream": stream, "reasoning_effort": effort})).to_string();
            let mut connection = open(address, "POST", "/v1/chat/completions", &body).await;
            until(|| engine.live() > 0).await;
            if stream {
                let mut some = [0; 64];
                assert!(connection.read(&mut some).await.unwrap() > 0);
            }
            drop(connection);
            let took = until(|| engine.live() == 0).await;
            assert!(took < Duration::from_millis(100), "stream {stream}, effort {effort}: {took:?}");
        }
    }
}

#[tokio::test]
async fn shutting_down_lets_requests_end() {
    let engine = Scripted::new("m", |_, _| {
        let mut acts = vec![Act::Wait(Duration::from_millis(300))];
        acts.extend(crate::common::says("done"));
        acts
    });
    let options = ServeOptions::new(vec![engine.clone()]).with_default_effort(Effort::None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(outthink_serve::serve(listener, options, async {
        let _ = stopped.await;
    }));
    let mut connection = open(address, "POST", "/v1/chat/completions", &ask(json!({})).to_string()).await;
    until(|| engine.live() > 0).await;
    stop.send(()).unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    assert!(reply.contains("\"done\""), "{reply}");
    served.await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
