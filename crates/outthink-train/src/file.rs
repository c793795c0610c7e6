//! Files that are whole or not there.

use crate::error::TrainError;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Writes a file beside its place and moves it there, so that a full disk or a kill leaves the old one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let write = || {
        let mut file = fs::File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(|source| {
        // What could not be written whole is of no use; that it cannot be taken away changes nothing.
        let _ = fs::remove_file(&part);
        TrainError::Write { path: path.to_path_buf(), source }
    })
}
