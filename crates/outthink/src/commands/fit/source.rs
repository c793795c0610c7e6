//! The shapes in which measurements come: a row a run, or what trainers and trackers write.
//!
//! - CSV, JSON lines, a JSON array, Parquet: a row is a row.
//! - One JSON object: a table of columns (`{"loss": [...]}`), or an object around an array of rows, such as the
//!   `log_history` of a `trainer_state.json`; the single values around the array become columns.
//! - Nested rows, as in exports of run trackers (`config`, `summary`): flattened, `summary.loss`.
//! - A tracker's chart as CSV, one column a run (`run-a - eval/loss`): one row a run and step.
//! - Lines of a trainer's console, `step:10 - actor/loss:0.1 - val/score:0.62`.

use super::super::replay::eval_error;
use crate::error::CliError;
use outthink_eval::each_row;
use serde_json::{Map, Value};
use std::path::Path;

/// A row with its number in the file.
pub(super) type Row = (usize, Map<String, Value>);

/// The rows of a file, flat.
pub(super) fn rows(path: &Path) -> Result<Vec<Row>, CliError> {
    let rows = match whole(path) {
        Some(rows) => rows,
        None => table(path)?,
    };
    Ok(melted(rows.into_iter().map(|(number, row)| (number, flat(&row))).collect()))
}

fn table(path: &Path) -> Result<Vec<Row>, CliError> {
    let mut rows = Vec::new();
    each_row(path, |row| {
        rows.push((rows.len() + 1, row.clone()));
        Ok(())
    })
    .map_err(|e| {
        let mut error = eval_error(&e);
        error.code = crate::error::USAGE;
        error
    })?;
    Ok(rows)
}

/// What is no table by its form: one JSON object over many lines, or a console's lines.
fn whole(path: &Path) -> Option<Vec<Row>> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        let value: Value = serde_json::from_str(text).ok()?;
        return unpacked(value.as_object()?);
    }
    let lines: Vec<Map<String, Value>> = text.lines().filter_map(console).collect();
    (!lines.is_empty()).then(|| (1..).zip(lines).collect())
}

/// `step:10 - a:0.1 - b:2`, with anything before `step:`.
fn console(line: &str) -> Option<Map<String, Value>> {
    let from = line.find("step:")?;
    let parts: Vec<&str> = line[from..].split(" - ").collect();
    if parts.len() < 2 {
        return None;
    }
    let pair = |part: &&str| {
        let (name, value) = part.rsplit_once(':')?;
        let value = value.trim();
        let number = value.trim_start_matches("np.float64(").trim_end_matches(')').parse::<f64>().ok()?;
        Some((name.trim().to_owned(), serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)))
    };
    let row: Map<String, Value> = parts.iter().filter_map(pair).collect();
    (row.len() > 1).then_some(row)
}

/// The rows within one object.
fn unpacked(object: &Map<String, Value>) -> Option<Vec<Row>> {
    let columns: Vec<(&String, &Vec<Value>)> =
        object.iter().filter_map(|(name, v)| v.as_array().map(|a| (name, a))).collect();
    // Arrays of plain values of one length: columns.
    let plain = columns.iter().filter(|(_, a)| !a.is_empty() && a.iter().all(|v| !v.is_object() && !v.is_array()));
    let plain: Vec<_> = plain.collect();
    if plain.len() > 1 && plain.iter().all(|(_, a)| a.len() == plain[0].1.len()) {
        let row = |i: usize| plain.iter().map(|(name, a)| ((*name).clone(), a[i].clone())).collect();
        return Some((0..plain[0].1.len()).map(|i| (i + 1, row(i))).collect());
    }
    // The longest array of objects is the table; single values beside it belong to each of its rows.
    let longest = columns.iter().filter(|(_, a)| a.iter().any(Value::is_object)).max_by_key(|(_, a)| a.len());
    if let Some((_, array)) = longest {
        // A row of a recording is an object around its samples, and stays one.
        if object.contains_key("samples") && object.contains_key("problem_id") {
            return None;
        }
        let around: Vec<(&String, &Value)> = object.iter().filter(|(_, v)| !v.is_object() && !v.is_array()).collect();
        let row = |inner: &Map<String, Value>| {
            let mut row = inner.clone();
            for (name, value) in &around {
                row.entry((*name).clone()).or_insert_with(|| (*value).clone());
            }
            row
        };
        return Some((1..).zip(array.iter().filter_map(Value::as_object).map(row)).collect());
    }
    // Objects by name: `{"run-a": {...}, "run-b": {...}}`.
    let named: Vec<(&String, &Map<String, Value>)> =
        object.iter().filter_map(|(name, v)| v.as_object().map(|o| (name, o))).collect();
    if named.len() > 1 && named.len() == object.len() {
        let row = |(name, inner): &(&String, &Map<String, Value>)| {
            let mut row = (*inner).clone();
            row.entry("run".to_owned()).or_insert_with(|| Value::String((*name).clone()));
            row
        };
        return Some((1..).zip(named.iter().map(row)).collect());
    }
    // One row by itself is JSON lines of one line.
    None
}

/// A row without objects in it: `summary.loss`.
fn flat(row: &Map<String, Value>) -> Map<String, Value> {
    fn add(into: &mut Map<String, Value>, name: &str, value: &Value) {
        match value {
            // Trackers write a setting as `{"desc": ..., "value": 5}`.
            Value::Object(inner)
                if inner.contains_key("value") && inner.keys().all(|k| k == "value" || k == "desc") =>
            {
                add(into, name, &inner["value"]);
            }
            Value::Object(inner) => inner.iter().for_each(|(key, value)| add(into, &format!("{name}.{key}"), value)),
            other => {
                into.insert(name.to_owned(), other.clone());
            }
        }
    }
    let mut out = Map::new();
    row.iter().for_each(|(name, value)| add(&mut out, name, value));
    out
}

/// A chart with a column a run as one row a run and step; anything else as it is.
fn melted(rows: Vec<Row>) -> Vec<Row> {
    let Some((_, first)) = rows.first() else { return rows };
    let steps = ["Step", "_step", "step", "global_step", "train/global_step"];
    let Some(step) = steps.into_iter().find(|s| first.contains_key(*s)) else { return rows };
    let split = |name: &str| name.rsplit_once(" - ").map(|(run, metric)| (run.to_owned(), metric.to_owned()));
    let others = first.keys().filter(|k| *k != step);
    if first.len() < 2 || !others.clone().all(|k| split(k).is_some()) {
        return rows;
    }
    let mut out: Vec<Row> = Vec::new();
    for (number, row) in &rows {
        let mut runs: Vec<(String, Map<String, Value>)> = Vec::new();
        for (name, value) in row.iter().filter(|(k, _)| *k != step) {
            let Some((run, metric)) = split(name) else { continue };
            // The spread that the chart shades is no measurement of its own.
            if metric.ends_with("__MIN") || metric.ends_with("__MAX") || value.is_null() {
                continue;
            }
            let at = runs.iter().position(|r| r.0 == run).unwrap_or_else(|| {
                runs.push((run.clone(), Map::new()));
                runs.len() - 1
            });
            runs[at].1.insert(metric, value.clone());
        }
        for (run, mut cells) in runs {
            cells.insert(step.to_owned(), row[step].clone());
            cells.insert("run".to_owned(), Value::String(run));
            out.push((*number, cells));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<Row> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        rows(&path).unwrap()
    }

    #[test]
    fn what_a_trainer_keeps_of_itself() {
        let text = r#"{"best_metric": 1.5, "global_step": 20, "log_history": [{"step": 10, "eval_loss": 2.0},
            {"step": 20, "eval_loss": 1.5}]}"#;
        let got = read("trainer_state.json", text);
        assert_eq!(got.len(), 2);
        assert_eq!((&got[1].1["eval_loss"], &got[1].1["best_metric"]), (&Value::from(1.5), &Value::from(1.5)));
    }

    #[test]
    fn columns_nested_rows_and_rows_by_name() {
        let got = read("a.json", r#"{"params": [1e9, 2e9], "loss": [2.5, 2.25], "note": "x"}"#);
        assert_eq!((got.len(), &got[1].1["loss"]), (2, &Value::from(2.25)));
        let nested = "{\"config\": {\"n_params\": 5}, \"summary\": {\"loss\": 2.0}}\n{\"config\": {\"n_params\": 6}, \"summary\": {\"loss\": 1.0}}\n";
        let got = read("a.jsonl", nested);
        assert_eq!((got.len(), &got[1].1["summary.loss"]), (2, &Value::from(1.0)));
        let wrapped = "{\"config\": {\"n_params\": {\"desc\": null, \"value\": 5}}, \"loss\": 2.0}\n{\"config\": {\"n_params\": {\"value\": 6}}, \"loss\": 1.0}\n";
        let got = read("a.jsonl", wrapped);
        assert_eq!((&got[0].1["config.n_params"], &got[1].1["config.n_params"]), (&Value::from(5), &Value::from(6)));
        let got = read("a.json", r#"{"one": {"loss": 2.0}, "two": {"loss": 1.0}}"#);
        assert_eq!((got.len(), &got[1].1["run"]), (2, &Value::from("two")));
    }

    #[test]
    fn a_chart_of_runs_and_the_lines_of_a_console() {
        let chart = "\"Step\",\"a - eval/loss\",\"a - eval/loss__MIN\",\"b - eval/loss\"\n1,3.0,2.9,\n2,2.5,2.4,2.75\n";
        let got = read("wandb.csv", chart);
        assert_eq!(got.len(), 3);
        assert_eq!((&got[2].1["run"], &got[2].1["eval/loss"]), (&Value::from("b"), &Value::from(2.75)));
        let log = "(TaskRunner pid=7) step:0 - val/test_score/gsm8k:0.5\n(x) noise\nstep:10 - actor/loss:-0.25 - val/test_score/gsm8k:np.float64(0.62)\n";
        let got = read("verl.log", log);
        assert_eq!(got.len(), 2);
        assert_eq!(&got[1].1["val/test_score/gsm8k"], &Value::from(0.62));
    }

    #[test]
    fn plain_tables_stay_what_they_are() {
        assert_eq!(read("a.csv", "step,loss\n1,2.0\n").len(), 1);
        assert_eq!(read("a.jsonl", "{\"a\":1}\n").len(), 1);
        assert_eq!(read("a.json", "[{\"a\":1},{\"a\":2}]").len(), 2);
    }
}
