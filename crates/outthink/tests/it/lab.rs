//! `outthink lab`.

use super::{outthink, report};
use serde_json::Value;
use std::fs;

/// The accuracy of a curve where so much was turned up.
fn at(curve: &Value, setting: f64) -> f64 {
    let point = curve.as_array().unwrap().iter().find(|p| p["setting"] == setting);
    point.and_then(|p| p["accuracy"].as_f64()).unwrap_or_else(|| panic!("no point at {setting}: {curve:#}"))
}

#[test]
#[ignore = "takes minutes; .ci/run runs it"]
fn three_minutes_show_three_curves_and_a_model_that_learnt() {
    let home = tempfile::tempdir().unwrap();
    let args = ["lab", "--minutes", "3", "--threads", "2", "--out", "lab"];
    let output = outthink(home.path()).current_dir(home.path()).args(args).output().unwrap();
    assert!(output.status.success(), "{}", report(&output, home.path()));
    println!("{}", String::from_utf8_lossy(&output.stdout));
    let curves = fs::read_to_string(home.path().join("lab/curves.svg")).unwrap();
    for title in ["Pre-training", "Reinforcement learning", "Thinking"] {
        assert!(curves.contains(title));
    }
    let text = fs::read_to_string(home.path().join("lab/lab.json")).unwrap();
    let lab: Value = serde_json::from_str(&text).unwrap();
    let report = fs::read_to_string(home.path().join("lab/report.md")).unwrap();
    for heading in ["## Pre-training", "## Reinforcement learning", "## Thinking before", "## Thinking after"] {
        assert!(report.contains(heading), "{report}");
    }
    assert!(lab["grid"].as_array().unwrap().len() >= 16, "{:#}", lab["grid"]);
    assert!(lab["rl"].as_array().unwrap().len() >= 3, "{:#}", lab["rl"]);

    // Sampled at temperature 1, as a vote draws them.
    let sampled = lab["sft"]["accuracy"].as_f64().unwrap();
    assert!(sampled >= 0.70, "fine-tuning reached {sampled}");
    let vote = &lab["before"]["vote"];
    let (one, sixteen) = (at(vote, 1.0), at(vote, 16.0));
    assert!(sixteen >= one + 0.10, "one sample {one}, a vote of 16 {sixteen}");
}
