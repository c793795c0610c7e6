//! `outthink ask`, against a scripted server and, where there is one, an embedded model.

use super::upstream::Upstream;
use super::{outthink, run};
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const AT_ONCE: Duration = Duration::ZERO;

fn ask(upstream: &Upstream, args: &[&str]) -> Command {
    let mut command = outthink(&std::env::temp_dir());
    command.args(["ask", "--upstream", &upstream.url]).args(args);
    command
}

#[test]
fn a_vote_is_taken_and_accounted_for() {
    let upstream = Upstream::start(&["The answer is 4."], AT_ONCE);
    let output = ask(&upstream, &["2+2?", "--json", "--price-input", "1", "--price-output", "2"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["answer"]["text"], "4");
    assert_eq!(outcome["confidence"]["vote_share"], 1.0);
    let drawn = outcome["samples_drawn"].as_u64().unwrap();
    assert!(drawn >= 2);
    assert!(outcome["cost"].as_u64().unwrap() > 0);
    let bodies = upstream.bodies();
    assert_eq!(bodies.len() as u64, drawn);
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(body["messages"][1]["content"], "2+2?");
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("step by step"));
}

#[test]
fn a_program_is_run_and_its_error_goes_back_to_the_model() {
    let right = "```python\ndef solution():\n    pens = 7 * 12\n    return pens - 9\n```";
    let upstream = Upstream::start(&["```python\ndef solution():\n    return pens - 9\n```", right], AT_ONCE);
    let question = "Tom has 7 boxes of 12 pens and gives 9 pens away. How many pens are left?";
    let plan = ["--strategy", "program", "--samples", "2", "--target-confidence", "0.6", "--set", "kinds=program"];
    let output = ask(&upstream, &[question, "--json"]).args(plan).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if stderr.contains("code is not run here") {
        assert_eq!(upstream.bodies().len(), 0, "nothing is bought whose programs cannot be run");
        eprintln!("skipped: {stderr}");
        return;
    }
    assert!(output.status.success(), "{stderr}");
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&outcome["answer"]["text"], &outcome["answer"]["kind"]), (&"75".into(), &"program".into()));
    assert!(outcome["content"].as_str().unwrap().ends_with("\\boxed{75}."));
    assert_eq!(outcome["samples"][0]["program"]["outcome"], "error");
    let turn = outcome["samples"][1]["turn"].as_str().unwrap();
    assert!(turn.contains("name 'pens' is not defined (line 2)"), "{turn}");
    let body: Value = serde_json::from_str(&upstream.bodies()[1]).unwrap();
    let messages = body["messages"].as_array().unwrap();
    assert_eq!(messages.last().unwrap()["content"], turn);
    assert!(messages[0]["content"].as_str().unwrap().starts_with(question), "our system message gives way");
}

#[test]
fn a_model_that_reads_the_candidates_names_one() {
    let choice = r#"{"comparison": "The second is warmer.", "winner": "B"}"#;
    let upstream = Upstream::start(&["Come, please.", "Do come, we would be so glad.", choice], AT_ONCE);
    let plan = ["--strategy", "select", "--samples", "2", "--set", "readings=1"];
    let output = ask(&upstream, &["Write an invitation.", "--json"]).args(plan).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["stop"], "selected");
    let reading = &outcome["samples"][2];
    assert_eq!((&reading["role"], &reading["reads"][1]), (&"selection".into(), &outcome["chosen"]));
    assert_eq!(outcome["usage"]["completion"], 21, "the reading is on the bill");
    let body: Value = serde_json::from_str(&upstream.bodies()[2]).unwrap();
    assert_eq!(body["response_format"]["type"], "json_schema");
}

#[test]
fn the_report_names_its_numbers() {
    let upstream = Upstream::start(&["The answer is 4."], AT_ONCE);
    let output = ask(&upstream, &["2+2?", "--trace"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["The answer is 4.", "answer      4", "% of the votes", "bought", "stopped", "took"] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    assert!(!text.contains("cost"), "no price was set: {text}");
}

#[test]
fn effort_none_buys_one_sample_and_reads_standard_input() {
    let upstream = Upstream::start(&["Hello."], AT_ONCE);
    let mut command = ask(&upstream, &["-", "--effort", "none", "--json", "--system", ""]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"say hello\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["content"], "Hello.");
    let bodies = upstream.bodies();
    assert_eq!(bodies.len(), 1);
    let body: Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(body["messages"][0]["content"], "say hello");
}

#[test]
fn a_server_that_is_not_there_is_a_failure_with_one_line() {
    let output = run(&["ask", "q", "--upstream", "http://127.0.0.1:9/v1"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: ") && !stderr.contains("panicked"), "{stderr}");
}

#[test]
fn ctrl_c_prints_the_best_so_far() {
    let upstream = Upstream::start(&["The answer is 4."], Duration::from_secs(20));
    let child = ask(&upstream, &["2+2?"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(1500));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("cancelled"), "{text}");
}

/// Needs `smollm2-135m` in the cache; skips without it.
#[cfg(feature = "llama")]
#[test]
fn an_embedded_model_answers() {
    let mut path = Command::new(env!("CARGO_BIN_EXE_outthink"));
    let output = path.args(["models", "path", "smollm2-135m"]).output().unwrap();
    if !output.status.success() {
        eprintln!("skipped: smollm2-135m is not in the cache (`outthink models pull smollm2-135m`)");
        return;
    }
    let model = String::from_utf8(output.stdout).unwrap();
    let output = outthink(&std::env::temp_dir())
        .args(["ask", "What is 2+2?", "--model", model.trim()])
        .args(["--samples", "2", "--max-tokens", "24", "--threads", "1", "--json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(outcome["usage"]["completion"].as_u64().unwrap() > 0);
}
