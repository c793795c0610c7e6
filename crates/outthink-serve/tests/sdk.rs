//! The official OpenAI SDKs for Python and Node against the gateway.
//!
//! They are installed, in pinned versions, into a scratch folder of the build. Where the language or
//! its package registry is missing, the test says so and passes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests may fail loudly and say what they skip"
)]

#[allow(dead_code, reason = "shared with the other test binary")]
mod common;

use common::{Scripted, by_request, serve};
use outthink_core::Effort;
use outthink_serve::ServeOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::process::Command;

const PYTHON_SDK: &str = "openai==3.54.0";
const NODE_SDK: &str = "openai@7.57.0";

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let home = scratch("python-sdk");
    let interpreter = home.join("bin/python");
    let venv = ["-m", "venv", &home.display().to_string()].map(str::to_owned);
    if !interpreter.exists() && !prepare("python3", &venv, &home).await {
        return;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYTHON_SDK].map(str::to_owned);
    if !prepare(&interpreter.display().to_string(), &install, &home).await {
        return;
    }
    run(Command::new(interpreter).arg(script("python_sdk.py")), gateway().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node() {
    let home = scratch("node-sdk");
    let install = ["install", "--silent", "--no-audit", "--no-fund", "--prefix", &home.display().to_string(), NODE_SDK];
    if !prepare("npm", &install.map(str::to_owned), &home).await {
        return;
    }
    // A module finds its packages from where it lies.
    let module = home.join("node_sdk.mjs");
    std::fs::copy(script("node_sdk.mjs"), &module).unwrap();
    run(Command::new("node").arg(module), gateway().await).await;
}

async fn gateway() -> SocketAddr {
    let engine = Scripted::new("m", by_request);
    serve(ServeOptions::new(vec![engine]).with_default_effort(Effort::None)).await
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(name)
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a step of the installation; where it is not possible, says why.
async fn prepare(program: &str, arguments: &[String], folder: &Path) -> bool {
    let why = match Command::new(program).args(arguments).current_dir(folder).output().await {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("skipped: {program} {} failed: {why}", arguments.join(" "));
    false
}

async fn run(command: &mut Command, address: SocketAddr) {
    // A proxy of the environment must not come between.
    for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    let output = command.env("BASE_URL", format!("http://{address}/v1")).output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.ends_with("all well\n"), "{out}\n{err}");
}
