//! Every route of the gateway is described in the `openapi.json` of its folder, or of one above it.

use crate::Finding;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The gateway's sources.
const SOURCES: &str = "crates/outthink-serve/src";
/// Where routes are that the document leaves out: what the page reads, metrics, the older name of `/health/live`.
const LEFT_OUT: [&str; 4] = ["/outthink/", "/v1/outthink/records/", "/metrics", "/health\""];

/// Checks the routes in the sources under `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut files = Vec::new();
    collect(&root.join(SOURCES), &mut files)?;
    let read = |path: &PathBuf| fs::read_to_string(path).with_context(|| path.display().to_string());
    let mut documents = String::new();
    for path in files.iter().filter(|path| path.ends_with("openapi.json")) {
        documents += &read(path)?;
    }
    let mut findings = Vec::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "rs")) {
        for (line, route) in routes(&read(path)?) {
            let quoted = format!("\"{}\"", route.replace("{*", "{"));
            let is_left_out = LEFT_OUT.iter().any(|out| quoted[1..].starts_with(out));
            if !is_left_out && !documents.contains(&format!("{quoted}: ")) {
                let place = path.strip_prefix(root).unwrap_or(path).display();
                let words = format!("the route {route} is in no openapi.json: describe it in that of its folder");
                findings.push(Finding::new(format!("{place}:{line}"), words));
            }
        }
    }
    Ok(findings)
}

/// The files in a folder and in those within it.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The paths of routes in a source, each with its line.
fn routes(source: &str) -> Vec<(usize, String)> {
    let in_line = |(number, line): (usize, &str)| {
        let parts: Vec<(usize, String)> = line
            .split(".route(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .map(|path| (number + 1, path.to_owned()))
            .collect();
        parts
    };
    source.lines().enumerate().flat_map(in_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_a_description_is_found() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(SOURCES).join("api");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("openapi.json"), r#"{"paths": {"/v1/a/{id}": {"get": {}}}}"#).unwrap();
        let source = "r\n.route(\"/v1/a/{*id}\", get(a)).route(\"/v1/b\", get(b)).route(\"/health\", get(c))\n";
        fs::write(folder.join("mod.rs"), source).unwrap();
        let findings = check(root.path()).unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].place.ends_with("mod.rs:2") && findings[0].message.contains("/v1/b"), "{findings:?}");
    }
}
