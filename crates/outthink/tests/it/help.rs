//! Help and wrong use.

use super::{outthink, report, run};

#[test]
fn help_of_every_command() {
    // Without the embedded engine the texts are the same, so one snapshot holds for both builds.
    for command in [
        "",
        "ask",
        "models",
        "models list",
        "models pull",
        "serve",
        "config",
        "config check",
        "keys",
        "keys create",
        "fit",
        "fit pretrain",
        "fit rl",
        "fit inference",
        "plan",
        "replay",
        "sweep",
        "runs",
        "runs list",
        "runs show",
        "runs diff",
        "runs curves",
        "runs rm",
        "store",
        "store import",
        "store export",
        "report",
        "bench",
        "bench accuracy",
        "bench decode",
        "bench stream",
        "bench two-answers",
        "bench decide",
        "train",
        "train pretrain",
        "train sft",
        "train rl",
        "train export",
        "train recipe",
        "lab",
        "demo",
    ] {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.push("--help");
        let output = run(&args);
        assert!(output.status.success());
        let name = format!("help_{}", command.replace(' ', "_"));
        insta::assert_snapshot!(name, String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn wrong_use_says_how_to_mend_it() {
    let upstream = ["--upstream", "http://127.0.0.1:9/v1"];
    let cases: [(&str, &[&str]); 12] = [
        ("empty_question", &["ask", "  "]),
        ("unknown_effort", &["ask", "q", "--effort", "huge"]),
        ("unknown_strategy", &["ask", "q", "--strategy", "majority"]),
        ("zero_tokens", &["ask", "q", "--budget-tokens", "0"]),
        ("zero_samples", &["ask", "q", "--samples", "0"]),
        ("dollars_without_price", &["ask", "q", "--budget-usd", "0.1"]),
        ("one_and_five_samples", &["ask", "q", "--effort", "none", "--samples", "5"]),
        ("target_out_of_range", &["ask", "q", "--target-confidence", "1.5"]),
        ("negative_price", &["ask", "q", "--price-output=-1"]),
        ("temperature_out_of_range", &["ask", "q", "--temperature=-1"]),
        ("unknown_model", &["models", "pull", "gpt-9"]),
        ("missing_file", &["models", "path", "no-such.gguf"]),
    ];
    for (name, args) in cases {
        let home = tempfile::tempdir().unwrap();
        let mut command = outthink(home.path());
        command.args(args);
        if args[0] == "ask" {
            command.args(upstream);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        insta::assert_snapshot!(format!("wrong_{name}"), report(&output, home.path()));
    }
}

#[test]
fn an_engine_without_an_address_is_refused() {
    let output = run(&["ask", "q", "--engine", "openai"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: give --upstream URL"));
}
