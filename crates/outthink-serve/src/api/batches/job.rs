//! One batch while a gateway works on it.

use super::input::Input;
use super::line::{self, Asked, End};
use super::object::{Document, Limits, status};
use super::request::{Check, Line};
use super::shares::{Allotted, Shares};
use super::work::{Batches, Host};
use crate::observe::TraceId;
use crate::run::{Caller, Part, unix_seconds};
use outthink_ledger::{HeldLine, Ledger, LedgerError, LineEnd, StoredBatch, StoredFile};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// How often the lease is renewed and the time looked at.
const TICK: Duration = Duration::from_secs(1);
/// Lines that are read at once.
const LINES: u64 = 256;

/// Why the work on a batch stops before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error("another gateway works on it")]
    Lost,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// How far the requests came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// All are answered.
    End,
    /// Somebody asked for it to be cancelled.
    Cancelled,
    /// The time is over.
    Expired,
    /// The budget is spent.
    Spent,
    /// The key of its owner is not valid any more.
    NoKey,
    /// The gateway is to end.
    Ending,
}

/// A request that runs.
struct Begun {
    asked: Asked,
    part: Arc<Part>,
}

/// One batch while a gateway works on it.
pub(super) struct Job<'a> {
    batches: &'a Batches,
    host: &'a Arc<Host>,
    ledger: Ledger,
    batch: StoredBatch,
    document: Document,
    /// What ran when the last holder died.
    held: Vec<HeldLine>,
    ending: watch::Receiver<bool>,
    /// The requests that run, each as a task of its own: none waits for what is written here.
    tasks: JoinSet<End>,
    running: HashMap<Id, Begun>,
}

impl<'a> Job<'a> {
    /// A batch that was taken.
    pub(super) fn new(
        (batches, host): (&'a Batches, &'a Arc<Host>),
        ledger: Ledger,
        (batch, held): (StoredBatch, Vec<HeldLine>),
        ending: watch::Receiver<bool>,
    ) -> Self {
        let document = Document::read(&batch.body);
        Self { batches, host, ledger, batch, document, held, ending, tasks: JoinSet::new(), running: HashMap::new() }
    }

    /// Works on it to its end, or as far as possible.
    pub(super) async fn run(mut self) {
        match self.steps().await {
            Ok(()) => tracing::info!(batch = self.batch.id, status = self.batch.status, "a batch was worked on"),
            Err(error) => tracing::warn!(batch = self.batch.id, %error, "the work on a batch stops"),
        }
    }

    async fn steps(&mut self) -> Result<(), Stop> {
        self.renew().await?;
        self.book().await?;
        if self.batch.status == status::VALIDATING && !self.validate().await? {
            return Ok(());
        }
        let reached = match self.batch.status.as_str() {
            status::IN_PROGRESS => Box::pin(self.answer()).await?,
            status::CANCELLING => Reached::Cancelled,
            _ => Reached::End,
        };
        let (to, code, words) = match reached {
            Reached::Ending => {
                self.ledger.hold_batch(&self.batch.id, &self.batches.holder, 0).await?;
                return Ok(());
            }
            Reached::End | Reached::Spent => {
                if reached == Reached::Spent {
                    let words = "the budget of the batch was spent before this request was answered";
                    self.leave_rest("batch_budget_spent", words).await?;
                }
                self.document.begins(status::FINALIZING, unix_seconds());
                self.write(status::FINALIZING, &[]).await?;
                return self.finish(status::COMPLETED).await;
            }
            Reached::Cancelled => {
                (status::CANCELLED, "batch_cancelled", "the batch was cancelled before this request was answered")
            }
            Reached::Expired => (
                status::EXPIRED,
                "batch_expired",
                "the completion window of the batch ended before this request was answered",
            ),
            Reached::NoKey => {
                let words = "the key of the batch was revoked before this request was answered";
                self.document.wrong =
                    vec![json!({ "code": "invalid_api_key", "message": words, "line": null, "param": null })];
                (status::FAILED, "invalid_api_key", words)
            }
        };
        self.leave_rest(code, words).await?;
        self.finish(to).await
    }

    /// Holds the batch for a while longer, and learns its status.
    async fn renew(&mut self) -> Result<(), Stop> {
        let until = unix_seconds() + Batches::lease(&(self.host.current)());
        let held = self.ledger.hold_batch(&self.batch.id, &self.batches.holder, until).await?;
        self.batch.status = held.ok_or(Stop::Lost)?;
        Ok(())
    }

    /// Writes what the batch comes to, and its next status; whether nobody had changed that in between. If somebody had, it
    /// is cancelled.
    async fn write(&mut self, to: &str, files: &[StoredFile]) -> Result<bool, Stop> {
        let (id, holder) = (self.batch.id.clone(), &self.batches.holder);
        let text = self.document.text();
        if self.ledger.write_batch((&id, holder), (&self.batch.status, to), &text, files).await? {
            to.clone_into(&mut self.batch.status);
            return Ok(true);
        }
        self.renew().await?;
        Ok(false)
    }

    /// Counts what ran when the last holder died at the most that it may have spent.
    async fn book(&mut self) -> Result<(), Stop> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return Ok(());
        }
        self.document.died();
        for line in &held {
            // The claim of a key says it more closely than what the request was allowed.
            let claimed = match &self.batch.owner {
                Some(_) => self.ledger.spent_at_most(&line.trace).await?,
                None => None,
            };
            let (cost, tokens) = claimed.unwrap_or((line.cost, line.tokens));
            self.document.interrupted += 1;
            self.document.cost = self.document.cost.saturating_add(cost.nano());
            self.document.lost = self.document.lost.saturating_add(cost.nano());
            self.document.tokens.generated = self.document.tokens.generated.saturating_add(tokens);
        }
        while !self.write(&self.batch.status.clone(), &[]).await? {}
        Ok(())
    }

    /// Checks the input; whether there is anything to answer.
    async fn validate(&mut self) -> Result<bool, Stop> {
        let (mut check, mut from, mut renewed) = (Check::default(), 0, Instant::now());
        loop {
            let lines = self.ledger.file_lines(&self.batch.input, from, LINES).await?;
            let Some((last, _)) = lines.last() else { break };
            from = last + 1;
            for (number, text) in &lines {
                check.line(*number, text, &self.document.endpoint);
            }
            if renewed.elapsed() > TICK {
                self.renew().await?;
                renewed = Instant::now();
            }
        }
        if check.total == 0 && check.wrong.is_empty() {
            let words = "the file holds no requests, or was deleted: upload it again";
            check.wrong.push(json!({ "code": "empty_file", "message": words, "line": null, "param": null }));
        }
        (self.document.total, self.document.model) = (check.total, check.model());
        self.document.wrong = check.wrong;
        let to = if self.document.wrong.is_empty() { status::IN_PROGRESS } else { status::FAILED };
        self.document.begins(to, unix_seconds());
        self.write(to, &[]).await?;
        Ok(self.batch.status != status::FAILED)
    }

    /// Asks all requests that have no result yet.
    async fn answer(&mut self) -> Result<Reached, Stop> {
        let done = self.ledger.line_numbers((&self.document.output, &self.document.errors)).await?;
        let done: HashSet<u64> = done.into_iter().collect();
        let open = self.document.total.saturating_sub(done.len() as u64);
        let spent = (self.document.cost, self.document.tokens.generated);
        let mut shares = Shares::new(self.document.budget, spent, open, self.document.seen);
        let mixed = self.document.budget != Limits::default();
        let mut input = Input::of(&self.ledger, &self.batch.input, &done, mixed).await?;
        let mut pause: Option<Instant> = None;
        let mut tick = Instant::now() + TICK;
        let reached = 'work: loop {
            let is_ending = *self.ending.borrow();
            if pause.is_some_and(|until| Instant::now() >= until) {
                pause = None;
            }
            let most = self.document.at_once((self.host.current)().config().server.limits.batch_lines);
            while !is_ending && pause.is_none() && self.running.len() < most {
                let Some((number, text)) = input.next(&self.ledger, &self.batch.input).await? else { break };
                let need = Line::need(&text, &(self.host.current)());
                let share = match shares.begin(need) {
                    Allotted::Share(share) => share,
                    Allotted::Later => {
                        input.put_back((number, text));
                        break;
                    }
                    // Nothing runs whose rest could come back.
                    Allotted::Never => break 'work Reached::Spent,
                };
                let Some(caller) = self.owner().await? else {
                    input.put_back((number, text));
                    self.abandon().await?;
                    return Ok(Reached::NoKey);
                };
                let part = Arc::new(shares.part(share));
                self.begin(Begun { asked: Asked { number, text, share }, part }, caller).await?;
            }
            if self.running.is_empty() {
                if is_ending {
                    break Reached::Ending;
                }
                if input.is_at_end() {
                    break Reached::End;
                }
            }
            let mut ending = self.ending.clone();
            tokio::select! {
                Some(ended) = self.tasks.join_next_with_id(), if !self.running.is_empty() => {
                    let (id, end) = match ended {
                        Ok((id, end)) => (id, Some(end)),
                        Err(error) => (error.id(), None),
                    };
                    let Some(begun) = self.running.remove(&id) else { continue };
                    if let Some((wait, text)) = self.end(begun, end, &mut shares).await? {
                        pause = Some(Instant::now() + wait);
                        input.ask_again(text);
                    }
                }
                () = sleep_until(tick) => {}
                () = self.batches.woken() => tick = Instant::now(),
                () = sleep(Duration::from_millis(50)), if pause.is_some() => {}
                _ = ending.changed(), if !is_ending => {}
            }
            if Instant::now() >= tick {
                tick = Instant::now() + TICK;
                self.renew().await?;
                if self.batch.status == status::CANCELLING {
                    break Reached::Cancelled;
                }
                if unix_seconds() >= self.document.expires {
                    break Reached::Expired;
                }
            }
        };
        self.abandon().await?;
        Ok(reached)
    }

    /// Who asks: the owner of the batch, if its key is still valid.
    async fn owner(&self) -> Result<Option<Caller>, Stop> {
        let Some(id) = &self.batch.owner else { return Ok(Some(Caller::default())) };
        let key = self.ledger.key(id).await?;
        Ok(key.map(|key| Caller { key: Some(key), ..Caller::default() }))
    }

    /// Begins a request; what it may spend is written down first.
    async fn begin(&mut self, begun: Begun, caller: Caller) -> Result<(), Stop> {
        let Asked { number, share, .. } = begun.asked;
        let trace = TraceId::fresh();
        let held = HeldLine {
            number,
            trace: trace.0.clone(),
            cost: outthink_core::Cost::from_nano(share.cost.unwrap_or(0)),
            tokens: share.tokens.unwrap_or(0),
        };
        if !self.ledger.begin_line((&self.batch.id, &self.batches.holder), held).await? {
            return Err(Stop::Lost);
        }
        let (host, endpoint, text) = (Arc::clone(self.host), self.document.endpoint.clone(), begun.asked.text.clone());
        let caller = Caller { part: Some(Arc::clone(&begun.part)), ..caller };
        let ledger = self.ledger.clone();
        let task = self.tasks.spawn(async move {
            let end = line::ask(&host, &endpoint, &text, (caller, trace)).await;
            // A result is written behind its bill, so that no crash leaves one whose claim lapses.
            ledger.settled().await;
            end
        });
        self.running.insert(task.id(), begun);
        Ok(())
    }

    /// Writes the result of a request; when and what is asked again, where there is none.
    async fn end(
        &mut self,
        Begun { asked, part }: Begun,
        end: Option<End>,
        shares: &mut Shares,
    ) -> Result<Option<(Duration, (u64, String))>, Stop> {
        let (number, spent) = (asked.number, part.spent());
        let counted = (spent.samples, spent.cost.nano(), spent.usage.generated());
        let end = end.unwrap_or_else(|| {
            let words = "the gateway failed while it answered this request: report it";
            End::Result(line::failed(line::custom_id(&asked.text).as_deref(), "internal_error", words), false)
        });
        self.document.spent(spent);
        shares.end(asked.share, counted, matches!(end, End::Result(..)));
        (self.document.price, self.document.seen) = (shares.price(), shares.seen());
        match end {
            End::Result(line, good) => {
                self.document.answered();
                self.keep(vec![(number, line)], good).await?;
                Ok(None)
            }
            End::Again(wait) => {
                let file = self.document.errors.clone();
                self.end_lines(&file, &[], &[number]).await?;
                Ok(Some((wait, (number, asked.text))))
            }
        }
    }

    /// Writes results of one kind.
    async fn keep(&mut self, lines: Vec<(u64, String)>, good: bool) -> Result<(), Stop> {
        let (count, bytes) = (lines.len() as u64, lines.iter().map(|(_, line)| line.len() as u64).sum::<u64>());
        let document = &mut self.document;
        let file = if good { document.output.clone() } else { document.errors.clone() };
        let (counted, weighed) = if good {
            (&mut document.completed, &mut document.output_bytes)
        } else {
            (&mut document.failed, &mut document.error_bytes)
        };
        *counted += count;
        *weighed += bytes;
        self.end_lines(&file, &lines, &[]).await
    }

    async fn end_lines(&self, file: &str, results: &[(u64, String)], again: &[u64]) -> Result<(), Stop> {
        let body = self.document.text();
        let end = LineEnd { batch: &self.batch.id, file, results, again, body: &body };
        if self.ledger.end_lines(&self.batches.holder, end).await? { Ok(()) } else { Err(Stop::Lost) }
    }

    /// Ends what runs without a result; what it has spent counts.
    async fn abandon(&mut self) -> Result<(), Stop> {
        self.tasks.shutdown().await;
        let running = std::mem::take(&mut self.running);
        if running.is_empty() {
            return Ok(());
        }
        for begun in running.values() {
            self.document.spent(begun.part.spent());
        }
        let numbers: Vec<u64> = running.into_values().map(|begun| begun.asked.number).collect();
        let file = self.document.errors.clone();
        self.end_lines(&file, &[], &numbers).await
    }

    /// Writes down that the requests without a result have none.
    async fn leave_rest(&mut self, code: &str, words: &str) -> Result<(), Stop> {
        let done = self.ledger.line_numbers((&self.document.output, &self.document.errors)).await?;
        let done: HashSet<u64> = done.into_iter().collect();
        let mut from = 0;
        loop {
            let lines = self.ledger.file_lines(&self.batch.input, from, LINES).await?;
            let Some((last, _)) = lines.last() else { return Ok(()) };
            from = last + 1;
            let open = lines.iter().filter(|(number, text)| !done.contains(number) && !text.trim().is_empty());
            let failed =
                |(number, text): &(u64, String)| (*number, line::failed(line::custom_id(text).as_deref(), code, words));
            let failed: Vec<(u64, String)> = open.map(failed).collect();
            if !failed.is_empty() {
                self.keep(failed, false).await?;
            }
            self.renew().await?;
        }
    }

    /// Ends the batch: its files can be seen from now on.
    async fn finish(&mut self, to: &str) -> Result<(), Stop> {
        let now = unix_seconds();
        self.document.begins(to, now);
        let document = &self.document;
        let file = |id: &String, name: &str, bytes| StoredFile {
            id: id.clone(),
            owner: self.batch.owner.clone(),
            name: format!("{}_{name}.jsonl", self.batch.id),
            purpose: "batch_output".to_owned(),
            bytes,
            created: now,
            expires: Some(now.saturating_add(document.kept)),
        };
        let mut files = Vec::new();
        if document.completed > 0 {
            files.push(file(&document.output, "output", document.output_bytes));
        }
        if document.failed > 0 {
            files.push(file(&document.errors, "error", document.error_bytes));
        }
        // Somebody may have asked in between for it to be cancelled.
        while !self.write(to, &files).await? {}
        self.batches.wake();
        Ok(())
    }
}
