//! Tables: JSON lines, a JSON array, CSV or Parquet, read row by row as JSON objects.

use crate::EvalError;
use crate::lines::{each_json, is_gzip};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::Path;

/// Calls `take` with each row of a table; what `take` says is wrong comes back with the file and the row.
///
/// The format is recognized by the file's first bytes and, for CSV, by its name; JSON and CSV may be gzipped. JSON is one
/// object a line, an array of them, or objects over several lines; Python's `NaN` is null. Numbers of a CSV file stay
/// text where they would not come back as they were written.
///
/// # Errors
/// If the file cannot be read, a row is broken, or `take` refuses it.
pub fn each_row(path: &Path, mut take: impl FnMut(&Map<String, Value>) -> Result<(), String>) -> Result<(), EvalError> {
    each_value(path, |row| take(row.as_object().ok_or("not a JSON object")?))
}

/// As [`each_row`], with rows of JSON that may be any value.
pub(crate) fn each_value(path: &Path, take: impl FnMut(Value) -> Result<(), String>) -> Result<(), EvalError> {
    match format_of(path)? {
        Format::Parquet => each_parquet(path, take),
        Format::Csv(delimiter) => each_csv(path, delimiter, take),
        Format::Json => each_json(path, take),
    }
}

enum Format {
    Parquet,
    Csv(u8),
    Json,
}

fn format_of(path: &Path) -> Result<Format, EvalError> {
    let mut head = Vec::with_capacity(4);
    let unreadable = |source| EvalError::Read { path: path.to_owned(), source };
    open(path)?.take(4).read_to_end(&mut head).map_err(unreadable)?;
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    Ok(match name.rsplit('.').next() {
        _ if head.starts_with(b"PAR1") => Format::Parquet,
        Some("csv") => Format::Csv(b','),
        Some("tsv") => Format::Csv(b'\t'),
        _ => Format::Json,
    })
}

fn open(path: &Path) -> Result<File, EvalError> {
    File::open(path).map_err(|source| EvalError::Read { path: path.to_owned(), source })
}

fn at(path: &Path, line: usize, problem: &dyn std::fmt::Display) -> EvalError {
    EvalError::Line { path: path.to_owned(), line, problem: problem.to_string() }
}

fn each_parquet(path: &Path, mut take: impl FnMut(Value) -> Result<(), String>) -> Result<(), EvalError> {
    let broken = |row: usize, e: parquet::errors::ParquetError| {
        at(
            path,
            row,
            &format!(
                "not readable as Parquet: {e} (files may be uncompressed, or compressed by snappy, zstd, gzip, lz4 or brotli)"
            ),
        )
    };
    let reader = SerializedFileReader::new(open(path)?).map_err(|e| broken(0, e))?;
    let rows = reader.get_row_iter(None).map_err(|e| broken(0, e))?;
    for (number, row) in (1..).zip(rows) {
        let row = row.map_err(|e| broken(number, e))?.to_json_value();
        take(row).map_err(|problem| at(path, number, &problem))?;
    }
    Ok(())
}

fn each_csv(path: &Path, delimiter: u8, mut take: impl FnMut(Value) -> Result<(), String>) -> Result<(), EvalError> {
    let file = open(path)?;
    let source: Box<dyn Read> =
        if is_gzip(path)? { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut source = std::io::BufReader::with_capacity(1 << 16, source);
    // Where a comma is the decimal point, columns are apart by semicolons.
    let head = source.fill_buf().map_err(|e| at(path, 1, &e))?;
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let semicolons = delimiter == b',' && first.contains(&b';') && !first.contains(&b',');
    let delimiter = if semicolons { b';' } else { delimiter };
    let read_cell = |cell: &str| cell_value(&if semicolons { with_point(cell) } else { Cow::Borrowed(cell) });
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(source);
    let names = reader.headers().map_err(|e| at(path, 1, &e))?.clone();
    for row in reader.records() {
        let row = row.map_err(|e| at(path, e.position().map_or(0, |p| p.line() as usize), &e))?;
        let line = row.position().map_or(0, |p| p.line() as usize);
        let cells = names
            .iter()
            .zip(&row)
            .map(|(name, cell)| (name.trim_start_matches('\u{feff}').trim().to_owned(), read_cell(cell)));
        take(Value::Object(cells.collect())).map_err(|problem| at(path, line, &problem))?;
    }
    Ok(())
}

/// A number with a decimal comma, with a point in its place: `0,5`, and `1.234,5`.
fn with_point(cell: &str) -> Cow<'_, str> {
    let text = cell.trim();
    let Some((whole, part)) = text.split_once(',') else { return Cow::Borrowed(cell) };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut groups = whole.trim_start_matches(['-', '+']).split('.');
    let leads = groups.next().is_some_and(digits);
    let number = leads
        && groups.all(|g| g.len() == 3 && digits(g))
        && part.trim_end_matches('%').bytes().all(|b| b.is_ascii_digit());
    if number { Cow::Owned(format!("{}.{part}", whole.replace('.', ""))) } else { Cow::Borrowed(cell) }
}

/// A number only where it is written back as it stood, so that `007` and `1.50` stay what they are; one
/// in powers of ten is a number in any case.
fn cell_value(cell: &str) -> Value {
    let text = cell.trim();
    if text.is_empty() {
        return Value::Null;
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(number)) if number.to_string() == text || text.contains(['e', 'E']) => Value::Number(number),
        _ => Value::String(cell.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, bytes: &[u8]) -> Result<Vec<Value>, EvalError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let mut rows = Vec::new();
        each_row(&path, |row| {
            rows.push(Value::Object(row.clone()));
            Ok(())
        })?;
        Ok(rows)
    }

    #[test]
    fn the_same_table_in_three_formats() {
        let csv = rows("t.csv", b"\xef\xbb\xbfquestion,gold\n\"1, 2?\",007\n3?,1.5\n").unwrap();
        let lines = rows("t.jsonl", b"{\"question\":\"1, 2?\",\"gold\":\"007\"}\n\n{\"question\":\"3?\",\"gold\":1.5}")
            .unwrap();
        let array =
            rows("t.json", b" [{\"question\":\"1, 2?\",\"gold\":\"007\"},{\"question\":\"3?\",\"gold\":1.5}]").unwrap();
        assert_eq!(csv, lines);
        assert_eq!(lines, array);
        assert_eq!(rows("t.csv", b"flops\n9.22e+18\n").unwrap()[0]["flops"], 9.22e18);
        let semicolons = rows("t.csv", b"tokens;accuracy;name\n1.000,5;0,62;a, b\n2000;0,7;c\n").unwrap();
        assert_eq!((&semicolons[0]["tokens"], &semicolons[0]["accuracy"]), (&Value::from(1000.5), &Value::from(0.62)));
        assert_eq!((&semicolons[1]["accuracy"], &semicolons[0]["name"]), (&Value::from(0.7), &Value::from("a, b")));
    }

    /// A Parquet file of one column, compressed.
    fn parquet(compression: parquet::basic::Compression) -> Vec<u8> {
        use parquet::data_type::DoubleType;
        use parquet::file::properties::WriterProperties;
        use parquet::file::writer::SerializedFileWriter;
        use std::sync::Arc;
        let schema = parquet::schema::parser::parse_message_type("message m { required double loss; }").unwrap();
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&[2.5, 2.25], None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn parquet_compressed_as_data_sets_are() {
        use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(ZstdLevel::try_new(3).unwrap()),
            Compression::GZIP(GzipLevel::default()),
            Compression::BROTLI(BrotliLevel::default()),
            Compression::LZ4_RAW,
        ] {
            let got = rows("t.parquet", &parquet(compression)).unwrap();
            assert_eq!((got.len(), &got[1]["loss"]), (2, &Value::from(2.25)), "{compression:?}");
        }
    }

    #[test]
    fn what_is_broken_is_named_with_its_line() {
        for (name, bytes, line) in [
            ("t.csv", &b"a,b\n1,2\n3\n"[..], 3),
            ("t.jsonl", b"{}\n[1]\n", 2),
            ("t.json", b"[{},\n7]", 2),
            ("t.parquet", b"PAR1 and nothing", 0),
        ] {
            let error = rows(name, bytes).unwrap_err();
            assert!(matches!(error, EvalError::Line { line: l, .. } if l == line), "{name}: {error}");
        }
    }
}
