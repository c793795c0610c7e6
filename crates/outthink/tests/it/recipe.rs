//! The recipe for TRL, run: GRPO on the processor with the gateway's verifier as the reward.
//!
//! TRL brings PyTorch, some 5 GB with what PyPI's wheels need, so it is installed where
//! `OUTTHINK_CLIENTS=1` asks for it, into a scratch folder of the build that later runs find again.

use super::gateway::Gateway;
use super::outthink;
use super::upstream::Upstream;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// A Python in an environment `name` with these packages; `None`, with the reason printed, where it is not to be had.
pub(crate) fn python_with(name: &str, packages: &str) -> Option<PathBuf> {
    if std::env::var("OUTTHINK_CLIENTS").is_ok_and(|v| v == "1") {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{name}"));
        let python = home.join("bin/python");
        let made = python.exists() || done(Command::new("python3").args(["-m", "venv"]).arg(&home));
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages.split(' '));
        return (made && done(&mut install)).then_some(python);
    }
    println!("skipped: set OUTTHINK_CLIENTS=1 to install {packages} and run this");
    None
}

/// Whether a step of the installation was possible; says why not.
fn done(command: &mut Command) -> bool {
    let why = match command.output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    println!("skipped: {command:?} failed: {why}");
    false
}

fn ok(command: &mut Command) -> String {
    for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let all = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {all}");
    all
}

#[test]
fn trl_takes_steps_on_the_gateways_rewards() {
    let Some(python) = python_with("trl", "trl datasets") else { return };
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::start(&["not asked"], Duration::ZERO);
    let gateway = Gateway::run(outthink(folder.path()).args(["serve", "--port", "0", "--upstream", &upstream.url]));
    let model = folder.path().join("tiny");
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trl/tiny.py");
    ok(Command::new(&python).arg(tiny).arg(&model));
    let questions: Vec<String> =
        (0..8).map(|i| format!("{{\"question\": \"{}+{}\", \"answer\": \"{}\"}}\n", i % 2, i / 2 % 2, i % 2)).collect();
    fs::write(folder.path().join("questions.jsonl"), questions.concat()).unwrap();
    let url = format!("http://{}", gateway.address);
    let recipe = ["train", "recipe", "--for", "trl", "--gateway", &url, "--out", "recipe", "--data"];
    ok(outthink(folder.path()).current_dir(folder.path()).args(recipe).arg("../questions.jsonl"));
    let said = ok(Command::new(&python)
        .current_dir(folder.path().join("recipe"))
        .args([
            "train.py",
            "--plain",
            "--steps",
            "3",
            "--group",
            "8",
            "--prompts",
            "2",
            "--tokens",
            "4",
            "--rate",
            "1e-3",
        ])
        .arg("--model")
        .arg(&model)
        .env("HF_HUB_OFFLINE", "1"));
    let rewards: Vec<f64> = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["reward"].as_f64())
        .collect();
    assert_eq!(rewards.len(), 3, "{said}");
    // Random digits are now right and now wrong, and the verifier tells which.
    assert!(rewards.iter().any(|r| *r > 0.0 && *r < 1.0), "{said}");
    assert!(folder.path().join("recipe/grpo/model.safetensors").exists());
}
