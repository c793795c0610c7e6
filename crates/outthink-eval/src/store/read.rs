//! What a store gives back.

use super::{
    Cell, LogprobSummary, Problem, RunSpec, RunSummary, SampleRecord, Setting, Store, StoreError, count, finish_of, int,
};
use crate::recording::{no_samples, pool_name, pool_problem, pool_sample};
use crate::{Pool, PoolProblem, PoolSample};
use outthink_core::{Cost, Usage};
use outthink_verify::Grouper;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::HashMap;

/// Samples that are read in one go, so that a run of millions needs no memory for all of them.
const PAGE: usize = 2_000;

impl Store {
    /// All runs, the newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let names: Vec<String> = sqlx::query_scalar("SELECT name FROM runs ORDER BY created DESC, name")
            .fetch_all(&self.pool)
            .await
            .map_err(StoreError::database("list its runs"))?;
        let mut runs = Vec::with_capacity(names.len());
        for name in names {
            runs.push(self.run(&name).await?);
        }
        Ok(runs)
    }

    /// One run and how far it has come.
    ///
    /// # Errors
    /// If there is no such run, or the database fails.
    pub async fn run(&self, name: &str) -> Result<RunSummary, StoreError> {
        let failed = || StoreError::database("read a run");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let Some(spec) = spec(&mut connection, name).await? else {
            drop(connection);
            let known = sqlx::query_scalar("SELECT name FROM runs ORDER BY created DESC, name")
                .fetch_all(&self.pool)
                .await
                .map_err(failed())?;
            return Err(StoreError::NoRun { name: name.to_owned(), known });
        };
        let created: i64 = sqlx::query_scalar("SELECT created FROM runs WHERE name = $1")
            .bind(name)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed())?;
        let problems: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM problems WHERE run = $1")
            .bind(name)
            .fetch_one(&mut *connection)
            .await
            .map_err(failed())?;
        let sums = sqlx::query(
            "SELECT COUNT(*), CAST(COALESCE(SUM(correct), 0) AS BIGINT),
             CAST(COALESCE(SUM(completion_tokens), 0) AS BIGINT), CAST(COALESCE(SUM(cost), 0) AS BIGINT)
             FROM samples WHERE run = $1",
        )
        .bind(name)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
        let settings = settings(&mut connection, name).await?;
        let lost = lost(&mut connection, name).await?;
        let sum = |i: usize| sums.try_get::<i64, _>(i).map(count).map_err(failed());
        Ok(RunSummary {
            spec,
            created: count(created),
            problems: count(problems) as u32,
            settings,
            samples: sum(0)?,
            correct: sum(1)?,
            tokens: sum(2)?,
            cost: Cost::from_nano(sum(3)?),
            lost,
        })
    }

    /// The problems of a run, by number.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn problems(&self, run: &str) -> Result<Vec<Problem>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(StoreError::database("read a run's problems"))?;
        problems(&mut connection, run).await
    }

    /// Which samples of a run are there.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn cells(&self, run: &str) -> Result<Vec<(Cell, bool)>, StoreError> {
        let failed = || StoreError::database("read a run's samples");
        let rows: Vec<(i64, i64, i64, i64)> =
            sqlx::query_as("SELECT problem, setting, idx, correct FROM samples WHERE run = $1")
                .bind(run)
                .fetch_all(&self.pool)
                .await
                .map_err(failed())?;
        Ok(rows.into_iter().map(|(p, s, i, c)| (cell(p, s, i), c != 0)).collect())
    }

    /// Calls `take` with each sample of a run, by problem, setting and number.
    ///
    /// # Errors
    /// If the database fails, or `take` does.
    pub async fn each_sample<E: From<StoreError>>(
        &self,
        run: &str,
        mut take: impl FnMut(SampleRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = || StoreError::database("read a run's samples");
        let mut after = (-1, -1, -1);
        loop {
            let rows = sqlx::query(
                "SELECT problem, setting, idx, seed, content, reasoning, answer, correct, prompt_tokens,
                 cached_tokens, completion_tokens, reasoning_tokens, estimated, logprob_tokens, logprob_mean,
                 logprob_min, score, finish, seconds, cost, judge, credit FROM samples
                 WHERE run = $1 AND (problem, setting, idx) > ($2, $3, $4)
                 ORDER BY problem, setting, idx LIMIT $5",
            )
            .bind(run)
            .bind(after.0)
            .bind(after.1)
            .bind(after.2)
            .bind(int(PAGE as u64))
            .fetch_all(&self.pool)
            .await
            .map_err(failed())?;
            let last = rows.len() < PAGE;
            for row in &rows {
                let record = sample(row).map_err(failed())?;
                let at = record.cell;
                after = (i64::from(at.problem), i64::from(at.setting), i64::from(at.index));
                take(record)?;
            }
            if last {
                return Ok(());
            }
        }
    }

    /// What a run has cost: its samples, and those that never came to be.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn spent(&self, run: &str) -> Result<Cost, StoreError> {
        let failed = || StoreError::database("add up a run's cost");
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let samples: i64 =
            sqlx::query_scalar("SELECT CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM samples WHERE run = $1")
                .bind(run)
                .fetch_one(&mut *connection)
                .await
                .map_err(failed())?;
        Ok(Cost::from_nano(count(samples)) + lost(&mut connection, run).await?)
    }

    /// A run as a recorded pool: each problem with all its samples, whatever their setting.
    ///
    /// # Errors
    /// If there is no such run, it has no samples, or the database fails.
    pub async fn pool(&self, run: &str) -> Result<Pool, StoreError> {
        self.pool_where(run, run.to_owned(), |_| true).await
    }

    /// A run as one recorded pool a setting, in the settings' order; those without samples are left
    /// out.
    ///
    /// # Errors
    /// If there is no such run, it has no samples, or the database fails.
    pub async fn pools(&self, run: &str) -> Result<Vec<(Setting, Pool)>, StoreError> {
        let settings = self.run(run).await?.settings;
        let mut pools = Vec::new();
        for (number, setting) in settings.iter().enumerate() {
            let name = pool_name(run, &settings, number);
            match self.pool_where(run, name, |cell| cell.setting as usize == number).await {
                Ok(pool) => pools.push((setting.clone(), pool)),
                Err(StoreError::Caller(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if pools.is_empty() {
            return Err(no_samples(run));
        }
        Ok(pools)
    }

    async fn pool_where(&self, run: &str, name: String, wanted: impl Fn(Cell) -> bool) -> Result<Pool, StoreError> {
        let model = self.run(run).await?.spec.model;
        let problems = self.problems(run).await?;
        let mut drawn: HashMap<u32, (Vec<PoolSample>, bool, Grouper)> = HashMap::new();
        self.each_sample::<StoreError>(run, |record| {
            if wanted(record.cell) {
                let (samples, exact, grouper) =
                    drawn.entry(record.cell.problem).or_insert_with(|| (Vec::new(), true, Grouper::default()));
                samples.push(pool_sample(&record, grouper));
                *exact &= !record.usage.estimated;
            }
            Ok(())
        })
        .await?;
        let problems: Vec<PoolProblem> = (0..)
            .zip(&problems)
            .filter_map(|(number, problem)| {
                let (samples, exact, _) = drawn.remove(&number)?;
                Some(pool_problem(problem, &model, samples, exact))
            })
            .collect();
        if problems.is_empty() {
            return Err(no_samples(run));
        }
        Ok(Pool { name, problems })
    }
}

pub(super) async fn spec(connection: &mut AnyConnection, name: &str) -> Result<Option<RunSpec>, StoreError> {
    let failed = || StoreError::database("read a run");
    let row = sqlx::query(
        "SELECT dataset, dataset_sha256, model, engine, sampling, version, prompt_hash, source, seed
         FROM runs WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(&mut *connection)
    .await
    .map_err(failed())?;
    let Some(row) = row else { return Ok(None) };
    let text = |i: usize| row.try_get::<String, _>(i).map_err(failed());
    Ok(Some(RunSpec {
        name: name.to_owned(),
        dataset: text(0)?,
        dataset_sha256: text(1)?,
        model: text(2)?,
        engine: text(3)?,
        sampling: text(4)?,
        version: text(5)?,
        prompt_hash: text(6)?,
        source: text(7)?,
        seed: row.try_get::<i64, _>(8).map_err(failed())?.cast_unsigned(),
    }))
}

pub(super) async fn settings(connection: &mut AnyConnection, run: &str) -> Result<Vec<Setting>, StoreError> {
    let rows: Vec<(Option<String>, Option<f64>, i64)> =
        sqlx::query_as("SELECT effort, temperature, max_tokens FROM settings WHERE run = $1 ORDER BY number")
            .bind(run)
            .fetch_all(connection)
            .await
            .map_err(StoreError::database("read a run's settings"))?;
    let setting = |(effort, temperature, tokens)| Setting { effort, temperature, max_tokens: count(tokens) };
    Ok(rows.into_iter().map(setting).collect())
}

pub(super) async fn problems(connection: &mut AnyConnection, run: &str) -> Result<Vec<Problem>, StoreError> {
    type Row = (String, Option<String>, Option<String>, Option<String>, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, question, gold, prompt_sha256, vote_ok FROM problems WHERE run = $1 ORDER BY number",
    )
    .bind(run)
    .fetch_all(connection)
    .await
    .map_err(StoreError::database("read a run's problems"))?;
    let problem = |(id, question, gold, prompt_sha256, vote_ok)| Problem {
        id,
        question,
        gold,
        prompt_sha256,
        vote_ok: vote_ok != 0,
    };
    Ok(rows.into_iter().map(problem).collect())
}

/// What was spent on samples that never came to be, those included for which money is held.
async fn lost(connection: &mut AnyConnection, run: &str) -> Result<Cost, StoreError> {
    let lost: i64 = sqlx::query_scalar(
        "SELECT CAST((SELECT COALESCE(SUM(cost), 0) FROM losses WHERE run = $1)
         + (SELECT COALESCE(SUM(cost), 0) FROM holds WHERE run = $1) AS BIGINT)",
    )
    .bind(run)
    .fetch_one(connection)
    .await
    .map_err(StoreError::database("add up a run's losses"))?;
    Ok(Cost::from_nano(count(lost)))
}

pub(super) fn cell(problem: i64, setting: i64, index: i64) -> Cell {
    Cell { problem: count(problem) as u32, setting: count(setting) as u32, index: count(index) as u32 }
}

fn sample(row: &AnyRow) -> Result<SampleRecord, sqlx::Error> {
    let number = |i: usize| row.try_get::<i64, _>(i);
    let tokens = |i: usize| number(i).map(count);
    Ok(SampleRecord {
        cell: cell(number(0)?, number(1)?, number(2)?),
        seed: number(3)?.cast_unsigned(),
        content: row.try_get(4)?,
        reasoning: row.try_get(5)?,
        answer: row.try_get(6)?,
        correct: number(7)? != 0,
        usage: Usage {
            prompt: tokens(8)?,
            cached: tokens(9)?,
            completion: tokens(10)?,
            reasoning: tokens(11)?,
            estimated: number(12)? != 0,
            ..Usage::default()
        },
        logprobs: LogprobSummary { tokens: tokens(13)?, mean: row.try_get(14)?, min: row.try_get(15)? },
        score: row.try_get(16)?,
        finish: row.try_get::<Option<String>, _>(17)?.as_deref().and_then(finish_of),
        seconds: row.try_get(18)?,
        cost: Cost::from_nano(tokens(19)?),
        judge: row.try_get(20)?,
        credit: row.try_get(21)?,
    })
}
