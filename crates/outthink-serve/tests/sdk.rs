//! Other people's clients against the gateway: the official OpenAI SDKs for Python and Node; and,
//! where `OUTTHINK_CLIENTS=1` asks for the minutes that they take, Anthropic's SDK, Claude Code and Codex, LangChain,
//! instructor, the Vercel AI SDK and schemathesis over `/openapi.json`.
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

use common::shapes::by_shape;
use common::{Act, Scripted, by_request, serve, writes_and_runs};
use outthink_core::{Effort, FinishReason, SampleRequest};
use outthink_ledger::Ledger;
use outthink_serve::{Control, ServeOptions};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::process::Command;

const PYTHON_SDK: &str = "openai==3.54.0";
const ANTHROPIC_SDK: &str = "anthropic==2.14.0";
const AGENTS: [&str; 2] = ["@anthropic-ai/claude-code@2.1.197", "@openai/codex@0.171.0"];
const AGENTS_SDK: &[&str] = &["openai-agents==0.24.0", "pydantic-ai-slim[openai]==2.68.0"];
const NODE_SDK: &str = "openai@7.57.0";
const FRAMEWORKS: &[&str] = &["instructor==1.17.0", "langchain-openai==1.7.3"];
const VERCEL: [&str; 4] =
    ["ai@6.0.326", "@ai-sdk/openai-compatible@2.0.92", "@ai-sdk/openai@3.0.141", "@ai-sdk/anthropic@3.0.140"];
/// Other clients, each with what it needs.
const OTHERS: &[(&str, &[&str])] =
    &[("litellm", &["litellm==1.110.2"]), ("dspy", &["dspy==3.4.1"]), ("llm", &["llm==0.36"])];
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
const SCHEMAS: [&str; 5] =
    ["openai@7.57.0", "@anthropic-ai/sdk@1.14.0", "ts-json-schema-generator@2.4.0", "ajv@8.20.0", "typescript@7.0.2"];

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let Some(interpreter) = python_with("python-sdk", &[PYTHON_SDK]).await else { return };
    for name in ["python_sdk.py", "responses_sdk.py"] {
        run(Command::new(&interpreter).arg(script(name)), gateway().await).await;
    }
    run(Command::new(&interpreter).arg(script("batches_sdk.py")), gateway_with_ledger().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node() {
    let Some(home) = node_with("node-sdk", &[NODE_SDK]).await else { return };
    run(&mut node_script(&home, "node_sdk.mjs"), gateway().await).await;
}

/// A folder with these packages of npm; `None` where they cannot be had.
async fn node_with(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let home = scratch(name);
    let folder = home.display().to_string();
    let install = ["install", "--silent", "--no-audit", "--no-fund", "--prefix", &folder];
    let install: Vec<String> = install.iter().chain(packages).map(|&word| word.to_owned()).collect();
    prepare("npm", &install, &home).await.then_some(home)
}

/// A script of ours in that folder: a module finds its packages from where it lies.
fn node_script(home: &Path, name: &str) -> Command {
    let module = home.join(name);
    std::fs::copy(script(name), &module).unwrap();
    let mut node = Command::new("node");
    node.arg(module);
    node
}

/// Whether the clients that take minutes to install are wanted.
fn all_clients() -> bool {
    let wanted = std::env::var("OUTTHINK_CLIENTS").is_ok_and(|v| v == "1");
    if !wanted {
        println!("skipped: set OUTTHINK_CLIENTS=1 to install and run it");
    }
    wanted
}

/// A Python with these packages; `None` where it cannot be had.
async fn python_with(name: &str, packages: &[&str]) -> Option<PathBuf> {
    let home = scratch(name);
    let interpreter = home.join("bin/python");
    let venv = ["-m", "venv", &home.display().to_string()].map(str::to_owned);
    if !interpreter.exists() && !prepare("python3", &venv, &home).await {
        return None;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let install: Vec<String> = install.iter().chain(packages).map(|&word| word.to_owned()).collect();
    prepare(&interpreter.display().to_string(), &install, &home).await.then_some(interpreter)
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic() {
    if all_clients()
        && let Some(python) = python_with("python-anthropic", &[ANTHROPIC_SDK]).await
    {
        run(Command::new(python).arg(script("anthropic_sdk.py")), gateway().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_sdk() {
    if all_clients()
        && let Some(python) = python_with("python-agents", AGENTS_SDK).await
    {
        run(Command::new(python).arg(script("agents_sdk.py")), gateway().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frameworks() {
    if all_clients()
        && let Some(python) = python_with("python-frameworks", FRAMEWORKS).await
    {
        run(Command::new(python).arg(script("frameworks.py")), gateway().await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others() {
    if !all_clients() {
        return;
    }
    for (name, packages) in OTHERS {
        if let Some(python) = python_with(&format!("python-{name}"), packages).await {
            run(Command::new(python).arg(script("others.py")).arg(name), gateway().await).await;
            println!("{name}: works");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vercel() {
    if all_clients()
        && let Some(home) = node_with("node-vercel", &VERCEL).await
    {
        for name in ["vercel.mjs", "vercel_native.mjs"] {
            run(&mut node_script(&home, name), gateway().await).await;
        }
    }
}

/// Replies and events of streams, of each shape that there is, against the published schemas.
#[tokio::test(flavor = "multi_thread")]
async fn schemas() {
    if all_clients()
        && let Some(home) = node_with("node-schemas", &SCHEMAS).await
    {
        let options = ServeOptions::new(vec![Scripted::new("m", by_shape)]).with_default_effort(Effort::None);
        run(node_script(&home, "schemas.mjs").current_dir(&home), serve(options).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis() {
    if all_clients()
        && let Some(python) = python_with("python-schemathesis", &[SCHEMATHESIS]).await
    {
        let command = python.with_file_name("schemathesis");
        let url = format!("http://{}/openapi.json", gateway().await);
        let mut words = Command::new(command);
        words.args(["run", &url, "--checks", "not_a_server_error", "--max-examples", "60", "--seed", "1"]);
        let output = words.output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Claude Code and Codex, each in a folder of its own: a file is written, run, and what it prints is the answer. Every
/// turn costs one sample, though both name an effort.
#[tokio::test(flavor = "multi_thread")]
async fn agents() {
    if !all_clients() {
        return;
    }
    let Some(home) = node_with("node-agents", &AGENTS).await else { return };
    for (agent, words) in [
        ("claude", "-p --permission-mode acceptEdits --allowedTools Bash,Write --output-format text"),
        ("codex", "exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox"),
        ("codex, reasoning", "exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox"),
    ] {
        let program = agent.split(',').next().unwrap();
        let folder = scratch(&format!("agent-{program}"));
        let file = folder.join("x.py");
        let _ = std::fs::remove_file(&file);
        let path = file.display().to_string();
        let engine = Scripted::new("m", move |_, request| writes_and_runs(&path, request));
        let asked = engine.clone();
        let address = serve(ServeOptions::new(vec![engine])).await;
        let mut command = Command::new(home.join("node_modules/.bin").join(program));
        command.args(words.split(' ')).current_dir(&folder).stdin(std::process::Stdio::null());
        if agent == "claude" {
            command.env("ANTHROPIC_BASE_URL", format!("http://{address}")).env("ANTHROPIC_API_KEY", "none");
            command.env("ANTHROPIC_MODEL", "m").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
            command.env("IS_SANDBOX", "1").env("HOME", &folder);
        } else {
            let provider = format!(
                "model_providers.o={{name=\"o\",base_url=\"http://{address}/v1\",env_key=\"KEY\",wire_api=\"responses\"}}"
            );
            command.args(["-c", "model=m", "-c", "model_provider=o", "-c", &provider]).env("KEY", "none");
            if agent == "codex, reasoning" {
                let reasons = ["-c", "model_supports_reasoning_summaries=true", "-c", "model_reasoning_effort=high"];
                command.args(reasons);
            }
            command.env("CODEX_HOME", &folder);
        }
        let output = command.arg("Write x.py that prints 17*23 and run it.").output().await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains("Done: it prints 391."), "{agent}: {out}\n{err}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "print(17 * 23)\n", "{agent}");
        let requests = asked.requests();
        assert_eq!(requests.len(), 3, "{agent}: one sample for each of three turns");
        if agent == "codex, reasoning" {
            // It keeps the conversation itself: the reasoning comes back in what it was given to carry.
            let messages = &requests[2].prompt.messages;
            let reasoning: Vec<&str> = messages.iter().filter_map(|m| m["reasoning_content"].as_str()).collect();
            assert_eq!(reasoning, ["step 0", "step 1"], "{messages:?}");
        }
    }
}

/// Calls `add` with what the last call gave, nine times, then answers; reasons in every turn.
fn adds(_: usize, request: &SampleRequest) -> Vec<Act> {
    let results = request.prompt.messages.iter().filter(|m| m["role"] == "tool").count();
    let mut acts = vec![Act::reasoning(format!("turn {results}"))];
    if results == 9 {
        acts.extend([Act::content("The answer is 9."), Act::End(FinishReason::Stop)]);
    } else {
        let call = json!({"tool_calls": [{"index": 0, "id": format!("call_{results}"), "type": "function",
            "function": {"name": "add", "arguments": json!({"n": results}).to_string()}}]});
        acts.extend([Act::Extra(call), Act::End(FinishReason::ToolCalls)]);
    }
    acts
}

/// A tool loop of ten turns through each SDK, at the gateway's own default: whether to compare is decided once, so each
/// turn is one sample, and what the engine is sent in one turn begins with all of the turn before, byte by byte, so that
/// prefix caches hold.
#[tokio::test(flavor = "multi_thread")]
async fn tool_loops_of_ten_turns() {
    if !all_clients() {
        return;
    }
    let python = [
        ("python-sdk", vec![PYTHON_SDK], vec!["openai_chat", "openai_responses", "openai_responses_whole"]),
        ("python-anthropic", vec![ANTHROPIC_SDK], vec!["anthropic"]),
        ("python-agents", AGENTS_SDK.to_vec(), vec!["agents", "pydantic_ai"]),
        ("python-frameworks", FRAMEWORKS.to_vec(), vec!["langchain"]),
    ];
    for (home, packages, names) in python {
        let Some(interpreter) = python_with(home, &packages).await else { continue };
        for name in names {
            one_loop(name, Command::new(&interpreter).arg(script("loops.py")).arg(name)).await;
        }
    }
    let node = [
        ("node-sdk", vec![NODE_SDK], vec!["openai"]),
        ("node-vercel", VERCEL.to_vec(), vec!["vercel_compatible", "vercel_openai", "vercel_anthropic"]),
    ];
    for (name, packages, names) in node {
        let Some(home) = node_with(name, &packages).await else { continue };
        for name in names {
            one_loop(name, node_script(&home, "loops.mjs").arg(name)).await;
        }
    }
}

async fn one_loop(name: &str, client: &mut Command) {
    let engine = Scripted::new("m", adds);
    let asked = engine.clone();
    run(client, serve(ServeOptions::new(vec![engine])).await).await;
    let requests = asked.requests();
    assert_eq!(requests.len(), 10, "{name}: one request to the engine for each turn");
    assert!(requests.iter().all(|r| r.seeds.len() == 1), "{name}: one sample for each turn");
    let sent: Vec<Vec<String>> =
        requests.iter().map(|r| r.prompt.messages.iter().map(ToString::to_string).collect()).collect();
    for (turn, pair) in sent.windows(2).enumerate() {
        assert!(pair[1].len() > pair[0].len(), "{name}, turn {turn}");
        assert_eq!(pair[0], pair[1][..pair[0].len()], "{name}: turn {} begins with turn {turn}", turn + 1);
    }
    let tools: Vec<String> = requests.iter().map(|r| r.prompt.extra["tools"].to_string()).collect();
    assert!(tools.windows(2).all(|pair| pair[0] == pair[1]), "{name}: the tools stay as they are");
    println!("{name}: ten turns, ten samples, every prefix kept");
}

async fn gateway() -> SocketAddr {
    serve(usual()).await
}

/// As [`gateway`], where files and batches can be kept.
async fn gateway_with_ledger() -> SocketAddr {
    let ledger = Ledger::open("sqlite::memory:", 60).await.unwrap();
    let options = ServeOptions { control: Arc::new(Control::new().with_ledger(ledger)), ..usual() };
    serve(options).await
}

fn usual() -> ServeOptions {
    ServeOptions::new(vec![Scripted::new("m", by_request)]).with_default_effort(Effort::None)
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
