//! Runs the tests in Python, on the module that was just built.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// A Python from 3.10 on: the one of `OUTTHINK_PYTHON`, or `python3`.
fn python() -> Option<String> {
    let python = env::var("OUTTHINK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let check = "import sys; sys.exit(sys.version_info < (3, 10))";
    let found = Command::new(&python).args(["-c", check]).output().is_ok_and(|o| o.status.success());
    found.then_some(python)
}

/// The module lies two folders above this test: `target/debug/deps/python-…`.
fn module() -> PathBuf {
    let folder = env::current_exe().unwrap().ancestors().nth(2).unwrap().to_path_buf();
    let name = format!("{}_outthink{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    [folder.join(&name), folder.join("deps").join(&name)].into_iter().find(|p| p.is_file()).unwrap_or(folder.join(name))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The package with the module that was just built, in a folder for `PYTHONPATH`.
fn package() -> tempfile::TempDir {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("outthink");
    copy(&here.join("python/outthink"), &package);
    fs::copy(module(), package.join("_outthink.abi3.so")).unwrap();
    folder
}

#[test]
fn the_path_of_a_researcher() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python from 3.10 on was found; set OUTTHINK_PYTHON to one");
        return;
    };
    let folder = package();
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/paths/researcher.py"))
        .env("PYTHONPATH", folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    eprintln!("{said}");
    assert!(output.status.success() && said.contains("path: done"), "{said}");
}

#[test]
fn the_tests_in_python_pass() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python from 3.10 on was found; set OUTTHINK_PYTHON to one");
        return;
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = package();
    let output = Command::new(python)
        .args(["-m", "unittest", "discover", "-v", "-p", "test_recordings*.py", "-s"])
        .arg(here.join("tests"))
        .env("PYTHONPATH", folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    eprintln!("{said}");
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\nOK") && !said.contains("Ran 0 tests"), "{said}");
}
