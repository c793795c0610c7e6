//! A table of measurements and its columns by the names that the laws know.

use super::super::replay::eval_error;
use crate::error::CliError;
use outthink_eval::each_row;
use serde_json::{Map, Value};
use std::path::Path;

/// Names under which a column is found without `--map`, the law's own name first.
const ALIASES: &[(&str, &[&str])] = &[
    ("params", &["params", "parameters", "n_params", "model_size"]),
    ("tokens", &["tokens", "mean_output_tokens", "avg_tokens_used", "thinking_tokens", "n_tokens"]),
    ("flops", &["flops", "flop", "training_flop", "training_flops"]),
    ("loss", &["loss", "final_loss", "val_loss"]),
    ("unique_tokens", &["unique_tokens"]),
    ("step", &["step", "steps"]),
    ("compute", &["compute", "rl_compute"]),
    ("size", &["size"]),
    ("accuracy", &["accuracy", "acc"]),
    ("stderr", &["stderr", "std_err", "standard_error"]),
    ("samples", &["samples", "n_samples"]),
    ("correct", &["correct", "n_correct"]),
    ("problems", &["problems", "n_problems"]),
    ("epochs", &["epochs"]),
    ("problem", &["problem", "problem_id"]),
    ("model", &["model"]),
    ("benchmark", &["benchmark", "task"]),
];

/// Rows with their numbers in the file, and what the user calls their columns.
#[derive(Debug)]
pub(crate) struct Table {
    /// The file, for messages.
    pub(crate) name: String,
    rows: Vec<(usize, Map<String, Value>)>,
    maps: Vec<(String, String)>,
}

/// A name as it is compared: `Model Size` and `model_size` are one.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// `NAME=COLUMN` in two.
fn pair(given: &str, flag: &str, example: &str) -> Result<(String, String), CliError> {
    match given.split_once('=') {
        Some((a, b)) if !a.trim().is_empty() && !b.trim().is_empty() => Ok((a.trim().to_owned(), b.trim().to_owned())),
        _ => Err(CliError::usage(format!("`{given}` is no value of {flag}")).hint(format!("write {flag} {example}"))),
    }
}

/// A value as text.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

impl Table {
    /// Reads a table and keeps the rows that the filters ask for.
    pub(crate) fn read(path: &Path, maps: &[String], filters: &[String]) -> Result<Self, CliError> {
        let maps = maps
            .iter()
            .map(|m| {
                let (name, column) = pair(m, "--map", "loss=COLUMN")?;
                let known: Vec<&str> = ALIASES.iter().map(|a| a.0).collect();
                if known.contains(&name.as_str()) {
                    return Ok((name, column));
                }
                Err(CliError::usage(format!("no law has a column `{name}`"))
                    .hint(format!("known are {}", known.join(", "))))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let filters = filters.iter().map(|f| pair(f, "--where", "model=NAME")).collect::<Result<Vec<_>, _>>()?;
        let mut rows = Vec::new();
        let mut number = 0;
        each_row(path, |row| {
            number += 1;
            rows.push((number, row.clone()));
            Ok(())
        })
        .map_err(|e| {
            let mut error = eval_error(&e);
            error.code = crate::error::USAGE;
            error
        })?;
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("data").to_owned();
        let mut table = Self { name, rows, maps };
        if table.rows.is_empty() {
            return Err(CliError::usage(format!("{} holds no rows", table.name)));
        }
        for (column, value) in &filters {
            let Some(found) = table.find_exact(column) else { return Err(table.unknown(column)) };
            table.rows.retain(|(_, row)| row.get(&found).is_some_and(|v| text_of(v) == *value));
            if table.rows.is_empty() {
                return Err(CliError::usage(format!("no row has `{value}` in `{column}`")));
            }
        }
        for (_, column) in &table.maps {
            if table.find_exact(column).is_none() {
                return Err(table.unknown(column));
            }
        }
        Ok(table)
    }

    /// Rows left.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All columns, in the order of their first row.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (_, row) in &self.rows {
            for name in row.keys() {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    fn find_exact(&self, name: &str) -> Option<String> {
        let columns = self.columns();
        columns.iter().find(|c| *c == name).or_else(|| columns.iter().find(|c| plain(c) == plain(name))).cloned()
    }

    fn unknown(&self, column: &str) -> CliError {
        CliError::usage(format!("{} has no column `{column}`", self.name))
            .hint(format!("it has {}", self.columns().join(", ")))
    }

    /// The column that holds what a law calls `name`, where there is one.
    pub(crate) fn find(&self, name: &str) -> Option<String> {
        if let Some((_, column)) = self.maps.iter().find(|m| m.0 == name) {
            return self.find_exact(column);
        }
        let aliases = ALIASES.iter().find(|a| a.0 == name)?.1;
        let columns = self.columns();
        aliases.iter().find_map(|alias| columns.iter().find(|c| plain(c) == *alias).cloned())
    }

    /// A column by its own name.
    pub(crate) fn column_named(&self, column: &str) -> Result<String, CliError> {
        self.find_exact(column).ok_or_else(|| self.unknown(column))
    }

    /// The column that a law cannot do without.
    pub(crate) fn need(&self, name: &str) -> Result<String, CliError> {
        self.find(name).ok_or_else(|| {
            CliError::usage(format!("{} has no column `{name}`", self.name))
                .hint(format!("it has {}; name the right one by --map {name}=COLUMN", self.columns().join(", ")))
        })
    }

    /// The numbers of a column; an empty cell is `None`.
    pub(crate) fn numbers(&self, column: &str) -> Result<Vec<Option<f64>>, CliError> {
        self.rows
            .iter()
            .map(|(number, row)| {
                let text = row.get(column).map(text_of).unwrap_or_default();
                if text.is_empty() {
                    return Ok(None);
                }
                match text.parse::<f64>() {
                    Ok(x) if x.is_finite() => Ok(Some(x)),
                    _ => Err(CliError::usage(format!("`{column}` in row {number} of {} is `{text}`", self.name))
                        .hint("give a finite number, or leave the row out")),
                }
            })
            .collect()
    }

    /// The numbers of a column in which no cell may be empty or break `ok`.
    pub(crate) fn full(&self, column: &str, need: &str, ok: impl Fn(f64) -> bool) -> Result<Vec<f64>, CliError> {
        (self.numbers(column)?.into_iter().zip(&self.rows))
            .map(|(x, (number, _))| match x {
                Some(x) if ok(x) => Ok(x),
                Some(x) => Err(CliError::usage(format!("`{column}` in row {number} of {} is {x}", self.name))
                    .hint(format!("need {need}"))),
                None => Err(CliError::usage(format!("`{column}` in row {number} of {} is empty", self.name))
                    .hint(format!("need {need}, or leave the row out"))),
            })
            .collect()
    }

    /// The numbers of a column, all above 0.
    pub(crate) fn positive(&self, column: &str) -> Result<Vec<f64>, CliError> {
        self.full(column, "a number above 0", |x| x > 0.0)
    }

    /// The texts of a column.
    pub(crate) fn texts(&self, column: &str) -> Vec<String> {
        self.rows.iter().map(|(_, row)| row.get(column).map(text_of).unwrap_or_default()).collect()
    }

    /// Whether the rows are problems with recorded samples, and not numbers.
    pub(crate) fn is_pool(&self) -> bool {
        self.rows.first().is_some_and(|(_, row)| row.get("samples").is_some_and(Value::is_array))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, maps: &[&str], filters: &[&str]) -> Result<Table, CliError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let own = |xs: &[&str]| xs.iter().map(|x| (*x).to_owned()).collect::<Vec<_>>();
        Table::read(&path, &own(maps), &own(filters))
    }

    #[test]
    fn columns_by_alias_map_and_filter() {
        let t = table("Model Size,L,task\n1e9,2.5,a\n2e9,2.25,b\n", &["loss=L"], &["task=b"]).unwrap();
        assert_eq!(t.len(), 1);
        assert_eq!(t.positive(&t.need("params").unwrap()).unwrap(), [2e9]);
        assert_eq!(t.positive(&t.need("loss").unwrap()).unwrap(), [2.25]);
        assert!(t.need("flops").unwrap_err().hints[0].contains("--map flops=COLUMN"));
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_row() {
        for (cell, says) in [("NaN", "row 2"), ("x", "row 2"), ("-1", "row 2"), ("inf", "row 2")] {
            let t = table(&format!("loss,n\n1,1\n{cell},1\n"), &[], &[]).unwrap();
            let error = t.positive("loss").unwrap_err();
            assert!(error.message.contains(says) && error.code == 2, "{error:?}");
        }
        assert_eq!(table("loss\n1\n", &["los=x"], &[]).unwrap_err().code, 2);
        assert_eq!(table("loss\n1\n", &["loss=x"], &[]).unwrap_err().code, 2);
        assert_eq!(table("loss\n1\n", &[], &["model=x"]).unwrap_err().code, 2);
        assert_eq!(table("loss\n", &[], &[]).unwrap_err().code, 2);
    }
}
