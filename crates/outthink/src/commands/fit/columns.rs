//! A table of measurements and its columns by the names that the laws know.

use super::filter::Filter;
use super::source;
use crate::error::CliError;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Names under which a column is found without `--map`, the law's own name first.
const ALIASES: &[(&str, &[&str])] = &[
    ("params", &["params", "parameters", "n_params", "num_params", "total_params", "model_size"]),
    (
        "tokens",
        &[
            "tokens",
            "mean_output_tokens",
            "avg_output_tokens",
            "output_tokens",
            "mean_tokens",
            "avg_tokens",
            "completion_tokens",
            "avg_tokens_used",
            "thinking_tokens",
            "n_tokens",
            "train_tokens",
            "total_tokens",
            "pretraining_data_size",
        ],
    ),
    ("flops", &["flops", "flop", "training_flop", "training_flops", "total_flops"]),
    ("loss", &["loss", "final_loss", "val_loss", "eval_loss", "validation_loss"]),
    ("unique_tokens", &["unique_tokens"]),
    ("step", &["step", "steps", "_step", "global_step", "train_global_step"]),
    ("compute", &["compute", "rl_compute"]),
    ("size", &["size"]),
    ("accuracy", &["accuracy", "acc", "score", "pass_1", "exact_match"]),
    ("stderr", &["stderr", "std_err", "standard_error"]),
    ("samples", &["samples", "n_samples"]),
    ("correct", &["correct", "n_correct"]),
    (
        "problems",
        &[
            "problems",
            "n_problems",
            "num_problems",
            "questions",
            "n_questions",
            "num_questions",
            "num_samples",
            "n_total",
            "total",
            "n",
        ],
    ),
    ("epochs", &["epochs"]),
    ("problem", &["problem", "problem_id"]),
    ("model", &["model"]),
    ("benchmark", &["benchmark", "task"]),
];

/// Cells that say that there is nothing in them.
const EMPTY: [&str; 9] = ["n/a", "na", "#n/a", "nan", "null", "none", "-", "--", "?"];

/// Rows with their numbers in the file, and what the user calls their columns.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The file, for messages.
    pub(crate) name: String,
    rows: Vec<source::Row>,
    maps: Vec<(String, String)>,
    /// Factors by the law's names.
    scales: Vec<(String, f64)>,
    /// What was left out or taken for granted, in words.
    notes: Vec<String>,
}

/// The unit that a column's name ends in, as `Model Size (B)`: the name without it, and its factor.
fn unit_of(name: &str) -> (&str, f64) {
    let bare = name.trim();
    let Some((head, unit)) = bare.strip_suffix(')').and_then(|b| b.rsplit_once('(')) else { return (bare, 1.0) };
    let factor = match unit.trim() {
        "K" | "k" | "thousands" => Some(1e3),
        "M" | "millions" => Some(1e6),
        "B" | "billions" => Some(1e9),
        "T" | "trillions" => Some(1e12),
        "%" => Some(0.01),
        other => other.to_lowercase().strip_prefix("1e").and_then(|e| e.parse::<i32>().ok()).map(|e| 10_f64.powi(e)),
    };
    factor.map_or((bare, 1.0), |factor| (head.trim(), factor))
}

/// Columns whose unit may stand at the end of their name, as in `params_m`.
const WITH_UNIT: [&str; 3] = ["params", "tokens", "unique_tokens"];

/// The unit that a name such as `params_m` ends in, where what stands before it is a column of counts.
fn suffix_of(plain: &str) -> Option<(&str, f64)> {
    let (head, unit) = plain.rsplit_once('_')?;
    let factor = match unit {
        "m" | "millions" => 1e6,
        "b" | "billions" => 1e9,
        "t" | "trillions" => 1e12,
        _ => return None,
    };
    let known = ALIASES.iter().filter(|a| WITH_UNIT.contains(&a.0)).any(|a| a.1.contains(&head));
    known.then_some((head, factor))
}

/// Whether a column is what an alias names: by its whole name, or by the part after its last dot or slash.
fn goes_by(column: &str, alias: &str, whole: bool) -> bool {
    let bare = unit_of(column).0;
    let part = if whole { bare } else { bare.rsplit(['.', '/']).next().unwrap_or(bare) };
    let part = plain(part);
    part == alias || suffix_of(&part).is_some_and(|(head, _)| head == alias)
}

/// The factor by which the name of a column says that its numbers are to be taken.
fn factor_of(column: &str) -> f64 {
    let (bare, factor) = unit_of(column);
    let part = plain(bare.rsplit(['.', '/']).next().unwrap_or(bare));
    suffix_of(&part).map_or(factor, |(_, suffix)| factor * suffix)
}

/// A number as people write it: with a unit (`50M`, `1k`, `50%`), or with commas between thousands. The flag says that
/// the cell names its own unit.
fn number_of(text: &str) -> Option<(f64, bool)> {
    if let Ok(number) = text.parse::<f64>() {
        return Some((number, false));
    }
    let factor = match text.chars().last()? {
        '%' => 0.01,
        'k' | 'K' => 1e3,
        'm' | 'M' => 1e6,
        'b' | 'B' | 'g' | 'G' => 1e9,
        't' | 'T' => 1e12,
        _ => 1.0,
    };
    let explicit = factor != 1.0;
    let digits = if explicit { text[..text.len() - 1].trim_end() } else { text };
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let groups: Vec<&str> = whole.trim_start_matches(['-', '+']).split(',').collect();
    let thousands = groups.len() > 1
        && (1..=3).contains(&groups[0].len())
        && groups[1..].iter().all(|g| g.len() == 3)
        && groups.iter().all(|g| g.bytes().all(|b| b.is_ascii_digit()));
    let plain = if thousands { whole.replace(',', "") + rest } else { digits.to_owned() };
    // Not `inf`, and no second sign of any kind.
    let number = plain.parse::<f64>().ok().filter(|_| plain.bytes().any(|b| b.is_ascii_digit()))?;
    (explicit || thousands).then_some((number * factor, explicit))
}

/// A name as it is compared: `Model Size` and `model_size` are one.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// The files that paths stand for: themselves, or what lies in a folder, by name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut all = Vec::new();
    for path in paths {
        if !path.is_dir() {
            all.push(path.clone());
            continue;
        }
        let unreadable = |e: std::io::Error| CliError::usage(format!("cannot read {}: {e}", path.display()));
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let ending = file.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
            if file.is_file() && ["csv", "tsv", "json", "jsonl", "parquet", "gz", "log"].contains(&ending.as_str()) {
                inside.push(file);
            }
        }
        inside.sort();
        if inside.is_empty() {
            return Err(CliError::usage(format!("{} holds no tables", path.display()))
                .hint("tables end in .csv, .tsv, .json, .jsonl, .parquet, .log or .gz"));
        }
        all.extend(inside);
    }
    Ok(all)
}

/// `NAME=COLUMN` in two.
fn pair(given: &str, flag: &str, example: &str) -> Result<(String, String), CliError> {
    match given.split_once('=') {
        Some((a, b)) if !a.trim().is_empty() && !b.trim().is_empty() => Ok((a.trim().to_owned(), b.trim().to_owned())),
        _ => {
            Err(CliError::usage(format!("`{given}` is not a value of {flag}")).hint(format!("write {flag} {example}")))
        }
    }
}

/// A value as text.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if EMPTY.contains(&text.trim().to_lowercase().as_str()) => String::new(),
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    }
}

impl Table {
    /// Reads a table and keeps the rows that the filters ask for.
    pub(crate) fn read(path: &Path, maps: &[String], filters: &[String]) -> Result<Self, CliError> {
        Self::read_all(&[path.to_owned()], maps, filters, &[])
    }

    /// Reads several files, or folders of files, as one table; with more than one file each row has its
    /// file's name in the column `file`.
    pub(crate) fn read_all(
        paths: &[PathBuf],
        maps: &[String],
        filters: &[String],
        scales: &[String],
    ) -> Result<Self, CliError> {
        let known: Vec<&str> = ALIASES.iter().map(|a| a.0).collect();
        let named = |given: &str, flag: &str, example: &str| {
            let (name, value) = pair(given, flag, example)?;
            if known.contains(&name.as_str()) {
                return Ok((name, value));
            }
            Err(CliError::usage(format!("no law has a column `{name}`"))
                .hint(format!("known are {}", known.join(", "))))
        };
        let maps = maps.iter().map(|m| named(m, "--map", "loss=COLUMN")).collect::<Result<Vec<_>, _>>()?;
        let scales = scales
            .iter()
            .map(|s| {
                let (name, factor) = named(s, "--scale", "params=1e9")?;
                match factor.parse::<f64>() {
                    Ok(f) if f.is_finite() && f > 0.0 => Ok((name, f)),
                    _ => Err(CliError::usage(format!("`{factor}` is not a factor")).hint("write --scale params=1e9")),
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        let filters = filters.iter().map(|f| Filter::parse(f)).collect::<Result<Vec<_>, _>>()?;
        let files = files(paths)?;
        let mut rows = Vec::new();
        for file in &files {
            let mut more = source::rows(file)?;
            if files.len() > 1 {
                let stem = file.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
                for (_, row) in &mut more {
                    row.entry("file".to_owned()).or_insert_with(|| Value::String(stem.to_owned()));
                }
            }
            rows.extend(more);
        }
        let name_of = |path: &Path| path.file_name().and_then(|n| n.to_str()).unwrap_or("data").to_owned();
        let name = paths.first().map_or_else(|| "data".to_owned(), |p| name_of(p));
        let name = if files.len() > 1 { format!("{name} ({} files)", files.len()) } else { name };
        let mut table = Self { name, rows, maps, scales, notes: Vec::new() };
        if table.rows.is_empty() {
            return Err(CliError::usage(format!("{} holds no rows", table.name)));
        }
        for filter in &filters {
            let Some(found) = table.find_exact(&filter.column) else { return Err(table.unknown(&filter.column)) };
            table.rows.retain(|(_, row)| filter.keeps(&row.get(&found).map(text_of).unwrap_or_default()));
            if table.rows.is_empty() {
                return Err(CliError::usage(format!("no row of {} is left by --where {filter}", table.name)));
            }
        }
        for (_, column) in &table.maps {
            if table.find_exact(column).is_none() {
                return Err(table.unknown(column));
            }
        }
        Ok(table)
    }

    /// What was left out or taken for granted, in words.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The column of the number of problems and its note, where the file calls it by a name that could mean something else.
    pub(crate) fn counted_note(&self) -> Option<String> {
        let column = self.find("problems").filter(|c| !plain(c).contains("problem"))?;
        Some(format!(
            "`{column}` is read as the number of problems behind each accuracy; another column by --map problems=COLUMN"
        ))
    }

    /// Leaves out rows that repeat another one in every column, and notes it: counted twice they would narrow intervals.
    pub(crate) fn without_repeats(mut self) -> Self {
        let before = self.rows.len();
        let mut seen = std::collections::HashSet::new();
        self.rows.retain(|(_, row)| seen.insert(Value::Object(row.clone()).to_string()));
        match before - self.rows.len() {
            0 => {}
            n => self.notes.push(format!("left out: {n} of {before} rows that repeat another one in every column")),
        }
        self
    }

    /// Leaves out the rows in which one of `columns` is empty, and notes it.
    pub(crate) fn without_gaps(mut self, columns: &[String]) -> Result<Self, CliError> {
        for column in columns {
            let gap = |row: &Map<String, Value>| row.get(column).is_none_or(|v| text_of(v).is_empty());
            let gaps: Vec<String> = self.rows.iter().filter(|r| gap(&r.1)).map(|r| r.0.to_string()).collect();
            if gaps.is_empty() {
                continue;
            }
            self.rows.retain(|r| !gap(&r.1));
            let shown = if gaps.len() > 6 { format!("{}, ...", gaps[..6].join(", ")) } else { gaps.join(", ") };
            self.notes.push(format!("left out: {} rows without `{column}` (row {shown})", gaps.len()));
        }
        if self.rows.is_empty() {
            return Err(CliError::usage(format!("every row of {} lacks one of {}", self.name, columns.join(", "))));
        }
        Ok(self)
    }

    /// Keeps the last row of each value of `key`, by `order`: what a run ended at.
    pub(crate) fn last_of(mut self, key: &str, order: &str) -> Result<Self, CliError> {
        let (keys, at) = (self.texts(key), self.numbers(order)?);
        let mut last: Vec<(String, usize)> = Vec::new();
        for (row, name) in keys.iter().enumerate() {
            match last.iter_mut().find(|l| l.0 == *name) {
                Some(l) if at[row] >= at[l.1] => l.1 = row,
                Some(_) => {}
                None => last.push((name.clone(), row)),
            }
        }
        let keep: Vec<usize> = last.iter().map(|l| l.1).collect();
        self.notes.push(format!("the last `{order}` of each `{key}`: {} of {} rows", keep.len(), self.rows.len()));
        self.rows = keep.into_iter().map(|i| self.rows[i].clone()).collect();
        Ok(self)
    }

    /// The rows in groups of one value of the columns each, in the order of the names.
    pub(crate) fn split(&self, by: &[String]) -> Result<Vec<(String, Self)>, CliError> {
        let columns: Vec<String> = by
            .iter()
            .map(|name| self.find(name).map_or_else(|| self.column_named(name), Ok))
            .collect::<Result<_, _>>()?;
        let mut groups: std::collections::BTreeMap<String, Vec<source::Row>> = std::collections::BTreeMap::new();
        for row in &self.rows {
            let name: Vec<String> = columns.iter().map(|c| row.1.get(c).map(text_of).unwrap_or_default()).collect();
            groups.entry(name.join(" / ")).or_default().push(row.clone());
        }
        let of = |(name, rows): (String, Vec<source::Row>)| {
            let table = Self { name: format!("{}, {name}", self.name), rows, ..self.clone() };
            (name, table)
        };
        Ok(groups.into_iter().map(of).collect())
    }

    /// A column that names several experiments, with how many it names: fitted as one law they give none.
    pub(crate) fn experiments(&self) -> Option<(String, usize)> {
        const NAMES: [&str; 18] = [
            "dataset",
            "data",
            "corpus",
            "experiment",
            "exp",
            "family",
            "model_family",
            "setting",
            "source",
            "study",
            "tokenizer",
            "arch",
            "architecture",
            "optimizer",
            "schedule",
            "recipe",
            "train_set",
            "group",
        ];
        self.columns().into_iter().filter(|c| NAMES.contains(&plain(unit_of(c).0).as_str())).find_map(|column| {
            let mut values = self.texts(&column);
            values.sort();
            values.dedup();
            (values.len() > 1 && values.len() * 2 <= self.len()).then_some((column, values.len()))
        })
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
        let by = |whole: bool| {
            aliases.iter().find_map(|alias| {
                // A part of a name may be one letter too short to mean anything.
                let long = whole || alias.len() > 1;
                columns.iter().find(|c| long && goes_by(c, alias, whole)).cloned()
            })
        };
        by(true).or_else(|| by(false))
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
        let called = |name: &str| self.find(name).as_deref() == Some(column);
        let scale = self.scales.iter().find(|(name, _)| called(name)).map_or_else(|| factor_of(column), |s| s.1);
        self.rows
            .iter()
            .map(|(number, row)| {
                let text = row.get(column).map(text_of).unwrap_or_default();
                if text.is_empty() {
                    return Ok(None);
                }
                match number_of(&text) {
                    // A cell that names its unit needs none from its column.
                    Some((x, explicit)) if x.is_finite() => Ok(Some(if explicit { x } else { scale * x })),
                    _ => Err(CliError::usage(format!("`{column}` in row {number} of {} is `{text}`", self.name))
                        .hint("give a finite number (1.5e9, 50M and 50% are read), or leave the cell empty")),
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
