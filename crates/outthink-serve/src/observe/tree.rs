//! One request as the page draws it: a tree of samples with votes, beliefs and the moment of stopping.

use outthink_core::{Cost, Outcome, SampleId, SampleStatus, Step, StopReason, TraceEvent};
use outthink_strategy::Update;
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Decisions that are remembered of one request at most.
const MOST_DECISIONS: usize = 400;

/// One sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Node {
    id: SampleId,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<SampleId>,
    status: SampleStatus,
    tokens: u64,
    /// The class of its answer, by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
}

/// One class of equal answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Vote {
    /// Its letter, or its text where texts may be shown.
    answer: String,
    class: usize,
    votes: u32,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Move {
    seconds: f64,
    finished: u32,
    what: Cow<'static, str>,
    why: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    posterior: Option<f64>,
}

/// What a request is about, known when it begins.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct About {
    pub(crate) id: String,
    /// Milliseconds since 1970.
    pub(crate) began: u64,
    pub(crate) route: &'static str,
    pub(crate) model: String,
    pub(crate) effort: &'static str,
    pub(crate) strategy: String,
    pub(crate) max_samples: u32,
    /// The name of the key that asks.
    pub(crate) key: Option<String>,
    /// Whether texts of answers may be shown.
    #[serde(skip)]
    pub(crate) show_answers: bool,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct End {
    status: u16,
    stop: Option<StopReason>,
    stop_message: Option<&'static str>,
    chosen: Option<SampleId>,
    seconds: f64,
    cost: Cost,
    fixed: Cost,
    vote_share: Option<f64>,
}

/// One request as the page draws it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Tree {
    #[serde(flatten)]
    pub(crate) about: About,
    samples: Vec<Node>,
    votes: Vec<Vote>,
    moves: Vec<Move>,
    tokens: u64,
    end: Option<End>,
    /// The texts of the classes in order of first sight; never told unless texts may be shown.
    #[serde(skip)]
    answers: Vec<String>,
}

impl Tree {
    pub(crate) const fn new(about: About) -> Self {
        Self {
            about,
            samples: Vec::new(),
            votes: Vec::new(),
            moves: Vec::new(),
            tokens: 0,
            end: None,
            answers: Vec::new(),
        }
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Takes an update in.
    pub(crate) fn hear(&mut self, update: &Update) {
        match update {
            Update::Delta { sample, delta, .. } => {
                self.tokens += delta.tokens;
                self.node(*sample).tokens += delta.tokens;
            }
            Update::Ended { sample, parent, status, class, tokens } => {
                self.tokens += tokens.saturating_sub(self.node(*sample).tokens);
                let node = self.node(*sample);
                (node.parent, node.status, node.class, node.tokens) = (*parent, *status, *class, *tokens);
            }
            Update::Vote { votes, .. } => self.voted(votes),
            Update::Decision(event) => self.decided(event),
        }
    }

    fn node(&mut self, id: SampleId) -> &mut Node {
        let index = id as usize;
        while self.samples.len() <= index {
            let id = self.samples.len() as SampleId;
            self.samples.push(Node { id, ..Node::default() });
        }
        &mut self.samples[index]
    }

    fn voted(&mut self, votes: &[(String, u32)]) {
        self.votes = votes
            .iter()
            .map(|(answer, count)| {
                let class = self.answers.iter().position(|a| a == answer).unwrap_or_else(|| {
                    self.answers.push(answer.clone());
                    self.answers.len() - 1
                });
                let answer = if self.about.show_answers { answer.clone() } else { letter(class) };
                Vote { answer, class, votes: *count }
            })
            .collect();
    }

    fn decided(&mut self, event: &TraceEvent) {
        for step in &event.decision.steps {
            if let Step::Cancel { samples } = step {
                for &id in samples {
                    self.node(id).status = SampleStatus::Cancelled;
                }
            }
        }
        if self.moves.len() < MOST_DECISIONS {
            let what = match event.decision.steps.as_slice() {
                [step] => words(step),
                steps => steps.iter().map(words).collect::<Vec<_>>().join(", ").into(),
            };
            self.moves.push(Move {
                seconds: event.seconds,
                finished: event.finished,
                what,
                why: event.decision.why.clone(),
                posterior: event.decision.posterior,
            });
        }
    }

    /// Takes the end in.
    pub(crate) fn closed(&mut self, outcome: &Outcome, fixed: Cost) {
        self.tokens = outcome.usage.generated();
        self.samples = outcome
            .samples
            .iter()
            .map(|s| Node {
                id: s.id,
                parent: s.parent,
                status: s.status,
                tokens: s.usage.completion,
                class: s.class,
                score: s.score,
            })
            .collect();
        self.end = Some(End {
            status: 0,
            stop: Some(outcome.stop),
            stop_message: Some(outcome.stop.words()),
            chosen: outcome.chosen,
            seconds: outcome.seconds,
            cost: outcome.cost,
            fixed,
            vote_share: outcome.confidence.vote_share,
        });
    }

    /// Takes in with which status the client was answered.
    pub(crate) fn told(&mut self, status: u16, seconds: f64) {
        let end = self.end.get_or_insert(End {
            status,
            stop: None,
            stop_message: None,
            chosen: None,
            seconds,
            cost: Cost::ZERO,
            fixed: Cost::ZERO,
            vote_share: None,
        });
        end.status = status;
    }

    /// How far the samples have grown, as an event of the feed.
    pub(crate) fn growth(&self) -> Value {
        json!({ "type": "growth", "id": self.about.id, "tokens": self.tokens, "samples": self.samples })
    }

    /// What an update changes, as an event of the feed; `None` for what is told with the next one.
    pub(crate) fn event(&self, update: &Update) -> Option<Value> {
        match update {
            Update::Delta { .. } | Update::Ended { .. } => None,
            Update::Decision(_) => Some(
                json!({ "type": "decision", "id": self.about.id, "move": self.moves.last(), "tokens": self.tokens, "samples": self.samples }),
            ),
            Update::Vote { .. } => Some(
                json!({ "type": "vote", "id": self.about.id, "votes": self.votes, "tokens": self.tokens, "samples": self.samples }),
            ),
        }
    }
}

/// The name of a class whose text is not shown.
fn letter(class: usize) -> String {
    match u8::try_from(class) {
        Ok(class @ 0..26) => char::from(b'A' + class).to_string(),
        _ => format!("#{}", class + 1),
    }
}

/// A step in words.
fn words(step: &Step) -> Cow<'static, str> {
    match step {
        Step::Sample { count: 1, .. } => "draw 1 sample".into(),
        Step::Sample { count, .. } => format!("draw {count} samples").into(),
        Step::Continue { sample, .. } => format!("continue sample {sample}").into(),
        Step::Score { sample, .. } => format!("score sample {sample}").into(),
        Step::Stop { sample: 0, .. } => "stop sample 0".into(),
        Step::Stop { sample, .. } => format!("stop sample {sample}").into(),
        Step::Compare { .. } => "compare".into(),
        Step::Run { sample } => format!("run the program of sample {sample}").into(),
        Step::Read { samples, .. } => format!("read {} samples together", samples.len()).into(),
        Step::Cancel { .. } => "cancel".into(),
        Step::Wait => "wait".into(),
        Step::Abstain { .. } => "abstain".into(),
    }
}
