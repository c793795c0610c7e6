//! `outthink train sft`, `train rl` and `train recipe`.

use super::run;
use std::fs;
use std::path::Path;
use std::process::Command;

fn ok(args: &[&str]) -> String {
    let output = run(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(args: &[&str], words: &[&str]) {
    let output = run(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "no `{word}` in {stderr}");
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_model_is_taught_reinforced_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let [taught, reinforced] = ["taught", "reinforced"].map(|name| text(&folder.path().join(name)));
    let task = ["--task", "chain:3", "--levels", "1-2", "--problems", "20"];
    let sft = ["train", "sft", "--size", "16,1", "--steps", "60", "--batch", "8", "--every", "3", "--out", &taught];
    let said = ok(&[&sft[..], &task].concat());
    assert!(said.contains("held-out: sampled"), "{said}");
    let log = fs::read_to_string(folder.path().join("taught/log.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(rows.iter().filter(|r| r["kind"] == "evaluation").count(), 2);
    assert!(rows[0]["loss"].as_f64() > rows[rows.len() - 2]["loss"].as_f64(), "{log}");

    let rl = ["train", "rl", &taught, "--steps", "3", "--prompts", "4", "--group", "4", "--out", &reinforced];
    let said = ok(&[&rl[..], &task].concat());
    assert!(said.contains("all steps were made"), "{said}");
    let curve = fs::read_to_string(folder.path().join("reinforced/curve.csv")).unwrap();
    assert!(curve.starts_with("model,size,step,tokens,problems,accuracy,greedy\nchain:3,"), "{curve}");
    assert_eq!(curve.lines().count(), 3);
    let gguf = text(&folder.path().join("small.gguf"));
    ok(&["train", "export", &reinforced, "--gguf", &gguf]);
    assert_eq!(fs::read(&gguf).unwrap()[..4], *b"GGUF");

    // What is there is not overwritten, and other models are told apart.
    refused(&[&rl[..], &task].concat(), &["is there already", "--out"]);
    let other = text(&folder.path().join("other"));
    refused(&["train", "sft", "--task", "chess", "--out", &other], &["unknown task `chess`", "countdown"]);
    refused(&["train", "sft", "--levels", "9-99", "--out", &other], &["has levels 1 to 16"]);
    for (old, new) in [("--hurry", "--answer-only"), ("--slip", "--label-noise")] {
        for flag in [old, new] {
            refused(&["train", "sft", flag, "2", "--out", &other], &[new, "from 0 to 1"]);
        }
    }
    let examples = folder.path().join("examples.jsonl");
    fs::write(&examples, "{\"prompt\":\"1+1\",\"completion\":\"</think>#### 2\"}\n{\"prompt\":3}\n").unwrap();
    refused(&["train", "sft", "--examples", &text(&examples), "--out", &other], &["line 2", "completion"]);
    assert!(!Path::new(&other).exists());
}

#[test]
fn recipes_are_written_once_and_are_python() {
    let folder = tempfile::tempdir().unwrap();
    for (name, files) in
        [("trl", vec!["rewards.py", "train.py"]), ("verl", vec!["rewards.py", "reward.py", "prepare.py"])]
    {
        let out = text(&folder.path().join(name));
        let args =
            ["train", "recipe", "--for", name, "--out", &out, "--model", "it's/\"a\"", "--gateway", "http://h:1/v1/"];
        ok(&args);
        refused(&args, &["is there already"]);
        let rewards = fs::read_to_string(Path::new(&out).join("rewards.py")).unwrap();
        assert!(rewards.contains("\"http://h:1/v1/rewards\""), "{rewards}");
        for file in files {
            let path = Path::new(&out).join(file);
            assert!(!fs::read_to_string(&path).unwrap().contains("@MODEL@"));
            match Command::new("python3")
                .arg("-c")
                .arg("import ast,sys;ast.parse(open(sys.argv[1]).read())")
                .arg(&path)
                .output()
            {
                Ok(output) => assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr)),
                Err(_) => eprintln!("skipped: no python3 to read {file}"),
            }
        }
    }
    let shell = folder.path().join("verl/run.sh");
    assert!(Command::new("bash").arg("-n").arg(&shell).status().is_ok_and(|s| s.success()));
    assert!(fs::read_to_string(shell).unwrap().contains(r#"model.path='it'\''s/"a"'"#));
    refused(&["train", "recipe", "--for", "trl", "--gateway", "localhost"], &["not the address"]);
}
