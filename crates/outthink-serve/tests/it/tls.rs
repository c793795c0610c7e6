//! HTTPS with a certificate that is made for the test; skipped where there is no `openssl` to make it.

use crate::common::{Scripted, says};
use outthink_core::Effort;
use outthink_serve::config::Tls;
use outthink_serve::{Limits, ServeOptions, Service, acceptor};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A key and a certificate for `localhost`, signed by itself.
fn certificate(name: &str) -> Option<Tls> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (key, certificate) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.pem")));
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
                 -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    let mut openssl = Command::new("openssl");
    openssl.args(words.split_whitespace()).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    match openssl.output() {
        Ok(output) if output.status.success() => Some(Tls { certificate, key }),
        Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            println!("skipped: no certificate can be made: openssl: {error}");
            None
        }
    }
}

async fn serve(tls: &Tls) -> SocketAddr {
    let limits = Limits { head: Duration::from_millis(300), ..Limits::default() };
    let engine = Scripted::new("m", |_, _| says("4"));
    let options = ServeOptions { limits, ..ServeOptions::new(vec![engine]).with_default_effort(Effort::None) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = acceptor(tls).unwrap();
    tokio::spawn(async move { Service::new(options).serve(listener, Some(tls), std::future::pending()).await });
    address
}

/// Asks a question by HTTPS; what fails is the handshake.
async fn ask(address: SocketAddr, trusted: Option<&Tls>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    if let Some(tls) = trusted {
        roots.add(CertificateDer::from_pem_file(&tls.certificate).unwrap()).unwrap();
    }
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
    let body = r#"{"messages":[{"role":"user","content":"2+2?"}]}"#;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    Ok(reply)
}

#[tokio::test]
async fn who_trusts_the_certificate_is_answered_and_nobody_else() {
    let (Some(mine), Some(other)) = (certificate("mine"), certificate("other")) else { return };
    let address = serve(&mine).await;
    let reply = ask(address, Some(&mine)).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("\"content\":\"4\""), "{reply}");
    assert!(ask(address, None).await.is_err());
    assert!(ask(address, Some(&other)).await.is_err());
}

#[tokio::test]
async fn what_is_no_handshake_or_dawdles_is_closed_and_others_are_served() {
    let Some(tls) = certificate("dawdled") else { return };
    let address = serve(&tls).await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nhost: t\r\n\r\n").await.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let (began, mut bytes) = (Instant::now(), Vec::new());
    let _ = plain.read_to_end(&mut bytes).await;
    assert!(!bytes.starts_with(b"HTTP"), "plain HTTP is not answered");
    let _ = silent.read_to_end(&mut bytes).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(ask(address, Some(&tls)).await.unwrap().starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_key_of_another_certificate_is_refused_at_the_start() {
    let (Some(one), Some(two)) = (certificate("one"), certificate("two")) else { return };
    let mixed = Tls { certificate: one.certificate, key: two.key };
    let words = acceptor(&mixed).err().unwrap().to_string();
    assert!(words.contains("one.pem"), "{words}");
}

#[tokio::test]
async fn http_2_is_spoken_where_the_client_offers_it() {
    let Some(tls) = certificate("two-protocols") else { return };
    let address = serve(&tls).await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&tls.certificate).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // The client's preface and empty settings; the server answers with its own settings, a frame of type 4.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "{frame:?}");
    // A request by indexed headers: GET, https, /, and the authority `t`; it is answered by headers, type 1.
    stream.write_all(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x87\x84\x41\x01t").await.unwrap();
    let mut rest = [0; 512];
    let mut seen = Vec::new();
    while !seen.windows(9).any(|w| w[3] == 1 && w[5..9] == [0, 0, 0, 1]) {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut rest)).await.unwrap().unwrap();
        assert!(read > 0, "{seen:?}");
        seen.extend_from_slice(&rest[..read]);
    }
}
