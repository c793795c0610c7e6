//! Training from the command line.

use super::{outthink, report};
use std::fs;
use std::path::Path;
use std::process::Output;

/// Runs `train` with `args` on a small text in `home`.
fn train(home: &Path, args: &str) -> Output {
    let lines: Vec<String> = (0..600).map(|i| format!("{} and {} are {}\n", i % 7, i % 5, i % 7 + i % 5)).collect();
    let text = lines.concat();
    fs::write(home.join("text.txt"), text).unwrap();
    outthink(home).current_dir(home).arg("train").args(args.split(' ')).output().unwrap()
}

const SMALL: &str = "pretrain --corpus text.txt --size 32,1 --context 32 --batch 4 --out run";

#[test]
fn a_run_can_be_resumed_and_exported() {
    let home = tempfile::tempdir().unwrap();
    let output = train(home.path(), &format!("{SMALL} --tokens 4k --save-every 8"));
    assert!(output.status.success(), "{}", report(&output, home.path()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("nats a token") && text.contains("tokens/s"), "{text}");
    let curve = fs::read_to_string(home.path().join("run/curve.csv")).unwrap();
    assert_eq!(curve.lines().count(), 1 + 4_000_usize.div_ceil(128));

    let again = train(home.path(), &format!("{SMALL} --tokens 4k"));
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--resume"));
    let resumed = train(home.path(), &format!("{SMALL} --tokens 4k --resume"));
    assert!(resumed.status.success(), "{}", report(&resumed, home.path()));

    // The curve is in the store, by the folder of its run.
    let runs = |args: &[&str]| {
        let output = outthink(home.path()).current_dir(home.path()).arg("runs").args(args).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (_, kept) = runs(&["curves", "run", "--json", "--figure", "curve.svg"]);
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let points = kept["points"].as_array().unwrap();
    assert_eq!(points.iter().filter(|p| p["series"] == "loss").count(), 4_000_usize.div_ceil(128), "{kept}");
    assert_eq!(points.iter().filter(|p| p["series"] == "validation").count(), 1);
    assert_eq!((&kept["kind"], &kept["steps"]), (&"pretrain".into(), &32.into()));
    assert!(fs::read_to_string(home.path().join("curve.svg")).unwrap().contains("<svg"));
    assert!(runs(&["curves"]).1.contains("pretrain"));
    assert_eq!(runs(&["rm", "run", "no-such-run"]).0, Some(2));
    assert_eq!(runs(&["rm", "run"]).0, Some(0));
    assert!(runs(&["curves"]).1.starts_with("no curves yet"));
    // A store that fails stops no training.
    let deaf = train(home.path(), &SMALL.replace("run", "other --tokens 1k --store mysql://h/db"));
    assert!(deaf.status.success() && String::from_utf8_lossy(&deaf.stderr).contains("not in the store"));

    let export = train(home.path(), "export run --gguf model.gguf");
    assert!(export.status.success(), "{}", report(&export, home.path()));
    assert_eq!(fs::read(home.path().join("model.gguf")).unwrap()[..4], *b"GGUF");

    let path = home.path().join("run/checkpoint.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let cut = train(home.path(), "export run --gguf other.gguf");
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("damaged or cut short"));
    assert!(!home.path().join("other.gguf").exists());
}

#[test]
fn a_grid_writes_the_table_that_laws_are_fitted_to() {
    let home = tempfile::tempdir().unwrap();
    let args = "pretrain --grid --corpus text.txt --size 16,1 --size 32,1 --tokens 1k,2k --lr 0.01,0.02 \
                --context 32 --batch 4 --out run";
    let output = train(home.path(), args);
    assert!(output.status.success(), "{}", report(&output, home.path()));
    let table = fs::read_to_string(home.path().join("run/grid.csv")).unwrap();
    assert!(table.starts_with("params,tokens,loss,"), "{table}");
    assert_eq!(table.lines().count(), 1 + 4);
    assert_eq!(fs::read_to_string(home.path().join("run/rejected.csv")).unwrap().lines().count(), 1 + 2);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for (args, code, word) in [
        ("pretrain --corpus text.txt --size 33,1 --out run", 2, "width"),
        ("pretrain --corpus text.txt --size 64 --out run", 2, "as in 64,2"),
        ("pretrain --corpus text.txt --tokens 0 --out run", 2, "above 0"),
        ("pretrain --corpus text.txt --tokens 1k,2k --out run", 2, "--grid"),
        ("pretrain --corpus text.txt --lr 0 --out run", 2, "learning rate"),
        ("pretrain --corpus text.txt --threads 0 --out run", 2, "at least 1"),
        ("pretrain --corpus text.txt --context 100000 --out run", 2, "shorter context"),
        ("pretrain --corpus absent.txt --out run", 1, "cannot read"),
        ("pretrain --corpus text.txt --resume --out run", 1, "cannot read"),
        ("export absent --gguf model.gguf", 1, "cannot read"),
    ] {
        let output = train(home.path(), args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args}: {stderr}");
        assert!(stderr.contains(word), "{args}: {stderr}");
    }
}
