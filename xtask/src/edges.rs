//! Which crate may use which: edges between our own, and walls around heavy dependencies.
//!
//! Only what ships is held to it. A test may wire what it needs, so `dev-dependencies` are free. Test doubles
//! are the other way round: no crate may ship with them.

use crate::Finding;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

/// Each of our crates and those of ours that it may use. A new crate gets its line here first.
const EDGES: &[(&str, &[&str])] = &[
    ("outthink-core", &[]),
    ("outthink-law", &["outthink-core"]),
    ("outthink-verify", &["outthink-core"]),
    ("outthink-strategy", &["outthink-core", "outthink-verify"]),
    ("outthink-runner", &["outthink-core", "outthink-strategy", "outthink-verify"]),
    ("outthink-train", &["outthink-core", "outthink-law", "outthink-verify"]),
    ("outthink-engine", &["outthink-core"]),
    ("outthink-llama", &["outthink-core"]),
    ("outthink-ledger", &["outthink-core"]),
    ("outthink-mcp", &["outthink-core"]),
    ("outthink-eval", &["outthink-core", "outthink-law", "outthink-strategy", "outthink-verify"]),
    (
        "outthink-serve",
        &["outthink-core", "outthink-ledger", "outthink-runner", "outthink-strategy", "outthink-verify"],
    ),
    (
        "outthink",
        &[
            "outthink-core",
            "outthink-engine",
            "outthink-eval",
            "outthink-law",
            "outthink-ledger",
            "outthink-llama",
            "outthink-mcp",
            "outthink-runner",
            "outthink-serve",
            "outthink-strategy",
            "outthink-train",
            "outthink-verify",
        ],
    ),
    ("outthink-testkit", &["outthink-core"]),
    ("outthink-python", &["outthink-core", "outthink-eval", "outthink-law", "outthink-strategy", "outthink-verify"]),
    ("xtask", &["outthink-core", "outthink-engine", "outthink-law", "outthink-strategy", "outthink-verify"]),
];

/// The test doubles: for `dev-dependencies` alone, and never published.
const TESTKIT: &str = "outthink-testkit";

/// A dependency that stays in few places.
struct Wall {
    /// The packages.
    packages: &'static [&'static str],
    /// The crates that may use them.
    inside: &'static [&'static str],
    /// Why.
    reason: &'static str,
}

const WALLS: &[Wall] = &[
    Wall {
        packages: &["reqwest", "ureq", "hf-hub"],
        inside: &["outthink-engine", "outthink"],
        reason: "engines are the one place with an HTTP client; the binary fetches models",
    },
    Wall {
        packages: &["rmcp"],
        inside: &["outthink-mcp"],
        reason: "the Model Context Protocol is spoken in one place",
    },
    Wall { packages: &["pyo3"], inside: &["outthink-python"], reason: "Python is spoken in one place" },
    Wall { packages: &["wasmi"], inside: &["outthink-engine"], reason: "code of others runs in one place" },
    Wall {
        packages: &["hyper", "hyper-util"],
        inside: &["outthink-engine", "outthink-mcp", "outthink-serve", "outthink"],
        reason: "HTTP by hand belongs to the engines, to the gateway's connections and to the tool's",
    },
    Wall {
        packages: &["axum", "axum-extra", "tower", "tower-http"],
        inside: &["outthink-serve"],
        reason: "the gateway is the one place with a web framework",
    },
    Wall {
        packages: &["clap", "anyhow", "indicatif", "tracing-subscriber"],
        inside: &["outthink", "xtask"],
        reason: "the binary is the one place with a command line; libraries have typed errors",
    },
    Wall {
        packages: &["llama-cpp-2", "llama-cpp-sys-2"],
        inside: &["outthink-llama"],
        reason: "the embedded engine is the one place with C++",
    },
    Wall {
        packages: &["kuva", "plotters", "resvg"],
        inside: &["outthink"],
        reason: "figures are drawn in one module of the binary",
    },
    Wall {
        packages: &["rusqlite", "sqlx", "tokio-postgres"],
        inside: &["outthink-eval", "outthink-ledger"],
        reason: "samples live in one database and money in another; nothing else speaks SQL",
    },
    Wall {
        packages: &["tokio", "async-std", "smol"],
        inside: &[
            "outthink-runner",
            "outthink-engine",
            "outthink-llama",
            "outthink-eval",
            "outthink-ledger",
            "outthink-mcp",
            "outthink-serve",
            "outthink-testkit",
            "outthink",
        ],
        reason: "the core, the checkers, the strategies and the laws are pure and need no async runtime",
    },
];

/// Checks the manifests of all crates under `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let workspace = read(&root.join("Cargo.toml"))?;
    let mut places = vec!["xtask".to_owned()];
    for entry in fs::read_dir(root.join("crates")).context("crates")? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            places.push(format!("crates/{}", entry.file_name().to_string_lossy()));
        }
    }
    places.sort();
    let mut findings = Vec::new();
    for folder in places {
        let place = format!("{folder}/Cargo.toml");
        findings.extend(check_one(&place, &read(&root.join(&place))?, &workspace));
    }
    Ok(findings)
}

fn read(path: &Path) -> Result<Table> {
    let name = || path.display().to_string();
    fs::read_to_string(path).with_context(name)?.parse().with_context(name)
}

/// Checks one manifest.
fn check_one(place: &str, manifest: &Table, workspace: &Table) -> Vec<Finding> {
    let name = at(manifest, &["package", "name"]).and_then(Value::as_str).unwrap_or_default();
    let mut findings = Vec::new();
    if place.split('/').nth_back(1) != Some(name) {
        findings.push(Finding::new(place, format!("the folder is not named as its crate `{name}`")));
    }
    if at(manifest, &["lints", "workspace"]).and_then(Value::as_bool) != Some(true) {
        findings.push(Finding::new(place, "the workspace's lints are off: add `[lints]` with `workspace = true`"));
    }
    let Some((_, allowed)) = EDGES.iter().find(|e| e.0 == name) else {
        findings.push(Finding::new(
            place,
            format!("`{name}` is not in the table of xtask/src/edges.rs: add what it may use"),
        ));
        return findings;
    };
    if name == TESTKIT && at(manifest, &["package", "publish"]).and_then(Value::as_bool) != Some(false) {
        findings.push(Finding::new(place, "test doubles are not published: set `publish = false`"));
    }
    for package in shipped(manifest, workspace) {
        if package == TESTKIT {
            let words = format!("`{name}` ships with test doubles: `{TESTKIT}` belongs under `dev-dependencies`");
            findings.push(Finding::new(place, words));
            continue;
        }
        let ours = EDGES.iter().any(|e| e.0 == package);
        if ours && !allowed.contains(&package.as_str()) {
            findings.push(Finding::new(
                place,
                format!("`{name}` may not use `{package}`: see the table in xtask/src/edges.rs"),
            ));
        }
        for wall in WALLS {
            if wall.packages.contains(&package.as_str()) && !wall.inside.contains(&name) {
                findings.push(Finding::new(place, format!("`{name}` may not use `{package}`: {}", wall.reason)));
            }
        }
    }
    findings
}

/// The packages that a crate ships with, by their own names and not by what they are renamed to.
fn shipped(manifest: &Table, workspace: &Table) -> BTreeSet<String> {
    let kinds = ["dependencies", "build-dependencies"];
    let mut tables: Vec<&Table> = kinds.iter().filter_map(|k| at(manifest, &[k])?.as_table()).collect();
    let targets = at(manifest, &["target"]).and_then(Value::as_table);
    for target in targets.into_iter().flat_map(Table::values) {
        let target = target.as_table();
        tables.extend(kinds.iter().filter_map(|k| at(target?, &[k])?.as_table()));
    }
    let mut packages = BTreeSet::new();
    for (key, value) in tables.into_iter().flatten() {
        let inherited = at(workspace, &["workspace", "dependencies", key]);
        let package = [Some(value), inherited]
            .into_iter()
            .flatten()
            .find_map(|v| v.as_table()?.get("package")?.as_str())
            .unwrap_or(key);
        packages.insert(package.to_owned());
    }
    packages
}

/// The value at a path of keys.
fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (last, first) = path.split_last()?;
    let mut table = table;
    for key in first {
        table = table.get(*key)?.as_table()?;
    }
    table.get(*last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(name: &str, rest: &str) -> Vec<String> {
        let manifest = format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{rest}");
        let workspace = "[workspace.dependencies]\nhttp = { package = \"reqwest\", version = \"0\" }";
        check_one(&format!("crates/{name}/Cargo.toml"), &manifest.parse().unwrap(), &workspace.parse().unwrap())
            .into_iter()
            .map(|f| f.message)
            .collect()
    }

    #[test]
    fn an_edge_of_the_table_passes() {
        let rest = "[dependencies]\noutthink-core.workspace = true\nserde = \"1\"";
        assert!(messages("outthink-verify", rest).is_empty());
    }

    #[test]
    fn an_edge_outside_the_table_is_found() {
        let found = messages("outthink-core", "[dependencies]\noutthink-verify.workspace = true");
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("may not use `outthink-verify`"), "{found:?}");
    }

    #[test]
    fn walls_hold_for_renamed_inherited_build_and_target_dependencies() {
        for rest in [
            "[dependencies]\nreqwest = \"0\"",
            "[dependencies]\nnet = { package = \"reqwest\", version = \"0\" }",
            "[dependencies]\nhttp.workspace = true",
            "[build-dependencies]\nreqwest = \"0\"",
            "[target.'cfg(unix)'.dependencies]\nreqwest = \"0\"",
        ] {
            assert_eq!(messages("outthink-core", rest).len(), 1, "{rest}");
            assert!(messages("outthink-engine", rest).is_empty(), "{rest}");
        }
    }

    #[test]
    fn a_test_may_use_anything() {
        let rest = "[dev-dependencies]\ntokio = \"1\"\noutthink-strategy.workspace = true";
        assert!(messages("outthink-law", rest).is_empty());
    }

    #[test]
    fn test_doubles_are_for_tests_alone_and_unpublished() {
        for section in ["dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let found = messages("outthink-engine", &format!("[{section}]\noutthink-testkit.workspace = true"));
            assert_eq!(found.len(), 1, "{section}: {found:?}");
            assert!(found[0].contains("dev-dependencies"), "{found:?}");
        }
        assert!(messages("outthink-engine", "[dev-dependencies]\noutthink-testkit.workspace = true").is_empty());
        let found = messages("outthink-testkit", "[dependencies]\noutthink-core.workspace = true\ntokio = \"1\"");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("publish"), "{found:?}");
    }

    #[test]
    fn a_crate_without_a_line_in_the_table_is_found() {
        assert!(messages("outthink-dream", "")[0].contains("add what it may use"));
    }

    #[test]
    fn a_folder_with_another_name_and_missing_lints_are_found() {
        let manifest = "[package]\nname = \"outthink-law\"".parse().unwrap();
        let found = check_one("crates/laws/Cargo.toml", &manifest, &Table::new());
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn the_table_has_no_cycles() {
        fn reaches(from: &str, to: &str) -> bool {
            EDGES.iter().find(|e| e.0 == from).is_some_and(|e| e.1.iter().any(|next| *next == to || reaches(next, to)))
        }
        // A cycle would not come back from `reaches`; each edge must point to an earlier line.
        for (index, (name, uses)) in EDGES.iter().enumerate() {
            for used in *uses {
                let at = EDGES.iter().position(|e| e.0 == *used);
                assert!(at.is_some_and(|at| at < index), "{name} uses {used}");
            }
            assert!(!reaches(name, name), "{name}");
        }
    }
}
