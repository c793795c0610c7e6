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
    let cases: [(&[&str], i32, &str); 4] = [
        (&["report"], 2, "outthink runs list"),
        (&["report", "store:none"], 2, "the store holds no run `none`"),
        (&["report", "--pretrain", "bad.csv"], 1, "the columns are a, b"),
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
