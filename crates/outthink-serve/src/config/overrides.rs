//! Variables of the environment that override the file: `OUTTHINK_SERVER__PORT=9000`.
//!
//! Two underscores go one table down; an entry of a list is named by its `name`, in capitals and with
//! an underscore for all that is no letter or digit: `OUTTHINK_UPSTREAMS__GPU_1__URL`.

use super::{Config, Problem, place};
use toml::{Table, Value};

const PREFIX: &str = "OUTTHINK_";

/// The configuration with all overrides, or `None` where there is none.
pub(super) fn merge(text: &str, variables: &[(String, String)]) -> Result<Option<Config>, Problem> {
    let mut ours: Vec<(&str, Vec<String>, &str)> = variables
        .iter()
        .filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX).filter(|p| p.contains("__"))?;
            Some((name.as_str(), path.split("__").map(str::to_lowercase).collect(), value.as_str()))
        })
        .collect();
    if ours.is_empty() {
        return Ok(None);
    }
    ours.sort();
    let mut table: Table = text.parse().map_err(|e| place::of_parser(text, &e))?;
    let mut config = None;
    for (name, path, value) in ours {
        let of_variable = |message: String| Problem { variable: Some(name.to_owned()), ..Problem::new("", message) };
        set(&mut table, &path, read(value)).map_err(of_variable)?;
        // After each one, so that the one at fault is named.
        let merged = Config::deserialize_table(table.clone()).map_err(|e| of_variable(place::mended(e.message())))?;
        config = Some(merged);
    }
    Ok(config)
}

impl Config {
    fn deserialize_table(table: Table) -> Result<Self, toml::de::Error> {
        table.try_into()
    }
}

/// A number, a flag, a list or a table as TOML writes it; anything else is a text.
fn read(value: &str) -> Value {
    format!("v = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| (table.len() == 1).then(|| table.remove("v"))?)
        .unwrap_or_else(|| Value::String(value.to_owned()))
}

/// Puts a value at a path, tables made on the way.
fn set(table: &mut Table, path: &[String], value: Value) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else {
        return Err("the name ends in the middle of a path: name a key".to_owned());
    };
    if rest.is_empty() {
        table.insert(key.clone(), value);
        return Ok(());
    }
    match table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(inner) => set(inner, rest, value),
        Value::Array(items) => {
            let (name, rest) = rest.split_first().unwrap_or((key, &[]));
            let of_name =
                |item: &&mut Value| item.get("name").and_then(Value::as_str).map(shell_name) == Some(name.clone());
            match items.iter_mut().find(of_name) {
                Some(Value::Table(inner)) => set(inner, rest, value),
                _ => Err(format!("`{key}` has no entry of the name `{name}`: add it to the file first")),
            }
        }
        _ => Err(format!("`{key}` is a value and not a table: name the key itself")),
    }
}

/// A name as variables write it, in small letters.
fn shell_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
