//! One recording through every command: one figure each.

use super::outthink;
use super::upstream::Upstream;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

fn run(folder: &Path, args: &[&str]) -> Output {
    outthink(folder).args(args).env("OUTTHINK_STORE", folder.join("runs.db")).current_dir(folder).output().unwrap()
}

fn ok(folder: &Path, args: &[&str]) -> String {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn value(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_str(&ok(folder, args)).unwrap()
}

/// Problems from easy to hard; a wrong answer agrees with others now and then, some samples have none.
fn recording(problems: u32, samples: u32) -> String {
    let sample = |p: u32, i: u32| {
        let correct = (p * 7 + i * 13) % 17 >= p % 13;
        let answer = if correct { "4".to_owned() } else { format!("w{}", i % 3) };
        let answer = if i % 9 == 8 { Value::Null } else { answer.into() };
        let correct = correct && !answer.is_null();
        json!({"answer": answer, "correct": correct, "tokens": 50 + (i * p) % 40, "prompt_tokens": 30, "usd": 0.0001})
    };
    let line = |p: u32| {
        let all: Vec<_> = (0..samples).map(|i| sample(p, i)).collect();
        json!({"problem_id": p, "question": format!("{p}?"), "gold": "4", "model": "m", "tokens_kind": "exact", "samples": all})
    };
    (0..problems).map(|p| line(p).to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn one_recording_through_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("mine.jsonl"), recording(40, 16)).unwrap();
    ok(folder, &["store", "import", "mine.jsonl"]);
    ok(folder, &["report", "mine.jsonl", "--out", "page.html", "--figures", "figures"]);
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();

    // The file, the store's run and the study that the report wrote are one to `fit`.
    let fit = |given: &str| ok(folder, &["fit", "inference", given, "--json", "--level", "0.9"]);
    let figures = fit("mine.jsonl");
    assert_eq!(figures, fit("store:mine"));
    assert_eq!(figures, fit("figures/study.json"));
    let figures: Value = serde_json::from_str(&figures).unwrap();
    let verdict = &figures["votes"]["curves"][0]["verdict"];
    let percent = |x: &Value| format!("{:.1} %", 100.0 * x.as_f64().unwrap());
    let numbers = [&verdict["probability"], &verdict["next_doubling"]["value"], &verdict["ceiling"]["value"]];
    let numbers: Vec<&Value> = numbers.into_iter().filter(|number| !number.is_null()).collect();
    assert!(!numbers.is_empty(), "{verdict}");
    for number in numbers {
        let (percent, points) = (percent(number), format!("{:+.1} points", 100.0 * number.as_f64().unwrap()));
        assert!(page.contains(&percent) || page.contains(&points), "no {percent} on the page: {verdict}");
    }

    // maj@k: the page's, the study's, and what a replay finds over many orders.
    let estimates = &figures["runs"][0]["estimates"];
    let majority = |k: u64| {
        let all = estimates["maj"].as_array().unwrap();
        all.iter().find(|m| m["k"] == k).unwrap()["estimate"]["value"].as_f64().unwrap()
    };
    // One sample has one accuracy with one interval, wherever it is asked for.
    let single = value(folder, &["replay", "mine.jsonl", "--json", "--strategies", "single", "--seeds", "3"]);
    let usual = value(folder, &["fit", "inference", "mine.jsonl", "--json"]);
    let pass = &usual["runs"][0]["estimates"]["pass_at_1"];
    let near = |x: &Value, y: &Value| (x.as_f64().unwrap() - y.as_f64().unwrap()).abs() < 1e-9;
    assert!(near(&single["accuracy"], &pass["value"]), "{single} {pass}");
    assert!(near(&single["interval"]["low"], &pass["interval"]["low"]), "{single} {pass}");
    let printed = ok(folder, &["fit", "inference", "mine.jsonl"]);
    let brackets = |line: &str| line.split_once('[').unwrap().1.split_once(']').unwrap().0.to_owned();
    let line = |start: &str| brackets(printed.lines().find(|l| l.trim().starts_with(start)).unwrap());
    assert_eq!(line("pass@1"), line("coverage at        1"), "{printed}");
    for k in [2_u64, 8, 16] {
        assert!(page.contains(&format!("{:.1} %", 100.0 * majority(k))), "maj@{k}");
        let budget = k.to_string();
        let args = ["replay", "store:mine", "--json", "--strategies", "self-consistency", "--samples", &budget];
        let replayed = value(folder, &[&args[..], &["--seeds", "400"]].concat());
        let found = replayed["accuracy"].as_f64().unwrap();
        assert!((found - majority(k)).abs() < 1e-9, "maj@{k}: {found} {}", majority(k));
    }
    let shown = value(folder, &["runs", "show", "mine", "--json"]);
    let share = shown["correct"].as_f64().unwrap() / shown["samples"].as_f64().unwrap();
    assert!((share - estimates["pass_at_1"]["value"].as_f64().unwrap()).abs() < 1e-12);
    let diff = value(folder, &["runs", "diff", "mine", "mine", "--json"]);
    assert!((diff["accuracy"][0].as_f64().unwrap() - share).abs() < 1e-12);

    // A plan goes by the same curve, however it is named.
    let plan = |given: &[&str]| {
        let args = ["--params", "7e9", "--price-output", "1", "--target-accuracy", "0.8", "--json"];
        ok(folder, &[&["plan"], given, &args].concat())
    };
    let planned = plan(&["store:mine"]);
    assert_eq!(planned, plan(&["figures/study.json"]));
    assert_eq!(planned, plan(&["--inference", "mine.jsonl"]));
    assert!(planned.contains("more thinking a query"));
    let planned: Value = serde_json::from_str(&planned).unwrap();
    let today = format!("today {:.3} ", majority(16));
    assert!(planned["headline"].as_str().unwrap().contains(&today), "{today} {}", planned["headline"]);

    // The table has lost the covariance, and says so.
    let table = ok(folder, &["fit", "inference", "figures/curve.csv", "--problems", "40"]);
    assert!(table.contains("the table has no covariance of its points"), "{table}");
}

#[test]
fn from_a_sweep_to_a_plan_without_a_table_between() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let questions: String = (0..12)
        .map(|i| json!({"question": format!("What is {i} - {i} + 4?"), "answer": "4"}).to_string() + "\n")
        .collect();
    std::fs::write(folder.join("sums.jsonl"), questions).unwrap();
    let answers = ["The answer is 4.", "The answer is 5.", "So \\boxed{4}.", "I do not know.", "The answer is 4."];
    let upstream = Upstream::start(&answers, Duration::ZERO);
    ok(folder, &["sweep", "sums.jsonl", "--upstream", &upstream.url, "--run", "sums", "--samples", "8"]);
    let written = ok(folder, &["report", "store:sums", "--out", "page.html", "--study", "study.json"]);
    assert!(written.contains("study.json"), "{written}");
    let study: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("study.json")).unwrap()).unwrap();
    assert_eq!((study["schema"].as_u64(), study["kind"].as_str()), (Some(1), Some("outthink.study")));
    assert_eq!(study["arms"][0]["curve"]["noise"]["covariance"].as_array().unwrap().len(), 4);
    let plan =
        value(folder, &["plan", "study.json", "--params", "1e9", "--price-output", "1", "--budget-usd", "5", "--json"]);
    assert!(!plan["options"].as_array().unwrap().is_empty(), "{plan}");
    assert_eq!(
        ok(folder, &["fit", "inference", "study.json", "--json"]),
        ok(folder, &["fit", "inference", "store:sums", "--json"])
    );
}

#[test]
fn what_is_no_study_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("later.json"), "{\"schema\": 9, \"kind\": \"outthink.study\", \"arms\": []}").unwrap();
    std::fs::write(folder.join("mine.jsonl"), recording(3, 1)).unwrap();
    ok(folder, &["fit", "inference", "mine.jsonl", "--study", "study.json"]);
    for (args, words) in [
        (&["fit", "inference", "later.json"][..], "use a newer outthink"),
        (&["replay", "study.json"], "is a study, which holds counts and no samples"),
        (&["plan", "mine.jsonl", "--params", "1e9", "--target-accuracy", "0.8"], "4 or more samples of each problem"),
        (&["report", "--study", "s.json", "--inference", "none.csv"], "none.csv"),
    ] {
        let output = run(folder, args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(words), "{args:?}: {told}");
    }
}

#[test]
fn samples_are_judged_again_and_the_old_judgement_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // A judge that takes 0.5 for wrong where the answer is 1/2.
    let row = json!({"problem_id": 1, "question": "1/2?", "gold": "1/2", "model": "m", "samples": [
        {"answer": "0.5", "correct": false, "tokens": 9, "text": "The answer is 0.5."},
        {"answer": "2", "correct": false, "tokens": 9, "text": "The answer is 2."},
        {"answer": "1/2", "correct": true, "tokens": 9}]});
    let other = row.to_string().replace("\"problem_id\":1", "\"problem_id\":2");
    std::fs::write(folder.join("mine.jsonl"), format!("{row}\n{other}\n")).unwrap();
    let said = ok(folder, &["rescore", "mine.jsonl", "--by", "gold", "--out", "again.jsonl"]);
    assert!(said.contains("6 samples judged, 2 right before and 4 now, 2 changed"), "{said}");
    let again = std::fs::read_to_string(folder.join("again.jsonl")).unwrap();
    let first: Value = serde_json::from_str(again.lines().next().unwrap()).unwrap();
    assert_eq!(first["samples"][0]["correct"], true);
    assert_eq!(first["samples"][0]["judge"], "outthink:gold");
    assert_eq!(first["samples"][0]["judgements"], json!([{"judge": null, "correct": false}]));
    ok(folder, &["store", "import", "mine.jsonl"]);
    for by in ["gold", "numeric"] {
        let said = ok(folder, &["rescore", "mine", "--by", by]);
        assert!(said.contains("4 now"), "{by}: {said}");
    }
    let fit = value(folder, &["fit", "inference", "store:mine", "--json"]);
    let pass = fit["runs"][0]["estimates"]["pass_at_1"]["value"].as_f64().unwrap();
    assert!((pass - 2.0 / 3.0).abs() < 1e-12);
    let majority = fit["runs"][0]["estimates"]["maj"].as_array().unwrap().last().unwrap()["estimate"]["value"].clone();
    assert_eq!(majority, 1.0, "0.5 and 1/2 are one answer to our own judge");
    std::fs::write(folder.join("shape.json"), "{\"type\": \"object\"}").unwrap();
    for (args, words) in [
        (&["rescore", "mine.jsonl", "--by", "gold"][..], "give --out FILE"),
        (&["rescore", "mine", "--by", "gold", "--out", "x.jsonl"], "--out is of a file"),
        (&["rescore", "mine", "--by", "glod"], "unknown verifier `glod`"),
        (&["rescore", "none", "--by", "gold"], "the store holds no run `none`"),
    ] {
        let output = run(folder, args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(words), "{args:?}: {told}");
    }
    let said = ok(folder, &["rescore", "mine", "--by", "schema:shape.json"]);
    assert!(said.contains("4 right before and 0 now"), "{said}");
}

/// Recorded answers vote by what they mean, as live ones do; texts without an answer are read.
#[test]
fn recorded_answers_vote_by_what_they_mean() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let row = |id: u32, samples: Value| {
        json!({"problem_id": id, "question": "2+2?", "gold": "4", "model": "m", "samples": samples}).to_string()
    };
    let answer = |text: &str, correct: bool| json!({"answer": text, "correct": correct, "tokens": 9});
    let said = |text: &str, correct: bool| json!({"text": text, "correct": correct, "tokens": 9});
    let rows = |samples: Value| (1..=4).map(|id| row(id, samples.clone()) + "\n").collect::<String>();
    let numbers = rows(json!([answer("4", true), answer("4.0", true), answer("5", false)]));
    let texts = rows(json!([
        said("The answer is 4.", true),
        said("So it is \\boxed{4}.", true),
        said("The answer is 5.", false)
    ]));
    let unjudged = rows(json!([answer("4", true), answer("4.0", false), said("The answer is 4.", false)]));
    std::fs::write(folder.join("numbers.jsonl"), numbers).unwrap();
    std::fs::write(folder.join("texts.jsonl"), texts).unwrap();
    std::fs::write(folder.join("unjudged.jsonl"), unjudged).unwrap();
    ok(folder, &["rescore", "unjudged.jsonl", "--by", "gold", "--out", "again.jsonl"]);
    let again = std::fs::read_to_string(folder.join("again.jsonl")).unwrap();
    let first: Value = serde_json::from_str(again.lines().next().unwrap()).unwrap();
    assert_eq!((&first["samples"][2]["answer"], &first["samples"][2]["correct"]), (&json!("4"), &json!(true)));
    ok(folder, &["store", "import", "numbers.jsonl"]);
    for given in ["numbers.jsonl", "texts.jsonl", "again.jsonl", "store:numbers"] {
        let args = ["replay", given, "--json", "--strategies", "self-consistency", "--samples", "3", "--seeds", "4"];
        assert_eq!(value(folder, &args)["accuracy"], 1.0, "{given}");
        let study = value(folder, &["fit", "inference", given, "--json"]);
        let votes = &study["runs"][0]["estimates"]["maj"];
        assert_eq!(votes.as_array().unwrap().last().unwrap()["estimate"]["value"], 1.0, "{given}: {votes}");
    }
}

/// Few problems say little, however many samples are forecast.
#[test]
fn coverage_is_never_certain() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sample = |right: bool| json!({"answer": if right { "4" } else { "5" }, "correct": right, "tokens": 9});
    let row = |id: u32, right: u32, of: u32| {
        let samples: Vec<Value> = (0..of).map(|i| sample(i < right)).collect();
        json!({"problem_id": id, "gold": "4", "model": "m", "samples": samples}).to_string() + "\n"
    };
    let many: String = (0..40).map(|id| row(id, if id == 0 { 0 } else { 3 + id % 13 }, 16)).collect();
    std::fs::write(folder.join("many.jsonl"), many).unwrap();
    let printed = ok(folder, &["fit", "inference", "many.jsonl", "--forecast", "160,1600,1000000"]);
    let forecasts: Vec<&str> = printed.lines().filter(|l| l.contains("coverage at")).collect();
    assert!(forecasts.len() == 3 && forecasts.iter().all(|l| l.contains("[0.9") && l.contains("1.000]")), "{printed}");
    assert!(!printed.contains("never solved 0.000 [0.000, 0.000]"), "{printed}");
    let greedy: String = (0..30).map(|id| row(id, 1, 1)).collect();
    std::fs::write(folder.join("greedy.jsonl"), greedy).unwrap();
    let printed = ok(folder, &["fit", "inference", "greedy.jsonl"]);
    assert!(printed.contains("lies between 0.886, the low end of pass@1, and 1"), "{printed}");
    let none: String = (0..12).map(|id| row(id, 0, 4)).collect();
    std::fs::write(folder.join("none.jsonl"), none).unwrap();
    let printed = ok(folder, &["fit", "inference", "none.jsonl"]);
    assert!(printed.contains("none was solved") && !printed.contains("NaN") && !printed.contains("inf "), "{printed}");
}
