//! `outthink fit` and `outthink plan` from outside.

use super::{outthink, run};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Output;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes a file into a fresh folder and runs `outthink` with its path for `FILE`.
fn with_file(name: &str, content: &str, args: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(name);
    std::fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap();
    let args: Vec<&str> = args.iter().map(|a| if *a == "FILE" { path } else { a }).collect();
    outthink(home.path()).args(args).output().unwrap()
}

/// Runs of a known law without noise.
fn runs() -> String {
    let mut csv = "N,D,final_loss\n".to_owned();
    for i in 0..5 {
        for j in 0..5 {
            let (n, d) = (1e8 * 2_f64.powi(i), 2e9 * 3_f64.powi(j));
            let loss = 1.8 + 480.0 * n.powf(-0.35) + 2_000.0 * d.powf(-0.37);
            let _ = writeln!(csv, "{n},{d},{loss}");
        }
    }
    csv
}

const MAPS: [&str; 6] = ["--map", "params=N", "--map", "tokens=D", "--map", "loss=final_loss"];

#[test]
fn a_known_law_comes_back() {
    let mut args = vec!["fit", "pretrain", "FILE", "--json", "--starts", "40", "--bootstraps", "20"];
    args.extend(["--at", "1e10,1e12"]);
    args.extend(MAPS);
    let got = json(&with_file("runs.csv", &runs(), &args));
    assert_eq!(got["n"], 25);
    assert!((got["chinchilla"]["law"]["floor"].as_f64().unwrap() - 1.8).abs() < 0.01, "{got}");
    assert!((got["chinchilla"]["law"]["alpha"].as_f64().unwrap() - 0.35).abs() < 0.01, "{got}");
    let loss = 1.8 + 480.0 * 1e10_f64.powf(-0.35) + 2_000.0 * 1e12_f64.powf(-0.37);
    let forecast = got["at"][0]["chinchilla"]["loss"].as_f64().unwrap();
    assert!((forecast - loss).abs() < 0.01, "{forecast} for {loss}: {got}");
    // The law that made the data forecasts the dearest quarter better than the one that did not.
    assert_eq!(got["forecasts"][0]["form"], "Chinchilla");
    assert!(got["forecasts"][0]["weight"].as_f64().unwrap() > 0.9, "{got}");
}

#[test]
fn what_cannot_be_fitted_is_refused_with_the_mend() {
    let good = runs();
    let first = good.lines().take(4).collect::<Vec<_>>().join("\n");
    let change = |from: &str, to: &str| good.replacen(from, to, 1);
    let line = good.lines().nth(7).unwrap().to_owned();
    let cells: Vec<&str> = line.split(',').collect();
    let one_size = good
        .lines()
        .map(|l| {
            l.split_once(',')
                .map_or(l.to_owned(), |(n, rest)| if n == "N" { l.to_owned() } else { format!("1e9,{rest}") })
        })
        .collect::<Vec<_>>()
        .join("\n");
    let cases = [
        ("few", first, "need at least"),
        ("infinite", change(&line, &format!("{},{},inf", cells[0], cells[1])), "row 7"),
        ("negative", change(&line, &format!("{},{},-2", cells[0], cells[1])), "above 0"),
        ("one size", one_size, "same params"),
        ("unknown column", change("final_loss", "x"), "final_loss"),
        ("no rows", "N,D,final_loss\n".to_owned(), "no rows"),
    ];
    for (name, csv, says) in cases {
        let mut args = vec!["fit", "pretrain", "FILE"];
        args.extend(MAPS);
        let output = with_file("runs.csv", &csv, &args);
        assert_eq!(output.status.code(), Some(2), "{name}: {}", text(&output));
        assert!(text(&output).contains(says) && output.stdout.is_empty(), "{name}: {}", text(&output));
    }
    // What is no number is a gap: left out, and said.
    let mut args = vec!["fit", "pretrain", "FILE", "--starts", "20", "--bootstraps", "0"];
    args.extend(MAPS);
    let gap = with_file("runs.csv", &change(&line, &format!("{},{},NaN", cells[0], cells[1])), &args);
    assert!(
        gap.status.success() && text(&gap).contains("left out: 1 rows without `final_loss` (row 7)"),
        "{}",
        text(&gap)
    );
    let none = with_file("runs.csv", &good, &["fit", "pretrain", "FILE"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none).contains("--map params=COLUMN"), "{}", text(&none));
}

#[test]
fn verdicts_of_a_file_of_curves() {
    let mut csv = "task,model,tokens,accuracy,stderr\n".to_owned();
    for (model, points) in [
        ("flat", [0.30, 0.50, 0.62, 0.64, 0.65, 0.645]),
        ("rising", [0.10, 0.17, 0.24, 0.31, 0.38, 0.45]),
        ("floor", [0.0; 6]),
        ("thin", [0.3, 0.4, 0.35, f64::NAN, f64::NAN, f64::NAN]),
        ("three", [0.3, 0.4, 0.48, f64::NAN, f64::NAN, f64::NAN]),
    ] {
        for (i, a) in (0..6).zip(points).filter(|p| p.1.is_finite()) {
            let _ = writeln!(csv, "made,{model},{},{a},0.02", 1_000 << i);
        }
    }
    let got = json(&with_file("curves.csv", &csv, &["fit", "inference", "FILE", "--json"]));
    let verdict = |model: &str| {
        let curve =
            got["curves"].as_array().unwrap().iter().find(|c| c["curve"].as_str().unwrap().ends_with(model)).unwrap();
        curve["verdict"]["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("flat"), "at-the-wall");
    assert_eq!(verdict("rising"), "still-rising");
    assert_eq!(verdict("floor"), "inconclusive");
    // Three settings: a last step that lost five points in two of error is an answer, one that gained is none yet.
    assert_eq!(verdict("thin"), "at-the-wall");
    assert_eq!(verdict("three"), "inconclusive");
    let two = with_file("two.csv", "tokens,accuracy,stderr\n1,0.1,0.1\n2,0.2,0.1\n", &["fit", "inference", "FILE"]);
    assert_eq!(two.status.code(), Some(2));
    assert!(text(&two).contains("need at least 3"), "{}", text(&two));
}

#[test]
fn coverage_from_counts_and_a_picture() {
    let mut lines = String::new();
    for (problem, correct) in [0, 0, 0, 1, 2, 4, 9, 20, 45, 90].into_iter().enumerate() {
        let _ = writeln!(lines, "{{\"model\":\"m\",\"problem\":{problem},\"samples\":100,\"correct\":{correct}}}");
    }
    let home = tempfile::tempdir().unwrap();
    let picture = home.path().join("coverage.svg");
    let args = ["fit", "inference", "FILE", "--json", "--forecast", "10,1000", "--svg", picture.to_str().unwrap()];
    let got = json(&with_file("counts.jsonl", &lines, &args));
    let forecasts = &got["models"][0]["forecasts"];
    assert_eq!(forecasts[0]["extrapolated"], false);
    assert!(forecasts[1]["coverage"].as_f64().unwrap() > 0.7, "{got}");
    assert!(std::fs::read_to_string(picture).unwrap().contains("<svg"));
}

#[test]
fn the_published_effort_curves() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/laws/epoch_effort_curves.csv");
    if !path.exists() {
        println!("skipped: {} is absent", path.display());
        return;
    }
    let of = |model: &str| {
        let filter = format!("model=anthropic/{model}");
        let args = [
            "fit",
            "inference",
            path.to_str().unwrap(),
            "--json",
            "--where",
            &filter,
            "--where",
            "task=OTIS Mock AIME 2024-2025",
        ];
        json(&run(&args))["curves"][0]["verdict"]["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("claude-3-7-sonnet-20250219"), "still-rising");
    assert!(["slowing", "at-the-wall"].contains(&of("claude-sonnet-4-20250514").as_str()));
}

#[test]
fn the_bills_of_gpt_4_and_gpt_3() {
    let bill = |extra: &[&str]| {
        let mut args = vec!["plan", "--json", "--flops", "312e12", "--usd-per-hour", "1"];
        args.extend(extra);
        json(&run(&args))
    };
    for (utilisation, millions) in [("0.36", 53.2), ("0.30", 63.8)] {
        let got = bill(&["--params", "280e9", "--train-flops", "2.15e25", "--utilisation", utilisation]);
        let hours = got["training"]["hours"].as_f64().unwrap() / 1e6;
        assert!((hours - millions).abs() < 0.1, "{got}");
        assert!((got["training"]["usd"].as_f64().unwrap() / 1e6 - hours).abs() < 1e-9);
    }
    let gpt3 = bill(&["--params", "175e9", "--train-tokens", "300e9"]);
    assert!((gpt3["training"]["flops"].as_f64().unwrap() / 3.15e23 - 1.0).abs() < 1e-12);
}

#[test]
fn a_plan_weighs_thinking_against_a_cascade() {
    let mut csv = "tokens,accuracy,stderr\n".to_owned();
    for (i, a) in (0..6).zip([0.20, 0.30, 0.40, 0.50, 0.58, 0.64]) {
        let _ = writeln!(csv, "{},{a},0.02", 500 << i);
    }
    let plan = |aim: &[&str]| {
        let mut args = vec![
            "plan",
            "--json",
            "--params",
            "7e9",
            "--price-output",
            "1",
            "--tokens-per-query",
            "2000",
            "--inference",
            "FILE",
        ];
        args.extend(aim);
        with_file("curve.csv", &csv, &args)
    };
    let got = json(&plan(&["--budget-usd", "2000"]));
    let names: Vec<&str> = got["options"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["more thinking a query", "cascade of reasoning lengths"]);
    let accuracy = got["options"][0]["accuracy"]["value"].as_f64().unwrap();
    assert!((0.45..0.55).contains(&accuracy), "{got}");
    let never = json(&plan(&["--target-accuracy", "0.999"]));
    assert!(never["options"][0]["probability"].as_f64().unwrap() < 0.3, "{never}");
    let aimless = run(&["plan", "--params", "7e9", "--budget-usd", "10"]);
    assert_eq!(aimless.status.code(), Some(2));
    let senseless = run(&["plan", "--params=-7e9"]);
    assert_eq!(senseless.status.code(), Some(2));
}

/// Parameters in billions are named, scaled, or read off the column's name; gaps are left out and counted.
#[test]
fn units_gaps_and_filters_of_a_file() {
    let billions: String = (runs().lines().enumerate())
        .map(|(i, line)| {
            let (n, rest) = line.split_once(',').unwrap();
            if i == 0 {
                "params,tokens,loss\n".to_owned()
            } else {
                format!("{},{rest}\n", n.parse::<f64>().unwrap() / 1e9)
            }
        })
        .collect();
    let quick = ["--starts", "30", "--bootstraps", "5", "--json"];
    let fit = |csv: &str, more: &[&str]| {
        let mut args = vec!["fit", "pretrain", "FILE"];
        args.extend(quick);
        args.extend(more);
        with_file("runs.csv", csv, &args)
    };
    let refused = fit(&billions, &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("look like billions") && text(&refused).contains("--scale params=1e9"));
    let alpha = |output: &Output| json(output)["chinchilla"]["law"]["alpha"].as_f64().unwrap();
    assert!((alpha(&fit(&billions, &["--scale", "params=1e9"])) - 0.35).abs() < 0.01);
    let headed = billions.replacen("params,", "Model Size (B),", 1);
    assert!((alpha(&fit(&headed, &[])) - 0.35).abs() < 0.01);
    let gap = billions.replacen("\n0.1,", "\nN/A,", 1);
    let got = json(&fit(&gap, &["--scale", "params=1e9"]));
    assert_eq!(got["n"], 24);
    assert!(got["notes"][0].as_str().unwrap().contains("row 1"), "{got}");
    let some = json(&fit(&billions, &["--scale", "params=1e9", "--where", "params>0.15", "--where", "loss<=2.9"]));
    assert!(some["n"].as_u64().unwrap() < 21, "{some}");
}

/// Experiments in one file are told of, and fitted apart on request; a new run's interval is wider than the mean's.
#[test]
fn experiments_are_not_pooled_in_silence() {
    let mut csv = "dataset,params,tokens,loss\n".to_owned();
    for (name, shift) in [("c4", 0.0), ("web", 0.3)] {
        for line in runs().lines().skip(1) {
            let cells: Vec<f64> = line.split(',').map(|c| c.parse().unwrap()).collect();
            let noise = 1.0 + 0.002 * ((cells[0].ln() * 7.0 + cells[1].ln() * 3.0).sin());
            let _ = writeln!(csv, "{name},{},{},{}", cells[0], cells[1], (cells[2] + shift) * noise);
        }
    }
    let args = ["fit", "pretrain", "FILE", "--starts", "30", "--bootstraps", "20", "--json", "--at", "1e11,1e13"];
    let pooled = json(&with_file("runs.csv", &csv, &args));
    assert!(pooled["notes"].to_string().contains("2 experiments by `dataset`"), "{pooled}");
    let mut apart = args.to_vec();
    apart.extend(["--by", "dataset"]);
    let got = json(&with_file("runs.csv", &csv, &apart));
    let groups = got["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    for group in groups {
        let at = &group["at"][0]["mixture"];
        let width = |i: &Value| i["high"].as_f64().unwrap() - i["low"].as_f64().unwrap();
        assert!(width(&at["interval"]) > width(&at["interval_of_mean"]), "{group}");
        assert_eq!(at["beyond_backtests"], true);
    }
}

/// What trainers and trackers write: a ladder's folder of histories, and a console.
#[test]
fn histories_of_runs_are_read_from_a_folder() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("ladder");
    std::fs::create_dir(&folder).unwrap();
    for millions in [190, 370, 760, 1_300] {
        for times in [1, 2, 5] {
            let mut csv = "_step,eval/c4/CrossEntropyLoss,batch_size_in_tokens\n".to_owned();
            let n = f64::from(millions) * 1e6;
            for share in [0.5, 1.0] {
                let steps = (share * 20.0 * f64::from(times) * n / 5e5).round();
                let loss = 1.8 + 480.0 * n.powf(-0.35) + 2_000.0 * (steps * 5e5).powf(-0.37);
                let _ = writeln!(csv, "{steps},{loss},500000");
            }
            std::fs::write(folder.join(format!("{millions}M-{times}xC.csv")), csv).unwrap();
        }
    }
    let map = "loss=eval/c4/CrossEntropyLoss";
    let args =
        ["fit", "pretrain", folder.to_str().unwrap(), "--map", map, "--starts", "60", "--bootstraps", "5", "--json"];
    let got = json(&outthink(home.path()).args(args).output().unwrap());
    assert_eq!(got["n"], 12, "{got}");
    assert!((got["chinchilla"]["law"]["floor"].as_f64().unwrap() - 1.8).abs() < 0.2, "{got}");
    let notes = got["notes"].to_string();
    assert!(notes.contains("read off the names") && notes.contains("the last `_step` of each `file`"), "{notes}");
}

/// The size follows the queries, the stock is a wall, and `plan` reads the numbers that `fit` reads.
#[test]
fn a_plan_knows_who_uses_the_model() {
    let law = "E=1.8172,A=482.01,alpha=0.3478,B=2085.43,beta=0.3658";
    let plan = |more: &[&str]| {
        let mut args = vec!["plan", "--json", "--params", "7e10", "--law", law, "--tokens-per-query", "1000"];
        args.extend(more);
        json(&run(&args))
    };
    let once = |got: &Value| got["options"][0]["once_usd"].as_f64().unwrap();
    let serving = |got: &Value| got["options"][0]["serving_usd"].as_f64().unwrap();
    let (few, many) =
        (plan(&["--target-loss", "1.95", "--queries", "1e4"]), plan(&["--target-loss", "1.95", "--queries", "1e12"]));
    assert!(once(&many) > once(&few), "a smaller model is trained for longer");
    assert!(serving(&many) / 1e8 < serving(&few), "and a query of it costs less");
    let walled = plan(&["--target-loss", "1.85", "--unique-tokens", "6e11"]);
    assert!(walled["options"][0]["usd"].is_null(), "{walled}");
    assert!(walled["options"][0]["note"].as_str().unwrap().contains("wall of data"), "{walled}");
    let wrong = run(&["plan", "--params", "7e10", "--law", "E=1.8", "--target-loss", "1.9"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn accuracy_of_a_task_by_way_of_the_loss() {
    let mut csv = "task,params,tokens,loss,accuracy\n".to_owned();
    let truth = |n: f64, d: f64| {
        let loss = 0.55 + 60.0 * n.powf(-0.26) + 300.0 * d.powf(-0.29);
        (loss, 0.25 + 0.6 / (1.0 + (4.0 * (loss - 0.95)).exp()))
    };
    for n in [1.9e8, 3.7e8, 7.6e8, 1.3e9, 3.2e9] {
        for m in [20.0, 40.0, 100.0, 200.0] {
            let (loss, accuracy) = truth(n, m * n);
            let _ = writeln!(csv, "quiz,{n},{},{loss},{accuracy}", m * n);
        }
    }
    let args = ["fit", "task", "FILE", "--json", "--at", "7e9,4e12", "--bootstraps", "40"];
    let got = json(&with_file("models.csv", &csv, &args));
    let (_, wanted) = truth(7e9, 4e12);
    let accuracy = got["tasks"][0]["at"][0]["accuracy"].as_f64().unwrap();
    assert!((accuracy - wanted).abs() < 0.02, "{accuracy} for {wanted}: {got}");
    assert!(got["tasks"][0]["held_out"]["mean_absolute_error"].as_f64().unwrap() < 0.02, "{got}");
}

/// The same law from a file, from constants and from the runs; and a headline, what would change it, a figure, a page.
#[test]
fn a_saved_law_and_a_page_for_the_board() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("runs.csv"), runs()).unwrap();
    let go = |args: &[&str]| outthink(home.path()).args(args).output().unwrap();
    let few = ["--starts", "60", "--bootstraps", "60"];
    let mut save = vec!["fit", "pretrain", "runs.csv", "--save", "law.json", "--hold", "beta=alpha", "--json"];
    save.extend(few);
    save.extend(MAPS);
    let runs_file = at("runs.csv");
    let law_file = at("law.json");
    save[2] = &runs_file;
    save[4] = &law_file;
    let fitted = json(&go(&save));
    let law = &fitted["chinchilla"]["law"];
    assert_eq!(law["alpha"], law["beta"], "{law}");
    let constants =
        format!("E={},A={},alpha={},B={},beta={}", law["floor"], law["a"], law["alpha"], law["b"], law["beta"]);
    let (page, svg) = (at("page.html"), at("frontier.svg"));
    let plan = |law: &str, more: &[&str]| {
        let mut args =
            vec!["plan", "--json", "--params", "1e9", "--law", law, "--goal", "loss=2.2", "--queries", "1e9"];
        args.extend(more);
        json(&go(&args))
    };
    let from_file = plan(&law_file, &["--page", &page, "--svg", &svg, "--hardware", "a100"]);
    let from_constants = plan(&constants, &["--hardware", "a100"]);
    let usd = |got: &Value| got["options"][0]["usd"].as_f64().unwrap();
    assert!((usd(&from_file) / usd(&from_constants) - 1.0).abs() < 1e-9);
    assert_eq!(from_file["hardware"]["flops"], 312e12);
    let inputs: Vec<&str> =
        from_file["tornado"].as_array().unwrap().iter().map(|s| s["input"].as_str().unwrap()).collect();
    assert!(inputs.len() >= 3 && inputs.iter().any(|i| i.starts_with("where a run ends")), "{inputs:?}");
    assert!(from_file["frontier"].as_array().unwrap().len() > 20);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains(&from_file["headline"].as_str().unwrap()[..20]) && html.contains("<svg "), "{html}");
    assert!(html.contains("prefers-color-scheme: dark") && html.contains("@media print"));
    assert!(std::fs::read_to_string(&svg).unwrap().contains("the plan"));
    // Intervals are those of a run, and a margin is offered; a law saved by an earlier version says what it has.
    assert_eq!(from_file["loss_interval_of"], "run");
    let planned = from_file["margin"]["planned_loss"].as_f64().unwrap();
    assert!(planned < 2.2 && from_file["margin"]["usd"].as_f64().unwrap() > usd(&from_file), "{from_file}");
    assert!(html.contains("are of a run"), "{html}");
    let mut earlier = json(&go(&["plan", "--json", "--params", "1e9"]));
    assert!(earlier["margin"].is_null());
    earlier = serde_json::from_str(&std::fs::read_to_string(&law_file).unwrap()).unwrap();
    earlier["schema"] = 1.into();
    earlier.as_object_mut().unwrap().remove("errors");
    let old = at("old.json");
    std::fs::write(&old, earlier.to_string()).unwrap();
    let of_old = plan(&old, &["--hardware", "a100"]);
    assert_eq!(of_old["loss_interval_of"], "mean");
    assert!(of_old["margin"].is_null() && (usd(&of_old) / usd(&from_file) - 1.0).abs() < 1e-9);
    assert!(from_constants["loss_interval_of"].is_null());
    // What one owns costs another hour than what one rents.
    let owned = plan(&law_file, &["--owned-years", "4", "--hardware", "a100"]);
    assert!(owned["hardware"]["usd_per_hour"] != from_file["hardware"]["usd_per_hour"], "{owned}");
    let staffed = plan(&law_file, &["--staff", "0.5", "--failed-runs", "0.5", "--hardware", "a100"]);
    assert!(usd(&staffed) > 1.2 * usd(&from_file), "{staffed}");
    std::fs::write(&law_file, r#"{"schema":1}"#).unwrap();
    let broken = go(&["plan", "--params", "1e9", "--law", &law_file, "--goal", "loss=2.2"]);
    assert_eq!(broken.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("--save FILE"));
}

/// The table of accelerators can be printed, edited and given back.
#[test]
fn hardware_comes_from_a_table_that_one_can_edit() {
    let home = tempfile::tempdir().unwrap();
    let go = |args: &[&str]| outthink(home.path()).args(args).output().unwrap();
    let table = String::from_utf8(go(&["plan", "--print-hardware"]).stdout).unwrap();
    let edited = table.replace("[h100]", "[ours]");
    let path = home.path().join("ours.toml");
    std::fs::write(&path, edited).unwrap();
    let path = path.to_str().unwrap();
    let got = json(&go(&["plan", "--json", "--params", "1e9", "--hardware-table", path, "--hardware", "ours"]));
    assert_eq!(got["hardware"]["flops"], 989e12);
    let missing = go(&["plan", "--params", "1e9", "--hardware-table", path]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("ours"), "the names of the table are in the hint");
    std::fs::write(path, "[x]\nflops = 1\n").unwrap();
    assert_eq!(go(&["plan", "--params", "1e9", "--hardware-table", path, "--hardware", "x"]).status.code(), Some(2));
    assert_eq!(go(&["plan", "--queries", "3"]).status.code(), Some(2), "parameters are needed but for the table");
}

/// A newer model against the line of the earlier ones.
#[test]
fn a_line_of_models_slows_or_does_not() {
    let of = |loss: &str| {
        let newest = format!("1e10,2e11,{loss}");
        let mut args =
            vec!["fit", "pretrain", "FILE", "--starts", "60", "--bootstraps", "30", "--json", "--newest", &newest];
        args.extend(MAPS);
        json(&with_file("runs.csv", &runs(), &args))["line"][0].clone()
    };
    let law = |n: f64, d: f64| 1.8 + 480.0 / n.powf(0.35) + 2_000.0 / d.powf(0.37);
    let on = law(1e10, 2e11);
    assert_eq!(of(&format!("{on}"))["verdict"], "on-the-line");
    let slow = of(&format!("{}", on * 1.3));
    assert_eq!(slow["verdict"], "slowing", "{slow}");
    assert!(slow["worth"].as_f64().unwrap() < 0.5, "{slow}");
}

/// Best-of-N by a verifier that can be deceived: the highest point is not the last.
#[test]
fn best_of_n_that_falls_has_a_best_n() {
    let mut csv = "samples,accuracy,stderr\n".to_owned();
    for (i, a) in (0..8).zip([0.224, 0.278, 0.310, 0.305, 0.286, 0.256, 0.234, 0.215]) {
        let _ = writeln!(csv, "{},{a},0.02", 1 << i);
    }
    let got = json(&with_file("curve.csv", &csv, &["fit", "inference", "FILE", "--json"]));
    let fit = &got["curves"][0]["best_of_n"];
    assert!(fit["backtest"].as_f64().unwrap() < 0.5 * fit["backtest_honest"].as_f64().unwrap(), "{got}");
    let shown = text(&with_file("curve.csv", &csv, &["fit", "inference", "FILE"]));
    assert!(shown.contains("the best number of samples is about"), "{shown}");
}

/// A curve with a hump, as a table.
fn hump() -> String {
    let points = [(1, 0.40), (2, 0.55), (4, 0.66), (8, 0.70), (16, 0.66), (32, 0.60), (64, 0.52)];
    let rows = points.map(|(k, a)| format!("m,{},{a},1000\n", 1_000 * k));
    format!("model,tokens,accuracy,problems\n{}", rows.concat())
}

#[test]
fn a_plan_knows_what_was_measured_on_a_curve_that_falls() {
    let plan = |goal: &str| {
        json(&with_file(
            "hump.csv",
            &hump(),
            &["plan", "--params", "7e9", "--inference", "FILE", "--tokens-per-query", "8000", "--goal", goal, "--json"],
        ))
    };
    let planned = plan("accuracy=0.68");
    let headline = planned["headline"].as_str().unwrap();
    assert!(headline.contains("today 0.700") && !headline.contains("No option"), "{headline}");
    let named = |name: &str| {
        let all = planned["options"].as_array().unwrap();
        all.iter().find(|o| o["name"].as_str().unwrap().contains(name)).cloned().unwrap_or_default()
    };
    assert_eq!(named("at a measured length")["accuracy"]["value"], 0.7, "{planned}");
    assert!(named("more thinking")["probability"].as_f64().unwrap() > 0.6, "{planned}");
    // More dollars do not buy more tokens where tokens do harm.
    let best = plan("usd=1000");
    assert!(best["headline"].as_str().unwrap().contains("0.700"), "{}", best["headline"]);

    let fitted = json(&with_file("hump.csv", &hump(), &["fit", "inference", "FILE", "--json"]));
    let curve = &fitted["curves"][0];
    assert_eq!(curve["choice"]["candidates"][0]["fit"]["form"], "rise-and-fall", "{curve}");
    assert!(curve["verdict"]["next_doubling"]["value"].as_f64().unwrap() < -0.02 && curve["misses"].is_null());
    assert!(curve["verdict"]["ceiling"].is_null() && curve["verdict"]["fall"]["top"] == 0.7, "{curve}");
}

#[test]
fn three_settings_make_a_plan_and_two_are_refused_in_words() {
    let rows = "tokens,accuracy,problems\n1000,0.4,500\n4000,0.55,500\n16000,0.65,500\n";
    let args = ["plan", "--params", "7e9", "--inference", "FILE", "--goal", "accuracy=0.6", "--json"];
    let planned = json(&with_file("three.csv", rows, &args));
    assert!(planned["headline"].as_str().unwrap().contains("today 0.650"), "{planned}");
    let two = with_file("two.csv", &rows[..rows.len() - 16], &args);
    let told = String::from_utf8_lossy(&two.stderr);
    assert!(!two.status.success() && told.contains("2 settings, and a plan goes by three"), "{told}");
}

#[test]
fn a_law_of_the_loss_does_not_serve_an_accuracy() {
    let law = "E=1.82,A=482,alpha=0.348,B=2085,beta=0.366";
    let output = with_file("x", "", &["plan", "--params", "7e9", "--law", law, "--goal", "accuracy=0.8"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && told.contains("does not say what reaches an accuracy of 0.8"), "{told}");
    assert!(told.contains("--goal loss=") && told.contains("fit task"), "{told}");
}

#[test]
fn reinforcement_that_falls_has_no_ceiling() {
    let rows = "step,accuracy\n10,0.45\n20,0.52\n40,0.58\n80,0.62\n160,0.60\n320,0.52\n640,0.45\n1000,0.40\n";
    let fitted = json(&with_file("rl.csv", rows, &["fit", "rl", "FILE", "--json"]));
    let run = &fitted["runs"][0];
    assert!(run["law"].is_null() && run["fall"]["top"] == 0.62 && run["misses"].is_null(), "{run}");
    let printed = text(&with_file("rl.csv", rows, &["fit", "rl", "FILE"]));
    assert!(printed.contains("no ceiling is fitted to it"), "{printed}");
}

/// The logs of trainers: what measures an accuracy is found by its name.
#[test]
fn logs_of_trainers_are_read() {
    let accuracy = [0.30, 0.42, 0.50, 0.55, 0.58, 0.60, 0.61];
    let verl = accuracy
        .iter()
        .enumerate()
        .map(|(i, a)| {
            format!(
                "step:{} - global_seqlen/min:3000 - timing_s/gen:12.5 - perf/throughput:880.0 - actor/lr:1e-06 - \
                 val-core/openai/gsm8k/acc/mean@1:{a}\n",
                10 * (i + 1)
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let trainer = serde_json::json!({"log_history": accuracy.iter().enumerate()
        .map(|(i, a)| serde_json::json!({"step": 10 * (i + 1), "epoch": 0.5 * i as f64, "eval_accuracy": a, "eval_runtime": 12.0}))
        .collect::<Vec<_>>()}).to_string();
    let chart: String =
        std::iter::once("\"Step\",\"qwen-7b - val-core/acc/mean@1\",\"qwen-14b - val-core/acc/mean@1\"\n".to_owned())
            .chain(accuracy.iter().enumerate().map(|(i, a)| format!("{},{a},{}\n", 10 * (i + 1), a + 0.1)))
            .collect();
    for (name, content, runs) in [("verl.log", &verl, 1), ("trainer_state.json", &trainer, 1), ("wandb.csv", &chart, 2)]
    {
        let fitted = json(&with_file(name, content, &["fit", "rl", "FILE", "--json"]));
        let all = fitted["runs"].as_array().unwrap();
        assert_eq!(all.len(), runs, "{name}: {fitted}");
        let ceiling = all[0]["law"]["ceiling"].as_f64().unwrap();
        assert!((0.55..0.75).contains(&ceiling), "{name}: {ceiling}");
        assert!(name != "wandb.csv" || all[0]["run"] == "qwen-7b", "{fitted}");
    }
}

/// Numbers as people write them, and what is missing.
#[test]
fn cells_as_people_write_them() {
    let fit = |content: &str| json(&with_file("t.csv", content, &["fit", "inference", "FILE", "--json"]));
    let of = |v: &serde_json::Value| {
        v["curves"][0]["choice"]["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["fit"]["form"] == "log-linear")
            .unwrap()["fit"]["intervals"]
            .clone()
    };
    let plain = fit("tokens,accuracy,problems\n1000,0.40,300\n4000,0.50,300\n16000,0.58,300\n50000,0.65,300\n");
    for written in [
        "avg output tokens,score,n\n1k,40%,300\n4k,50%,300\n16k,58%,300\n\"50,000\",65%,300\n",
        "tokens;accuracy;questions\n1000;0,40;300\n4.000,0;0,50;300\n16000;0,58;300\n50000;0,65;300\n",
        "tokens,accuracy,total,stderr\n1000,0.40,300,\n4000,0.50,300,NaN\n16000,0.58,300,n/a\n50000,0.65,300,\n2000,nan,300,\n",
        "tokens,accuracy,num_samples\n1000,0.40,300\n1000,0.40,300\n4000,0.50,300\n16000,0.58,300\n50000,0.65,300\n",
    ] {
        assert_eq!(of(&fit(written)), of(&plain), "{written}");
    }
    let notes = |content: &str| fit(content)["notes"].to_string();
    assert!(
        notes("tokens,accuracy,n\n1,0.4,300\n4,0.5,300\n16,0.58,300\n")
            .contains("`n` is read as the number of problems")
    );
    let twice = "tokens,accuracy,problems\n1,0.4,300\n1,0.4,300\n4,0.5,300\n16,0.58,300\n";
    assert!(notes(twice).contains("1 of 4 rows that repeat"));
    // One gap among the standard errors is filled by the largest, and said.
    let gap = "tokens,accuracy,stderr\n1,0.4,0.02\n4,0.5,N/A\n16,0.58,0.03\n";
    assert!(notes(gap).contains("1 points without a standard error"));
    // Parameters in millions by the column's name, and parameters that the compute leaves.
    let law =
        |content: &str| json(&with_file("p.csv", content, &["fit", "pretrain", "FILE", "--bootstraps", "0", "--json"]));
    let (mut millions, mut compute) = ("params_m,tokens,loss\n".to_owned(), "tokens,flops,loss\n".to_owned());
    for line in runs().lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let _ = writeln!(millions, "{},{},{}", cells[0] / 1e6, cells[1], cells[2]);
        let _ = writeln!(compute, "{},{},{}", cells[1], 6.0 * cells[0] * cells[1], cells[2]);
    }
    for content in [&millions, &compute] {
        let alpha = law(content)["chinchilla"]["law"]["alpha"].as_f64().unwrap();
        assert!((alpha - 0.35).abs() < 1e-3, "{alpha}");
    }
}

#[test]
fn a_loss_that_does_not_move_is_refused() {
    let rows = (0..12).map(|i| format!("{}e8,{}e9,2.5\n", 1 + i % 4, 1 + i / 4)).collect::<Vec<_>>().concat();
    let output = with_file("flat.csv", &format!("params,tokens,loss\n{rows}"), &["fit", "pretrain", "FILE"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && told.contains("the same loss"), "{told}");
}
