//! Help and wrong use.

use super::{outthink, report, run};

#[test]
fn help_of_every_command() {
    // Without the embedded engine the texts are the same, so one snapshot holds for both builds; the
    // command `mcp` is a feature.
    for command in [
        "",
        "demo",
        "ask",
        "serve",
        "batch",
        "mcp",
        "models",
        "models list",
        "models pull",
        "models probe",
        "data",
        "data sweep",
        "data import",
        "data export",
        "data list",
        "data show",
        "data diff",
        "data curves",
        "data rm",
        "replay",
        "fit",
        "fit pretrain",
        "fit rl",
        "fit inference",
        "report",
        "plan",
        "train",
        "train pretrain",
        "train sft",
        "train rl",
        "train recipe",
        "train lab",
        "train export",
        "keys",
        "keys create",
        "keys team",
        "keys teams",
        "config",
        "config check",
        "config prices",
        "strategies",
        "verifiers",
        "completions",
        "bench",
        "bench accuracy",
        "bench decode",
        "bench stream",
        "bench two-answers",
        "bench decide",
    ] {
        if !cfg!(feature = "mcp") && ["", "mcp"].contains(&command) {
            continue;
        }
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.push("--help");
        let output = run(&args);
        assert!(output.status.success());
        let name = format!("help_{}", command.replace(' ', "_"));
        insta::assert_snapshot!(name, String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn the_short_help_of_ask_fits_a_screen() {
    let output = run(&["ask", "-h"]);
    assert!(output.status.success());
    insta::assert_snapshot!("short_help_ask", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn old_names_do_what_the_new_ones_do() {
    for (old, new) in [
        ("sweep", "data sweep"),
        ("runs list", "data list"),
        ("runs rm", "data rm"),
        ("store import", "data import"),
        ("store export", "data export"),
        ("probe", "models probe"),
        ("lab", "train lab"),
    ] {
        let help = |command: &str| {
            let mut args: Vec<&str> = command.split_whitespace().collect();
            args.push("--help");
            let output = run(&args);
            assert!(output.status.success(), "{command}");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            // What follows the line of use, in which the name stands.
            text.split_once("Usage:").unwrap().1.split_once('\n').unwrap().1.to_owned()
        };
        assert_eq!(help(old), help(new), "{old}");
    }
    // The flag is known: what is wrong is the file.
    for old in ["--yardstick", "--baselines"] {
        let output = run(&["replay", "no-such.jsonl", old]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("no-such.jsonl"), "{old}");
    }
    let listed = run(&["--help"]);
    let listed = String::from_utf8_lossy(&listed.stdout);
    for old in ["sweep", "runs", "store", "probe", "lab", "bench"] {
        assert!(!listed.contains(&format!("\n  {old} ")), "{old} is listed");
    }
}

#[test]
fn completions_and_man_pages_are_made_of_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success(), "{shell}");
        let script = String::from_utf8_lossy(&output.stdout);
        assert!(script.contains("budget-tokens") && script.contains("sweep"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["man", folder.path().to_str().unwrap()]);
    assert!(output.status.success());
    let page = |name: &str| std::fs::read_to_string(folder.path().join(name));
    assert!(page("outthink.1").unwrap().contains("outthink\\-data"));
    assert!(page("outthink-data-sweep.1").unwrap().contains("\\-\\-samples"));
    assert!(page("outthink-sweep.1").is_err(), "old names have no page");
}

#[test]
fn wrong_use_says_how_to_fix_it() {
    let upstream = ["--upstream", "http://127.0.0.1:9/v1"];
    let cases: [(&str, &[&str]); 17] = [
        ("empty_question", &["ask", "  "]),
        ("unknown_effort", &["ask", "q", "--effort", "huge"]),
        ("unknown_strategy", &["ask", "q", "--strategy", "majority"]),
        ("unknown_setting", &["ask", "q", "--strategy", "esc", "--set", "widow=3"]),
        ("unknown_verifier", &["ask", "q", "--verifier", "foo:1"]),
        ("unknown_dialect", &["ask", "q", "--dialect", "vlm"]),
        ("no_verifier", &["ask", "q", "--strategy", "weighted-best-of-n"]),
        ("one_arm", &["ask", "q", "--strategy", "ensemble"]),
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

#[test]
fn a_wrong_word_is_refused_before_a_model_is_fetched() {
    // Without a server the model would be fetched, and there is no network behind this address.
    for words in [
        &["--verifier", "foo:1"][..],
        &["--verifier", "wasm:no-such-file"],
        &["--verifier", "judge:no-such-model"],
        &["--strategy", "beem"],
        &["--strategy", "cascade", "--arm", "no-such-model"],
        &["--strategy", "revise"],
        &["--effort", "hihg"],
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut command = outthink(home.path());
        let output = command.arg("ask").arg("q").args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{words:?}");
        assert!(!said.contains("fetch") && !said.contains("download"), "{words:?}: {said}");
        let files = std::fs::read_dir(home.path()).unwrap().count();
        assert_eq!(files, 0, "{words:?} left files behind");
    }
}

#[test]
fn an_entry_is_described() {
    let output = run(&["strategies", "esc"]);
    assert!(output.status.success());
    insta::assert_snapshot!("strategies_esc", String::from_utf8_lossy(&output.stdout));
    let output = run(&["verifiers", "countdown"]);
    insta::assert_snapshot!("verifiers_countdown", String::from_utf8_lossy(&output.stdout));
    let output = run(&["strategies", "majority"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `self-consistency`?"));
}
