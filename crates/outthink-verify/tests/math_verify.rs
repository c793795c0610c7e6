//! Differential check against the Python package math-verify.
//!
//! Pairs of answers come from seeded generators; a scratch environment under the target folder
//! holds the oracle. Where there is no Python or the package cannot be installed, the check says so
//! and is skipped. The judged disagreements stand in `DISAGREEMENTS.md`.

#![expect(clippy::expect_used, reason = "a failing helper fails the test")]

mod pairs;

use outthink_verify::equivalent;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGE: &str = "math-verify==0.9.0";
const PAIRS: usize = 3_000;
const SEED: u64 = 20_240_817;
const WANTED: f64 = 0.98;

/// The interpreter of an environment that has the oracle, or why there is none.
fn interpreter() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("math-verify-0.9.0");
    let python = root.join("bin").join("python");
    let run = |program: &Path, arguments: &[&str]| {
        let output = Command::new(program)
            .args(arguments)
            .output()
            .map_err(|error| format!("cannot run {}: {error}", program.display()))?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
    };
    if run(&python, &["-c", "import math_verify"]).is_ok() {
        return Ok(python);
    }
    let folder = root.to_string_lossy().into_owned();
    run(Path::new("python3"), &["-m", "venv", &folder])?;
    run(&python, &["-m", "pip", "install", "--quiet", PACKAGE])?;
    Ok(python)
}

/// The oracle's judgement on each pair; nothing where it failed.
fn ask(python: &Path, pairs: &[pairs::Pair]) -> Vec<Option<bool>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter was tried before");
    let mut stdin = child.stdin.take().expect("it is piped");
    let lines: Vec<String> =
        pairs.iter().map(|pair| json!({"gold": pair.gold, "target": pair.target}).to_string() + "\n").collect();
    let writer = std::thread::spawn(move || {
        for line in lines {
            stdin.write_all(line.as_bytes()).expect("the oracle reads");
        }
    });
    let output = child.wait_with_output().expect("the oracle ends");
    writer.join().expect("all pairs are written");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).expect("the oracle writes JSON");
            value.get("equal").and_then(Value::as_bool)
        })
        .collect()
}

fn judged() -> Vec<pairs::Pair> {
    pairs::JUDGED
        .iter()
        .map(|&(gold, target, equal)| pairs::Pair {
            form: "judged",
            gold: gold.to_owned(),
            target: target.to_owned(),
            equal,
        })
        .collect()
}

#[test]
fn judged_disagreements_stay_as_judged() {
    for pair in judged() {
        let ours = equivalent(&pair.gold, &pair.target);
        assert_eq!(ours, pair.equal, "{:?} and {:?}", pair.gold, pair.target);
    }
}

#[test]
fn agrees_with_math_verify() {
    let python = match interpreter() {
        Ok(python) => python,
        Err(reason) => {
            println!("skipped: {PACKAGE} is not available: {reason}");
            return;
        }
    };
    for (pair, verdict) in judged().iter().zip(ask(&python, &judged())) {
        let (gold, target, ours) = (&pair.gold, &pair.target, pair.equal);
        println!("judged: {gold:?} and {target:?}: ours {ours}, theirs {verdict:?}");
    }
    let pairs = pairs::generate(SEED, PAIRS);
    let verdicts = ask(&python, &pairs);
    assert_eq!(verdicts.len(), pairs.len(), "the oracle answers every pair");
    let (mut agreed, mut judged, mut failed, mut equal) = (0_u32, 0_u32, 0_u32, 0_u32);
    for (pair, verdict) in pairs.iter().zip(verdicts) {
        let Some(verdict) = verdict else {
            failed += 1;
            continue;
        };
        let ours = equivalent(&pair.gold, &pair.target);
        judged += 1;
        equal += u32::from(verdict);
        if ours == verdict {
            agreed += 1;
        } else {
            println!(
                "{}: {:?} and {:?}: ours {ours}, theirs {verdict}, meant {}",
                pair.form, pair.gold, pair.target, pair.equal
            );
        }
        if ours != pair.equal {
            println!("AGAINST THE GENERATOR {}: {:?} and {:?}: ours {ours}", pair.form, pair.gold, pair.target);
        }
    }
    let agreement = f64::from(agreed) / f64::from(judged.max(1));
    println!("agreement {agreement:.4} (n = {judged}, {equal} equal, {failed} not judged)");
    assert!(judged >= 2_000, "{judged} pairs judged");
    assert!(agreement >= WANTED, "agreement {agreement:.4} (n = {judged})");
}
