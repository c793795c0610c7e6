//! JSON lines, plain or gzipped.

use crate::EvalError;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Calls `take` with each line that is not blank and its number; what `take` says is wrong comes
/// back with the file and the line.
pub(crate) fn each_line(path: &Path, mut take: impl FnMut(&str) -> Result<(), String>) -> Result<(), EvalError> {
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    let gzipped = is_gzip(path)?;
    let file = File::open(path).map_err(unreadable)?;
    let reader: Box<dyn BufRead> =
        if gzipped { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(BufReader::new(file)) };
    for (number, line) in reader.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        if !line.trim().is_empty() {
            take(&line).map_err(|problem| EvalError::Line { path: path.to_owned(), line: number + 1, problem })?;
        }
    }
    Ok(())
}

/// Whether a file begins as gzip does.
pub(crate) fn is_gzip(path: &Path) -> Result<bool, EvalError> {
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    let mut magic = [0; 2];
    let read = File::open(path).map_err(unreadable)?.read(&mut magic).map_err(unreadable)?;
    Ok(read == 2 && magic == [0x1f, 0x8b])
}
