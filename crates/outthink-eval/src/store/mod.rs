//! Recorded samples in a database: SQLite in one file, or PostgreSQL for many writers.
//!
//! A [`Store`] holds runs; a run holds problems, [`Setting`]s and, for each pair of the two, samples
//! numbered from 0. A sample is written in one transaction when it has ended, and its key is unique,
//! so that whoever is killed and comes again neither loses one nor draws one twice. Before a sample
//! that costs money starts, its price at full length is held; what is held when a process dies counts
//! as spent.

mod curve;
mod error;
mod export;
mod lock;
mod read;
mod record;
mod rejudge;
mod schema;

pub use curve::{CurvePoint, CurveSpec, CurveSummary};
pub use error::StoreError;
pub use lock::RunLock;
pub(crate) use record::hex;
pub use record::{
    Cell, LogprobSummary, Loss, PROMPT_HASH, Problem, RunSpec, RunSummary, SampleRecord, Setting, prompt_sha256,
};
pub use rejudge::{EarlierJudgement, OWN_JUDGE, Rejudged};

use outthink_core::{Cost, FinishReason};
use schema::Place;
use sqlx::{Any, AnyPool, Connection, Transaction};
use std::time::{SystemTime, UNIX_EPOCH};

/// A database of runs. Clones are handles on the same one.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    place: Place,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address may hold a password.
        f.debug_struct("Store").field("kind", &self.place.kind).finish_non_exhaustive()
    }
}

/// What is spent, or is about to be, on the samples of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The sample.
    pub cell: Cell,
    /// What it costs at most.
    pub cost: Cost,
}

impl Store {
    /// Opens a store and brings its tables to the newest version. `place` is a file's path,
    /// `sqlite://PATH` or `postgres://USER@HOST/NAME`; a file is made where there is none.
    ///
    /// # Errors
    /// If the address is of another kind, the database cannot be opened, or a later version made it.
    pub async fn open(place: &str) -> Result<Self, StoreError> {
        let place = Place::of(place)?;
        Ok(Self { pool: schema::open(&place).await?, place })
    }

    /// Closes the store's connections and waits until that is done.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// Makes a run, or checks that the one of that name was recorded with the same settings.
    ///
    /// Its problems and settings are added to those that are there; those that are must be the same.
    ///
    /// # Errors
    /// If the run exists and differs, two problems have the same prompt, or the database fails.
    pub async fn begin(&self, spec: &RunSpec, settings: &[Setting], problems: &[Problem]) -> Result<(), StoreError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::database("begin a run"))?;
        let mut tx =
            connection.begin_with(self.place.kind.begin()).await.map_err(StoreError::database("begin a run"))?;
        match read::spec(&mut tx, &spec.name).await? {
            None => insert_run(&mut tx, spec).await?,
            Some(recorded) => same(&recorded, spec)?,
        }
        add_settings(&mut tx, &spec.name, settings).await?;
        add_problems(&mut tx, &spec.name, problems).await?;
        tx.commit().await.map_err(StoreError::database("begin a run"))
    }

    /// Holds money for samples that are about to start.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn hold(&self, run: &str, holds: &[Hold]) -> Result<(), StoreError> {
        let failed = || StoreError::database("hold money for a sample");
        let mut tx = self.pool.begin().await.map_err(failed())?;
        for hold in holds {
            sqlx::query(
                "INSERT INTO holds (run, problem, setting, idx, cost, created) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(run)
            .bind(i64::from(hold.cell.problem))
            .bind(i64::from(hold.cell.setting))
            .bind(i64::from(hold.cell.index))
            .bind(int(hold.cost.nano()))
            .bind(now())
            .execute(&mut *tx)
            .await
            .map_err(failed())?;
        }
        tx.commit().await.map_err(failed())
    }

    /// Writes samples that have ended and gives back what was held for them, all or nothing.
    ///
    /// # Errors
    /// If one of them is there already, or the database fails.
    pub async fn commit(&self, run: &str, samples: &[SampleRecord]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await.map_err(StoreError::database("write a sample"))?;
        for sample in samples {
            release(&mut tx, run, sample.cell).await?;
            insert_sample(&mut tx, run, sample).await?;
        }
        tx.commit().await.map_err(StoreError::database("write a sample"))
    }

    /// Notes what was spent on a sample that never came to be, and gives back what was held for it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn lose(&self, run: &str, loss: &Loss) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await.map_err(StoreError::database("note a loss"))?;
        release(&mut tx, run, loss.cell).await?;
        insert_loss(&mut tx, run, loss).await?;
        tx.commit().await.map_err(StoreError::database("note a loss"))
    }

    /// Turns what is still held for a run into losses, at the full amount: nobody knows what was
    /// spent of it. To be called under the run's lock, when no sample of it runs.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn settle(&self, run: &str, reason: &str) -> Result<(), StoreError> {
        let failed = || StoreError::database("settle what was held");
        let mut tx = self.pool.begin().await.map_err(failed())?;
        sqlx::query(
            "INSERT INTO losses (run, problem, setting, idx, cost, tokens, reason, created)
             SELECT run, problem, setting, idx, cost, 0, $2, created FROM holds WHERE run = $1",
        )
        .bind(run)
        .bind(reason)
        .execute(&mut *tx)
        .await
        .map_err(failed())?;
        sqlx::query("DELETE FROM holds WHERE run = $1").bind(run).execute(&mut *tx).await.map_err(failed())?;
        tx.commit().await.map_err(failed())
    }

    /// Removes a run with all that belongs to it.
    ///
    /// # Errors
    /// If there is no such run, another process adds to it, or the database fails.
    pub async fn remove(&self, run: &str) -> Result<(), StoreError> {
        let lock = self.lock(run).await?;
        let gone = sqlx::query("DELETE FROM runs WHERE name = $1")
            .bind(run)
            .execute(&self.pool)
            .await
            .map_err(StoreError::database("remove a run"))?;
        drop(lock);
        if gone.rows_affected() == 0 {
            return Err(self.no_run(run).await);
        }
        Ok(())
    }

    async fn no_run(&self, name: &str) -> StoreError {
        match self.runs().await {
            Ok(runs) => {
                StoreError::NoRun { name: name.to_owned(), known: runs.into_iter().map(|r| r.spec.name).collect() }
            }
            Err(error) => error,
        }
    }
}

/// What must be the same for samples to belong to one run.
fn same(recorded: &RunSpec, asked: &RunSpec) -> Result<(), StoreError> {
    let seeds = (recorded.seed.to_string(), asked.seed.to_string());
    let fields = [
        ("question set", &recorded.dataset_sha256, &asked.dataset_sha256),
        ("model", &recorded.model, &asked.model),
        ("engine", &recorded.engine, &asked.engine),
        ("way to sample", &recorded.sampling, &asked.sampling),
        ("seed", &seeds.0, &seeds.1),
        ("hash of prompts", &recorded.prompt_hash, &asked.prompt_hash),
    ];
    match fields.into_iter().find(|(_, theirs, ours)| theirs != ours) {
        None => Ok(()),
        Some((what, theirs, ours)) => {
            Err(StoreError::Mismatch { name: asked.name.clone(), what, theirs: theirs.clone(), ours: ours.clone() })
        }
    }
}

async fn insert_run(tx: &mut Transaction<'_, Any>, spec: &RunSpec) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO runs (name, created, dataset, dataset_sha256, model, engine, sampling, seed, version,
         prompt_hash, source) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&*spec.name)
    .bind(now())
    .bind(&*spec.dataset)
    .bind(&*spec.dataset_sha256)
    .bind(&*spec.model)
    .bind(&*spec.engine)
    .bind(&*spec.sampling)
    .bind(spec.seed.cast_signed())
    .bind(&*spec.version)
    .bind(&*spec.prompt_hash)
    .bind(&*spec.source)
    .execute(&mut **tx)
    .await
    .map(drop)
    .map_err(StoreError::database("begin a run"))
}

async fn add_settings(tx: &mut Transaction<'_, Any>, run: &str, settings: &[Setting]) -> Result<(), StoreError> {
    let there = read::settings(tx, run).await?;
    let ours = |i: usize| settings.get(i).map_or_else(|| "none".into(), Setting::label);
    if let Some(i) = there.iter().enumerate().position(|(i, s)| settings.get(i) != Some(s)) {
        let theirs = there[i].label();
        return Err(StoreError::Mismatch { name: run.to_owned(), what: "setting", theirs, ours: ours(i) });
    }
    for (number, setting) in settings.iter().enumerate().skip(there.len()) {
        sqlx::query("INSERT INTO settings (run, number, effort, temperature, max_tokens) VALUES ($1, $2, $3, $4, $5)")
            // See `insert_sample`.
            .persistent(false)
            .bind(run)
            .bind(int(number as u64))
            .bind(setting.effort.as_deref())
            .bind(setting.temperature)
            .bind(int(setting.max_tokens))
            .execute(&mut **tx)
            .await
            .map_err(StoreError::database("write a setting"))?;
    }
    Ok(())
}

async fn add_problems(tx: &mut Transaction<'_, Any>, run: &str, problems: &[Problem]) -> Result<(), StoreError> {
    let there = read::problems(tx, run).await?;
    let mut hashes = std::collections::HashMap::new();
    let mut ids = std::collections::HashSet::new();
    for problem in there.iter().chain(problems.iter().skip(there.len())) {
        if !ids.insert(&problem.id) {
            return Err(StoreError::Caller(format!("two problems are called `{}`: rename one of them", problem.id)));
        }
        if let Some(hash) = &problem.prompt_sha256
            && let Some(first) = hashes.insert(hash, &problem.id)
        {
            return Err(StoreError::SamePrompt { first: first.clone(), second: problem.id.clone() });
        }
    }
    if let Some((theirs, ours)) = there.iter().zip(problems).find(|(theirs, ours)| theirs != ours) {
        return Err(StoreError::Mismatch {
            name: run.to_owned(),
            what: "problem",
            theirs: theirs.id.clone(),
            ours: ours.id.clone(),
        });
    }
    for (number, problem) in problems.iter().enumerate().skip(there.len()) {
        sqlx::query(
            "INSERT INTO problems (run, number, id, question, gold, prompt_sha256, vote_ok)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(run)
        .bind(int(number as u64))
        .bind(&*problem.id)
        .bind(problem.question.as_deref())
        .bind(problem.gold.as_deref())
        .bind(problem.prompt_sha256.as_deref())
        .bind(i64::from(problem.vote_ok))
        .execute(&mut **tx)
        .await
        .map_err(StoreError::database("write a problem"))?;
    }
    Ok(())
}

async fn release(tx: &mut Transaction<'_, Any>, run: &str, cell: Cell) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM holds WHERE run = $1 AND problem = $2 AND setting = $3 AND idx = $4")
        .bind(run)
        .bind(i64::from(cell.problem))
        .bind(i64::from(cell.setting))
        .bind(i64::from(cell.index))
        .execute(&mut **tx)
        .await
        .map(drop)
        .map_err(StoreError::database("give back what was held"))
}

async fn insert_loss(tx: &mut Transaction<'_, Any>, run: &str, loss: &Loss) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO losses (run, problem, setting, idx, cost, tokens, reason, created)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(run)
    .bind(i64::from(loss.cell.problem))
    .bind(i64::from(loss.cell.setting))
    .bind(i64::from(loss.cell.index))
    .bind(int(loss.cost.nano()))
    .bind(int(loss.tokens))
    .bind(&*loss.reason)
    .bind(now())
    .execute(&mut **tx)
    .await
    .map(drop)
    .map_err(StoreError::database("note a loss"))
}

async fn insert_sample(tx: &mut Transaction<'_, Any>, run: &str, sample: &SampleRecord) -> Result<(), StoreError> {
    let usage = &sample.usage;
    sqlx::query(
        "INSERT INTO samples (run, problem, setting, idx, seed, content, reasoning, answer, correct, prompt_tokens,
         cached_tokens, completion_tokens, reasoning_tokens, estimated, logprob_tokens, logprob_mean, logprob_min,
         score, finish, seconds, cost, created, judge, credit)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
         $24)",
    )
    // A NULL has no type of its own: prepared once with one, PostgreSQL refuses the number that comes next.
    .persistent(false)
    .bind(run)
    .bind(i64::from(sample.cell.problem))
    .bind(i64::from(sample.cell.setting))
    .bind(i64::from(sample.cell.index))
    .bind(sample.seed.cast_signed())
    .bind(printable(&sample.content))
    .bind(printable(&sample.reasoning))
    .bind(sample.answer.as_deref().map(printable))
    .bind(i64::from(sample.correct))
    .bind(int(usage.prompt))
    .bind(int(usage.cached))
    .bind(int(usage.completion))
    .bind(int(usage.reasoning))
    .bind(i64::from(usage.estimated))
    .bind(int(sample.logprobs.tokens))
    .bind(sample.logprobs.mean)
    .bind(sample.logprobs.min)
    .bind(sample.score)
    .bind(sample.finish.map(finish_name))
    .bind(sample.seconds)
    .bind(int(sample.cost.nano()))
    .bind(now())
    .bind(sample.judge.as_deref())
    .bind(sample.credit)
    .execute(&mut **tx)
    .await
    .map(drop)
    .map_err(StoreError::database("write a sample"))
}

/// PostgreSQL keeps no NUL in a text; a model may well write one.
fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

const FINISHES: [(FinishReason, &str); 6] = [
    (FinishReason::Stop, "stop"),
    (FinishReason::Length, "length"),
    (FinishReason::ToolCalls, "tool_calls"),
    (FinishReason::ContentFilter, "content_filter"),
    (FinishReason::Interrupted, "interrupted"),
    (FinishReason::Unknown, "unknown"),
];

fn finish_name(finish: FinishReason) -> &'static str {
    FINISHES.iter().find(|f| f.0 == finish).map_or("stop", |f| f.1)
}

fn finish_of(name: &str) -> Option<FinishReason> {
    FINISHES.iter().find(|f| f.1 == name).map(|f| f.0)
}

/// A count as the database keeps it.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A count as the database kept it.
fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| int(d.as_secs()))
}
