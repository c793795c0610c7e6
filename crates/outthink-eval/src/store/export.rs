//! Samples as a Parquet file: one row a sample, with all that its run, setting and problem say.

use super::{Problem, RunSummary, SampleRecord, Store, StoreError, finish_name};
use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Rows that are written in one go.
const GROUP: usize = 10_000;

/// The columns in their order.
const SCHEMA: &str = "message samples {
    required binary run (UTF8);
    required binary dataset (UTF8);
    required binary model (UTF8);
    required binary engine (UTF8);
    required binary version (UTF8);
    optional binary effort (UTF8);
    optional double temperature;
    required int64 max_tokens;
    required binary problem (UTF8);
    optional binary question (UTF8);
    optional binary gold (UTF8);
    optional binary prompt_sha256 (UTF8);
    required int64 setting;
    required int64 sample;
    required int64 seed (INTEGER(64, false));
    required binary content (UTF8);
    required binary reasoning (UTF8);
    optional binary answer (UTF8);
    required boolean correct;
    optional binary judge (UTF8);
    optional double credit;
    required int64 prompt_tokens;
    required int64 cached_tokens;
    required int64 completion_tokens;
    required int64 reasoning_tokens;
    required boolean estimated;
    required int64 logprob_tokens;
    optional double logprob_mean;
    optional double logprob_min;
    optional double score;
    optional binary finish (UTF8);
    required double seconds;
    required int64 cost_nano_usd;
}";

impl Store {
    /// Writes the samples of runs to a Parquet file and says how many they are. The file is whole or
    /// not there: it is written beside its place and moved into it.
    ///
    /// # Errors
    /// If there is no such run, or the file cannot be written.
    pub async fn export(&self, runs: &[String], path: &Path) -> Result<u64, StoreError> {
        let beside = path.with_extension("parquet.part");
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        let file = File::create(&beside).map_err(failed)?;
        let written = self.write_all(runs, file).await.map_err(|error| match error {
            Failure::Store(error) => error,
            Failure::Parquet(source) => StoreError::Parquet { path: path.to_owned(), source },
        });
        match written {
            Ok(rows) => {
                std::fs::rename(&beside, path).map_err(failed)?;
                Ok(rows)
            }
            Err(error) => {
                drop(std::fs::remove_file(&beside));
                Err(error)
            }
        }
    }

    async fn write_all(&self, runs: &[String], file: File) -> Result<u64, Failure> {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        let mut rows = 0;
        for name in runs {
            let run = self.run(name).await?;
            let problems = self.problems(name).await?;
            let mut group: Vec<SampleRecord> = Vec::new();
            self.each_sample(name, |sample| {
                group.push(sample);
                rows += 1;
                if group.len() >= GROUP {
                    write_group(&mut writer, &run, &problems, &std::mem::take(&mut group))?;
                }
                Ok::<_, Failure>(())
            })
            .await?;
            if !group.is_empty() {
                write_group(&mut writer, &run, &problems, &group)?;
            }
        }
        writer.close()?;
        Ok(rows)
    }
}

enum Failure {
    Store(StoreError),
    Parquet(ParquetError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

fn write_group(
    writer: &mut SerializedFileWriter<File>,
    run: &RunSummary,
    problems: &[Problem],
    samples: &[SampleRecord],
) -> Result<(), ParquetError> {
    let spec = &run.spec;
    let problem = |s: &SampleRecord| problems.get(s.cell.problem as usize);
    let setting = |s: &SampleRecord| run.settings.get(s.cell.setting as usize);
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let mut rows = Rows { group: writer.next_row_group()?, samples };
    for fact in [&spec.name, &spec.dataset, &spec.model, &spec.engine, &spec.version] {
        rows.text(|_| text(fact))?;
    }
    rows.optional::<ByteArrayType>(|s| setting(s)?.effort.as_deref().map(text))?;
    rows.optional::<DoubleType>(|s| setting(s)?.temperature)?;
    rows.required::<Int64Type>(|s| setting(s).map_or(0, |t| whole(t.max_tokens)))?;
    rows.text(|s| text(problem(s).map_or("", |p| &p.id)))?;
    rows.optional::<ByteArrayType>(|s| problem(s)?.question.as_deref().map(text))?;
    rows.optional::<ByteArrayType>(|s| problem(s)?.gold.as_deref().map(text))?;
    rows.optional::<ByteArrayType>(|s| problem(s)?.prompt_sha256.as_deref().map(text))?;
    rows.required::<Int64Type>(|s| i64::from(s.cell.setting))?;
    rows.required::<Int64Type>(|s| i64::from(s.cell.index))?;
    rows.required::<Int64Type>(|s| s.seed.cast_signed())?;
    rows.text(|s| text(&s.content))?;
    rows.text(|s| text(&s.reasoning))?;
    rows.optional::<ByteArrayType>(|s| s.answer.as_deref().map(text))?;
    rows.required::<BoolType>(|s| s.correct)?;
    rows.optional::<ByteArrayType>(|s| s.judge.as_deref().map(text))?;
    rows.optional::<DoubleType>(|s| s.credit)?;
    for of in [
        (|s| s.usage.prompt) as fn(&SampleRecord) -> u64,
        |s| s.usage.cached,
        |s| s.usage.completion,
        |s| s.usage.reasoning,
    ] {
        rows.required::<Int64Type>(|s| whole(of(s)))?;
    }
    rows.required::<BoolType>(|s| s.usage.estimated)?;
    rows.required::<Int64Type>(|s| whole(s.logprobs.tokens))?;
    rows.optional::<DoubleType>(|s| s.logprobs.mean)?;
    rows.optional::<DoubleType>(|s| s.logprobs.min)?;
    rows.optional::<DoubleType>(|s| s.score)?;
    rows.optional::<ByteArrayType>(|s| s.finish.map(|f| text(finish_name(f))))?;
    rows.required::<DoubleType>(|s| s.seconds)?;
    rows.required::<Int64Type>(|s| whole(s.cost.nano()))?;
    rows.group.close()?;
    Ok(())
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text)
}

/// Rows that are written column by column.
struct Rows<'a, 'w> {
    group: SerializedRowGroupWriter<'w, File>,
    samples: &'a [SampleRecord],
}

impl Rows<'_, '_> {
    fn required<T: DataType>(&mut self, of: impl Fn(&SampleRecord) -> T::T) -> Result<(), ParquetError> {
        let values: Vec<T::T> = self.samples.iter().map(of).collect();
        self.column::<T>(&values, None)
    }

    fn optional<T: DataType>(&mut self, of: impl Fn(&SampleRecord) -> Option<T::T>) -> Result<(), ParquetError> {
        let cells: Vec<Option<T::T>> = self.samples.iter().map(of).collect();
        let there: Vec<i16> = cells.iter().map(|c| i16::from(c.is_some())).collect();
        let values: Vec<T::T> = cells.into_iter().flatten().collect();
        self.column::<T>(&values, Some(&there))
    }

    fn text(&mut self, of: impl Fn(&SampleRecord) -> ByteArray) -> Result<(), ParquetError> {
        self.required::<ByteArrayType>(of)
    }

    fn column<T: DataType>(&mut self, values: &[T::T], there: Option<&[i16]>) -> Result<(), ParquetError> {
        let missing = || ParquetError::General("the schema has fewer columns than are written".into());
        let mut column = self.group.next_column()?.ok_or_else(missing)?;
        column.typed::<T>().write_batch(values, there, None)?;
        column.close()
    }
}
