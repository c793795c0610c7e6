//! The account of one request from its beginning to its bill: what it may spend, its metrics, its tree on the
//! page, its spans, and what is kept of its texts. Every route has one.

use super::allowance::Allowance;
use super::control::Control;
use super::part::Part;
use super::streams::Lesson;
use crate::config::{Privacy, Store};
use crate::observe::live::{Fixed, Shared, lock};
use crate::observe::tree::{About, Tree};
use crate::observe::{Parent, RequestLabels};
use outthink_core::{Outcome, Prompt};
use outthink_ledger::{Record, Spent};
use outthink_strategy::Update;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the growth of samples is reported to those who watch.
const GROWTH: Duration = Duration::from_millis(100);

/// What is kept of a request's texts.
#[derive(Debug, Clone)]
pub(super) struct Keep {
    store: Store,
    retention: Duration,
    prompt: String,
}

impl Keep {
    /// What the configuration has kept of this prompt; `None` where nothing is.
    pub(super) fn of(privacy: &Privacy, prompt: &Prompt) -> Option<Self> {
        (privacy.store != Store::None).then(|| Self {
            store: privacy.store,
            retention: Duration::from_secs_f64(privacy.retention_hours * 3_600.0),
            prompt: serde_json::to_string(&prompt.messages).unwrap_or_default(),
        })
    }
}

/// The account of one request. Dropped before the end, it enters a client that left.
pub(crate) struct Account {
    control: Arc<Control>,
    about: About,
    tree: Option<Shared>,
    allowance: Option<Arc<Allowance>>,
    part: Option<Arc<Part>>,
    lesson: Option<Lesson>,
    keep: Option<Keep>,
    parent: Parent,
    began: Instant,
    spoke: bool,
    grew: Instant,
    status: u16,
    outcome: Option<Box<Outcome>>,
}

impl Account {
    /// Opens it. `recent` ended requests are remembered for the page.
    pub(crate) fn begin(control: &Arc<Control>, about: About, recent: usize) -> Self {
        control.metrics.began();
        let parent = Parent::read(None, &about.id);
        let tree = control.live.begin(Tree::new(about.clone()), recent);
        let now = Instant::now();
        Self {
            control: Arc::clone(control),
            about,
            tree,
            allowance: None,
            part: None,
            lesson: None,
            keep: None,
            parent,
            began: now,
            spoke: false,
            grew: now,
            status: 499,
            outcome: None,
        }
    }

    /// Adds what the request spends from.
    pub(crate) fn paid_from(mut self, allowance: Option<Arc<Allowance>>) -> Self {
        self.allowance = allowance;
        self
    }

    /// Adds what it is a part of.
    pub(super) fn reporting_to(mut self, part: Option<Arc<Part>>) -> Self {
        self.part = part;
        self
    }

    /// Adds what is learned from it.
    pub(super) fn teaching(mut self, lesson: Option<Lesson>) -> Self {
        self.lesson = lesson;
        self
    }

    /// Adds what is kept of its texts.
    pub(super) fn keeping(mut self, keep: Option<Keep>) -> Self {
        self.keep = keep;
        self
    }

    /// Adds the trace that it is a part of.
    pub(crate) fn within(mut self, parent: Parent) -> Self {
        self.parent = parent;
        self
    }

    /// Takes an update in.
    pub(crate) fn saw(&mut self, update: &Update) {
        let is_text = matches!(update, Update::Delta { .. });
        if is_text && !self.spoke {
            self.spoke = true;
            self.control.metrics.first_token(&self.about.model, self.began.elapsed().as_secs_f64());
        }
        let Some(tree) = &self.tree else { return };
        let mut tree = lock(tree);
        tree.hear(update);
        if !self.control.live.is_watched() {
            return;
        }
        if let Some(event) = tree.event(update) {
            self.control.live.tell(|| event);
        } else if self.grew.elapsed() > GROWTH {
            self.grew = Instant::now();
            self.control.live.tell(|| tree.growth());
        }
    }

    /// Takes the end in: the bill is settled now, whatever becomes of the reply.
    pub(crate) fn ended(&mut self, outcome: &Outcome) {
        let usage = &outcome.usage;
        let spent = Spent { cost: outcome.cost, prompt: usage.prompt, generated: usage.generated() };
        if let Some(allowance) = self.allowance.take() {
            allowance.settle(spent);
        }
        if let Some(part) = self.part.take() {
            part.ended(outcome);
        }
        let fixed = Fixed::of(outcome, self.about.max_samples);
        self.control.metrics.billed(outcome, fixed.cost);
        self.control.live.billed(outcome, fixed);
        self.control.lengths.saw(outcome);
        if let Some(lesson) = self.lesson.take() {
            self.control.streams.learn(&lesson, outcome);
        }
        if let Some(tree) = &self.tree {
            lock(tree).closed(outcome, fixed.cost);
        }
        self.keep_texts(outcome);
        if self.control.spans.is_some() {
            // The texts are not needed for it.
            let bare = Outcome {
                content: String::new(),
                reasoning: String::new(),
                samples: outcome.samples.iter().map(without_texts).collect(),
                ..outcome.clone()
            };
            self.outcome = Some(Box::new(bare));
        }
    }

    fn keep_texts(&mut self, outcome: &Outcome) {
        let (Some(keep), Some(ledger)) = (self.keep.take(), &self.control.ledger) else { return };
        let stored = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        let record = Record {
            trace: self.about.id.clone(),
            key: self.about.key.clone(),
            model: self.about.model.clone(),
            stored,
            expires: stored.saturating_add(keep.retention.as_secs().max(1)),
            prompt: keep.prompt,
            completion: outcome.content.clone(),
        };
        ledger.remember(match keep.store {
            Store::Hash => record.hashed(&self.control.salt),
            _ => record,
        });
    }

    /// Takes in with which status the client was answered in full.
    pub(crate) const fn answered(&mut self, status: u16) {
        self.status = status;
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let seconds = self.began.elapsed().as_secs_f64();
        let about = &self.about;
        let labels = RequestLabels {
            route: about.route,
            model: about.model.clone(),
            effort: about.effort,
            status: u32::from(self.status),
        };
        self.control.metrics.ended(&labels, seconds);
        if let Some(tree) = &self.tree {
            let mut tree = lock(tree);
            tree.told(self.status, seconds);
            self.control.live.tell(|| serde_json::json!({ "type": "end", "request": &*tree }));
        }
        if let (Some(spans), Some(outcome)) = (&self.control.spans, &self.outcome) {
            spans.send(&self.parent, about, outcome, self.status);
        }
    }
}

fn without_texts(sample: &outthink_core::Sample) -> outthink_core::Sample {
    outthink_core::Sample {
        reasoning: String::new(),
        content: String::new(),
        tool_calls: None,
        answer: None,
        error: None,
        ..sample.clone()
    }
}
