//! `--map` and `--where` of commands that read several files: for all that have the column, or for one of them.

use super::Table;
use crate::error::CliError;
use std::path::Path;

/// The files, as `--where FILE:COLUMN=VALUE` names them.
const FILES: [&str; 3] = ["pretrain", "rl", "inference"];

/// What a user said of the columns and rows of several files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) maps: &'a [String],
    pub(crate) filters: &'a [String],
}

/// The file that a word names, and the rest of it.
fn named(word: &str) -> (Option<&str>, &str) {
    match word.split_once(':') {
        Some((file, rest)) if FILES.contains(&file) => (Some(file), rest),
        _ => (None, word),
    }
}

/// The column of a filter.
fn column(filter: &str) -> &str {
    filter.split(['=', '<', '>', '!']).next().unwrap_or_default().trim()
}

impl Words<'_> {
    /// The rows of a file, with the maps and filters that name it and those that it knows.
    pub(crate) fn table(&self, path: &Path, file: &str) -> Result<Table, CliError> {
        let bare = Table::read(path, &[], &[])?;
        let keep = |given: &[String], of: fn(&str) -> &str| -> Vec<String> {
            let words = given.iter().filter_map(|word| match named(word) {
                (Some(other), _) if other != file => None,
                (Some(_), rest) => Some(rest),
                (None, rest) => bare.column_named(of(rest)).is_ok().then_some(rest),
            });
            words.map(str::to_owned).collect()
        };
        let maps = keep(self.maps, |map| map.split_once('=').map_or("", |m| m.1).trim());
        Table::read(path, &maps, &keep(self.filters, column))
    }

    /// Refuses a filter that no file knows: it would keep everything.
    pub(crate) fn check(&self, given: &[(&str, &Path)]) -> Result<(), CliError> {
        if self.filters.is_empty() {
            return Ok(());
        }
        let mut tables = Vec::new();
        for (file, path) in given {
            tables.push((*file, Table::read(path, &[], &[])?));
        }
        for filter in self.filters {
            let (file, rest) = named(filter);
            let knows = |(name, table): &(&str, Table)| {
                file.is_none_or(|f| f == *name) && table.column_named(column(rest)).is_ok()
            };
            if !tables.iter().any(knows) {
                return Err(CliError::usage(format!("no file has a column `{}` (--where {filter})", column(rest)))
                    .hint("name the file as in --where inference:model=NAME; `outthink fit` lists a file's columns"));
            }
        }
        Ok(())
    }
}
