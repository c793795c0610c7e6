//! `outthink mcp`: a call by hand, and by the official SDK for Python.
//!
//! The SDK comes from PyPI, so that part is skipped unless `OUTTHINK_CLIENTS=1` asks for it.
#![cfg(all(feature = "llama", feature = "mcp"))]

use super::recipe::python_with;
use super::{outthink, report};
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What the server says to these messages on standard input, by their numbers.
fn told(flags: &[&str], calls: &[Value]) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let opening =
        json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let mut messages = vec![
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": opening}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    ];
    messages.extend(calls.iter().zip(1..).map(|(arguments, id)| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "ask", "arguments": arguments}})
    }));
    let mut server = outthink(home.path())
        .args(["mcp", "--model", "desk", "--threads", "1"])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = server.stdin.take().unwrap();
    for message in messages {
        writeln!(input, "{message}").unwrap();
    }
    drop(input);
    let output = server.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", report(&output, home.path()));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    let replies: Result<Vec<Value>, _> = lines.collect();
    let mut replies = replies.unwrap();
    replies.sort_by_key(|reply| reply["id"].as_u64());
    replies
}

#[test]
fn a_call_is_answered_with_its_bill() {
    let replies = told(&[], &[json!({"question": "8*5+7 mod 11", "effort": "high"})]);
    let result = &replies[1]["result"];
    assert_eq!(result["isError"], false, "{result}");
    let facts = &result["structuredContent"];
    // 40 = 7 and 14 = 3 (mod 11).
    assert_eq!(facts["answer"], "3", "{facts}");
    assert!(facts["samples"].as_u64() > Some(1) && facts["usage"]["completion_tokens"].as_u64() > Some(0), "{facts}");
    assert_eq!(facts["votes"][0]["answer"], "3");
    assert!(result["content"][0]["text"].as_str().unwrap().contains('3'));
}

#[test]
fn budgets_of_a_call_and_of_all_calls_hold() {
    let question = "8*5+7 mod 11";
    let replies = told(&["--effort", "high"], &[json!({"question": question, "budget_tokens": 20})]);
    let facts = &replies[1]["result"]["structuredContent"];
    assert!(facts["usage"]["completion_tokens"].as_u64() <= Some(20), "{facts}");
    // All at once: what one claims the others do not find.
    let calls: Vec<Value> = (0..8).map(|_| json!({"question": question, "budget_tokens": 30})).collect();
    let replies = told(&["--effort", "high", "--total-tokens", "60"], &calls);
    let generated = |r: &Value| r["result"]["structuredContent"]["usage"]["completion_tokens"].as_u64().unwrap_or(0);
    let spent: u64 = replies.iter().map(generated).sum();
    assert!(spent > 0 && spent <= 60, "{replies:?}");
    let refused = replies.iter().filter(|r| r["result"]["isError"] == true).count();
    assert!(refused > 0, "{replies:?}");
    let flag = ["--effort", "none", "--samples", "5"];
    let home = tempfile::tempdir().unwrap();
    let output = outthink(home.path()).args(["mcp", "--model", "desk"]).args(flag).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", report(&output, home.path()));
}

const BY_THE_SDK: &str = r#"
import asyncio, sys
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

async def main(program):
    server = StdioServerParameters(command=program, args=["mcp", "--model", "desk", "--threads", "1"])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        assert [t.name for t in tools] == ["ask"], tools
        heard = []
        async def progress(done, total, message):
            heard.append((done, total))
        result = await session.call_tool(
            "ask", {"question": "8*5+7 mod 11", "effort": "high"}, progress_callback=progress)
        # The SDK itself checks the structured content by the tool's output schema.
        assert not result.is_error and result.structured_content["answer"] == "3", result
        assert heard and heard == sorted(heard), heard
        wrong = await session.call_tool("ask", {"question": "8*5+7 mod 11", "budget_tokens": 0})
        assert wrong.is_error, wrong
        print("answered", result.structured_content["answer"], "after", result.structured_content["samples"], "samples")

asyncio.run(main(sys.argv[1]))
"#;

#[test]
fn the_official_sdk_for_python_asks() {
    let Some(python) = python_with("mcp", "mcp==2.3.0") else { return };
    let output = Command::new(python).args(["-c", BY_THE_SDK, env!("CARGO_BIN_EXE_outthink")]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("answered 3"), "{text}");
}
