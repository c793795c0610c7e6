//! `outthink models`.

use super::{outthink, report};
use std::fs;

#[test]
fn an_empty_home_lists_all_models_but_the_built_in_ones_as_absent() {
    let home = tempfile::tempdir().unwrap();
    let output = outthink(home.path()).args(["models", "list"]).output().unwrap();
    insta::assert_snapshot!("models_list", report(&output, home.path()));
    let output = outthink(home.path()).args(["models", "list", "--json"]).output().unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for row in rows.as_array().unwrap() {
        assert!(row["sources"][0].is_object(), "{row}");
        let built_in = row["name"].as_str().is_some_and(|name| name.starts_with("desk"));
        assert_eq!(row["present"], built_in, "{row}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_ends_it_without_a_word() {
    let home = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = outthink(home.path()).args(["models", "list"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(141), ""));
}

#[test]
fn a_model_that_is_not_here_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let output = outthink(home.path()).args(["models", "path", "smollm2-135m"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("models_path_absent", report(&output, home.path()));
    let output = outthink(home.path()).args(["models", "pull", "smollm2-135m"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("models_pull_offline", report(&output, home.path()));
}

#[test]
fn a_source_that_fails_leaves_no_file_behind() {
    let home = tempfile::tempdir().unwrap();
    let output = outthink(home.path())
        .env_remove("OUTTHINK_OFFLINE")
        .env("HF_HUB_OFFLINE", "1")
        .env("OUTTHINK_PYTHON", "no-such-python")
        .args(["models", "pull", "qwen2.5-coder-0.5b", "--quiet"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("models_pull_no_source", report(&output, home.path()));
    let left: Vec<_> = fs::read_dir(home.path().join("models"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|path| path.extension().is_none_or(|e| e != "lock"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_path_to_a_file_is_checked() {
    let home = tempfile::tempdir().unwrap();
    let (good, bad) = (home.path().join("good.gguf"), home.path().join("bad.gguf"));
    fs::write(&good, b"GGUF....").unwrap();
    fs::write(&bad, b"PK......").unwrap();
    let output = outthink(home.path()).args(["models", "path"]).arg(&good).output().unwrap();
    assert!(output.status.success());
    let output = outthink(home.path()).args(["models", "path"]).arg(&bad).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not a GGUF file"));
}
