//! Which models there are, where they are, and how they come here.

mod fetch;
mod hub;
mod manifest;
mod pypi;

pub(crate) use fetch::{Progress, fetch, hex, is_present};
pub(crate) use manifest::{Manifest, Model};

use crate::env;
use crate::error::CliError;
use std::path::{Path, PathBuf};

/// Whether a `--model` value is meant as a file: it ends in `.gguf` or holds a separator.
pub(crate) fn is_path(model: &str) -> bool {
    let extension = Path::new(model).extension();
    extension.is_some_and(|e| e.eq_ignore_ascii_case("gguf")) || model.contains('/')
}

/// A model's file that is here.
#[derive(Debug, Clone)]
pub(crate) struct Located {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its name in the API: of the manifest, or the file's without its ending.
    pub(crate) id: String,
}

/// The file of a model by its manifest name or path, fetched if it must be.
pub(crate) fn locate(model: Option<&str>, progress: Progress) -> Result<Located, CliError> {
    let manifest = Manifest::embedded()?;
    let entry = match model {
        None => manifest.default_model()?,
        Some(path) if is_path(path) => {
            let path = local_file(Path::new(path))?;
            let id = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            return Ok(Located { path, id });
        }
        Some(name) => manifest.find(name)?,
    };
    let path = fetch(entry, &env::models_dir(), progress)?;
    Ok(Located { path, id: entry.name.clone() })
}

/// Checks that a model's name is known, or that its file is here. Fetches nothing.
pub(crate) fn check(model: Option<&str>) -> Result<(), CliError> {
    match model {
        None => Ok(()),
        Some(path) if is_path(path) => local_file(Path::new(path)).map(|_| ()),
        Some(name) => Manifest::embedded()?.find(name).map(|_| ()),
    }
}

/// Checks that a path given by the user is a GGUF file.
pub(crate) fn local_file(path: &Path) -> Result<PathBuf, CliError> {
    if !path.is_file() {
        return Err(CliError::usage(format!("there is no file {}", path.display()))
            .hint("`outthink models list` shows the models that have names"));
    }
    if !fetch::has_gguf_header(path) {
        return Err(CliError::usage(format!("{} is not a GGUF file", path.display()))
            .hint("only models in llama.cpp's GGUF format can be loaded"));
    }
    Ok(path.to_path_buf())
}
