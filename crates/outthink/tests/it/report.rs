//! `outthink report`: a page and its figures from recordings and tables.

use super::{outthink, report};
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

fn pool(problems: u32, samples: u32) -> String {
    let sample = |p: u32, i: u32| {
        let correct = (p * 7 + i * 13) % 10 >= p % 10;
        json!({"answer": if correct { "4".to_owned() } else { format!("{}", i % 3) }, "correct": correct, "tokens": 50 + i})
    };
    let line = |p: u32| {
        let all: Vec<_> = (0..samples).map(|i| sample(p, i)).collect();
        json!({"problem_id": p, "question": "a < b?", "gold": "4", "model": "m", "tokens_kind": "exact", "samples": all})
    };
    (0..problems).map(|p| line(p).to_string()).collect::<Vec<_>>().join("\n")
}

/// Runs drawn from L = 1.8 + 400/N^.34 + 1000/D^.37.
fn runs() -> String {
    let mut table = String::from("params,tokens,loss\n");
    for n in [1e7, 3e7, 1e8, 3e8, 1e9] {
        for d in [1e9, 3e9, 1e10, 3e10] {
            let loss = 1.8 + 400.0 / f64::powf(n, 0.34) + 1_000.0 / f64::powf(d, 0.37);
            let _ = writeln!(table, "{n:e},{d:e},{loss}");
        }
    }
    table
}

fn run(folder: &Path, args: &[&str]) -> Output {
    outthink(folder).args(args).current_dir(folder).output().unwrap()
}

#[test]
fn a_page_and_its_figures_are_made_from_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.jsonl"), pool(20, 16)).unwrap();
    std::fs::write(folder.path().join("runs.csv"), runs()).unwrap();
    let args = ["report", "mine.jsonl", "--pretrain", "runs.csv", "--out", "page.html", "--figures", "figures"];
    let output = run(folder.path(), &args);
    assert!(output.status.success(), "{}", report(&output, folder.path()));
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    for part in [
        "Is it at a wall?",
        "Loss against compute",
        "Accuracy against thinking",
        "self-consistency, 16 samples",
        "a &lt; b?",
    ] {
        assert!(page.contains(part), "no `{part}` in the page");
    }
    assert!(page.contains("E 1.8"), "the floor of the runs is found");
    let curve = std::fs::read_to_string(folder.path().join("figures/curve.csv")).unwrap();
    assert!(curve.starts_with("tokens,k,accuracy,stderr,") && curve.lines().count() == 6, "{curve}");
    for figure in ["laws", "loss-against-compute", "accuracy-against-thinking", "strategies"] {
        let png = std::fs::read(folder.path().join("figures").join(format!("{figure}.png"))).unwrap();
        assert_eq!(&png[1..4], b"PNG");
        let svg = std::fs::read_to_string(folder.path().join("figures").join(format!("{figure}.svg"))).unwrap();
        assert!(svg.contains("viewBox") && svg.ends_with("</svg>"), "{figure}");
    }
}

#[test]
fn what_cannot_be_reported_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.csv"), "a,b\n1,2\n").unwrap();
    let cases: [(&[&str], i32, &str); 5] = [
        (&["report"], 2, "outthink data list"),
        (&["report", "store:none"], 2, "the store holds no run `none`"),
        (&["report", "--pretrain", "bad.csv"], 2, "it has a, b"),
        (&["report", "--pretrain", "bad.csv", "--where", "x=1"], 2, "no file has a column `x`"),
        (&["report", "bad.csv", "--threshold", "3"], 2, "between 0 and 1"),
    ];
    for (args, code, words) in cases {
        let output = run(folder.path(), args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert!(told.contains(words), "{args:?}: {told}");
    }
    assert!(!folder.path().join("report.html").exists(), "nothing is half-written");
}

/// `report` and `fit` read one file alike, and curves from files are judged on the page.
#[test]
fn the_page_has_the_numbers_of_fit() {
    let folder = tempfile::tempdir().unwrap();
    // Repeats among the runs: a reader that takes them for fresh data finds another floor.
    let mut table = runs().replace("params,tokens,loss", "params,tokens,loss,unique_tokens");
    table = table
        .lines()
        .map(|l| {
            let tokens = l.split(',').nth(1).unwrap_or_default();
            if l.starts_with("params") { format!("{l}\n") } else { format!("{l},{tokens}\n") }
        })
        .collect();
    for n in [1e7, 1e8, 1e9] {
        let _ = writeln!(table, "{n:e},3e10,{},1e9", 2.2 + 400.0 / f64::powf(n, 0.34));
    }
    std::fs::write(folder.path().join("runs.csv"), table).unwrap();
    let mut curve = String::from("tokens,accuracy,stderr,model\n");
    for (i, a) in [0.3, 0.5, 0.62, 0.64, 0.65, 0.645].into_iter().enumerate() {
        let _ = writeln!(curve, "{},{a},0.02,m", 1_000 << i);
    }
    std::fs::write(folder.path().join("curve.csv"), curve).unwrap();
    let args = ["report", "--pretrain", "runs.csv", "--inference", "curve.csv", "--out", "page.html"];
    let output = run(folder.path(), &args);
    assert!(output.status.success(), "{}", report(&output, folder.path()));
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    let output = run(folder.path(), &["fit", "pretrain", "runs.csv", "--json", "--bootstraps", "10"]);
    let fit: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let floor = format!("E {:.3}", fit["chinchilla"]["law"]["floor"].as_f64().unwrap());
    assert!(page.contains(&floor), "no `{floor}` in the page");
    assert!(page.contains("at the wall") && page.contains("Does more thinking still help"), "the curve is judged");
}
