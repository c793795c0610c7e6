//! Buys, sample by sample, what is worth most for its price.

use super::common::{
    Judge, best_by, give_up, is_hopeless, may_compare, nothing_to_compare, share, stop_with_leader, weigh,
};
use crate::allocator::{AgreementContext, ArmValues, Plan, Prior, is_certain};
use crate::registry::{Build, Draws, StrategyEntry, Takes};
use crate::stopping::posterior_leader;
use crate::value::{gain_of_counts, net_gain};
use crate::{StrategyError, StrategySpec};
use outthink_core::{
    AllocationTable, ArmId, ClassId, Decision, DefaultValue, Entry, Kind, Paper, Sample, SampleId, Setting, Span,
    State, Step, StopReason, Strategy,
};
use std::sync::Arc;

/// How it is described and made.
pub(super) const ENTRY: StrategyEntry = StrategyEntry {
    entry: Entry {
        paper: Some(Paper::new("Frazier et al. 2009", "https://doi.org/10.1287/ijoc.1080.0314")),
        settings: &[
            Setting::new(
                "price",
                Kind::number(1e-9, 1.0),
                DefaultValue::Derived("3e-4 at a target of 0.95, in proportion to 1 - target"),
                "probability of a right answer that one sample must gain",
            ),
            Setting::new(
                "alpha",
                Kind::number(0.0, 0.5),
                DefaultValue::Number(0.0),
                "error rate of a guarantee that holds under continuous looking; 0 asks for none",
            ),
            Setting::new(
                "abstain",
                Kind::number(0.0, 1.0),
                DefaultValue::Number(0.0),
                "give no answer if it is right with less than this probability",
            ),
            Setting::new(
                "large_right",
                Kind::number(0.0, 1.0),
                DefaultValue::Number(0.8),
                "probability that a more expensive arm is right",
            )
            .formerly("dear_right"),
            Setting::new(
                "form",
                Kind::Word(&["on", "off"]),
                DefaultValue::Text("on"),
                "weigh votes by how often answers of this look were confirmed, where a host keeps track of it",
            ),
        ],
        also: &["allocator", "auto"],
        ..Entry::new(
            "allocate",
            "the purchase that gains most for its price: a sample, a verdict, or a sample of a more expensive arm",
        )
    },
    stops: "the best purchase gains less than its price, or a score is certain",
    draws: Draws::Several,
    takes: &[Takes::Arms, Takes::Target, Takes::Table],
    build: |from| Allocate::read(from).map(|s| Box::new(s) as Box<dyn Strategy>),
};

/// The allocator: draws while the best purchase gains more probability of a right answer than it
/// costs at `price` a sample, and stops, escalates or abstains where none does.
///
/// - **Votes** are judged by a [`Plan`] under a [`Prior`] of how much samples agree, from a fitted
///   [`AllocationTable`] where there is one.
/// - **Scores** of a verifier weigh the votes: equal answers add theirs up, so that agreement holds a
///   fallible verifier in check (as in `CodeT`, Chen et al. 2022), and the knowledge gradient over
///   these sums says when to stop. A score of 1 stops at once. A fitted calibration takes the place of
///   the raw score.
/// - **Arms** of the same price take turns; a more expensive one gets one sample where it is likelier to be
///   right than the leader by more than it costs. The plan knows of it beforehand. A model at a higher effort
///   is more expensive by the tokens that it is expected to take ([`State::expected_price_ratio`]).
/// - With `alpha` set it stops only with a guarantee that holds under continuous looking
///   ([`is_certain`]), whatever the prior says.
#[derive(Debug, Clone)]
pub struct Allocate {
    samples: u32,
    max_tokens: Option<u64>,
    price: f64,
    alpha: f64,
    abstain: f64,
    large_right: f64,
    plan: Arc<Plan>,
    /// What a larger arm is worth, as the plan knows it.
    outside: f64,
    prior: Prior,
    table: Option<Arc<AllocationTable>>,
    judge: Judge,
    agreement: Option<Arc<AgreementContext>>,
}

/// Belief in a first success among samples none of which succeeded yet: Beta(1/4, 1).
const SUCCESS: f64 = 0.25;

/// What is believed before a purchase.
struct Belief {
    /// The answer that would be given now, and the probability that it is right.
    leader: Option<SampleId>,
    right: f64,
    /// What the best purchase on the cheap arms gains net of its price.
    net: f64,
    /// Samples of it.
    count: u32,
    words: String,
    posterior: f64,
}

impl Allocate {
    /// The price of a sample that goes with a target of .95; see `docs/allocator.md`.
    pub const PRICE: f64 = 3e-4;

    /// The price of a sample under a specification: as set, or by its target.
    pub fn price_of(spec: &StrategySpec) -> f64 {
        let set = spec.settings.get("price").and_then(serde_json::Value::as_f64);
        set.unwrap_or(Self::PRICE * (1.0 - spec.target_confidence) / 0.05)
    }

    /// The masses of the classes by the agreement model, where there is one and its gate is open.
    fn masses(&self, state: &State) -> Option<Vec<(ClassId, f64)>> {
        let context = self.agreement.as_ref().filter(|c| c.model.gate() > 0.0 && self.alpha == 0.0)?;
        let masses = context.model.masses(&context.votes(&state.samples));
        (!masses.is_empty()).then_some(masses)
    }

    fn read(from: &mut Build<'_>) -> Result<Self, StrategyError> {
        let (samples, max_tokens, table) = (from.samples(), from.max_tokens(), from.table());
        let price = from.number_or("price", Self::PRICE * (1.0 - from.target()) / 0.05)?;
        let form = from.text("form")? == "on";
        let prior = table.map_or_else(Prior::default, |t| Prior::from(t.as_ref()));
        Ok(Self {
            samples,
            max_tokens,
            price,
            alpha: from.number("alpha")?,
            abstain: from.number("abstain")?,
            large_right: from.number("large_right")?,
            plan: Plan::of(&prior, price, samples),
            outside: 0.0,
            prior,
            table: table.cloned(),
            judge: Judge::default(),
            agreement: from.agreement().filter(|_| form).cloned(),
        })
    }

    /// A verifier's score as a probability.
    fn calibrated(&self, sample: &Sample) -> Option<f64> {
        let curve = self.table.as_ref().and_then(|t| t.verifier.as_ref()).map(|v| &v.calibration);
        sample.score.map(|score| curve.map_or(score, |c| c.at(score)))
    }

    /// The belief where a verifier scored samples.
    fn by_scores(&self, state: &State, left: u32) -> Belief {
        let classes = weigh(state, |s| self.calibrated(s));
        let masses: Vec<f64> = classes.iter().map(|c| c.1).collect();
        let scored = state.voters().filter(|s| s.score.is_some()).count() as f64;
        let best = best_by(state, |s| self.calibrated(s));
        let best_score = best.map_or(0.0, |b| b.1);
        let (net, right) = if best_score < 0.05 {
            // Nothing passed: what counts is whether anything ever will.
            (SUCCESS / (scored + SUCCESS + 1.0) - self.price, best_score)
        } else {
            (net_gain(&masses, left, self.price), best_score.max(share(&classes)))
        };
        Belief {
            leader: self.by_mass(state, &classes),
            right,
            net,
            // One at a time while each may end it, more at a time where the first ones did not.
            count: 1 + scored as u32 / 8,
            words: format!(
                "sums of scores {} of {scored} samples, best {best_score:.3}",
                masses.iter().take(3).map(|m| format!("{m:.2}")).collect::<Vec<_>>().join(":")
            ),
            posterior: posterior_leader(
                masses.first().map_or(0, |m| *m as u32),
                masses.get(1).map_or(0, |m| *m as u32),
            ),
        }
    }

    /// The best-scored sample of the class with the largest sum. Where no two samples agree that is
    /// the best of N, over no more samples than records say the verifier bears.
    fn by_mass(&self, state: &State, classes: &[(ClassId, f64)]) -> Option<SampleId> {
        let bears = self.table.as_ref().and_then(|t| t.verifier.as_ref()).and_then(|v| v.best_of_at_most);
        let tally = state.tally();
        if tally.count(0) <= 1 {
            let most = bears.map_or(usize::MAX, |n| n as usize);
            let first: Vec<SampleId> = state.voters().filter(|s| s.score.is_some()).take(most).map(|s| s.id).collect();
            let best = best_by(state, |s| self.calibrated(s).filter(|_| first.contains(&s.id)));
            return best.map(|b| b.0.id).or_else(|| state.best_so_far());
        }
        let heaviest = classes.first().filter(|c| c.1 > 0.0).map(|c| c.0);
        let of_class =
            heaviest.and_then(|class| best_by(state, |s| s.score.filter(|_| s.class == Some(class))).map(|b| b.0.id));
        of_class.or_else(|| state.best_so_far())
    }

    /// The belief where votes are all there is.
    fn by_votes(&self, state: &State, left: u32) -> Belief {
        let tally = state.tally();
        let counts: Vec<u32> = tally.classes.iter().map(|c| c.1).collect();
        let posterior = posterior_leader(tally.count(0), tally.count(1));
        let leader = tally.leader().and_then(|class| state.representative(class)).or_else(|| state.best_so_far());
        if counts.is_empty() {
            let net = SUCCESS / (f64::from(tally.blank) + SUCCESS) - self.price;
            let words = format!("{} samples without an answer", tally.blank);
            return Belief { leader, right: 0.0, net, count: 1 + tally.blank / 2, words, posterior };
        }
        let belief = self.prior.after(&counts);
        let share = belief.share(counts[0]);
        let curve = self.table.as_ref().and_then(|t| t.share_to_correct.as_ref());
        let right = curve.map_or(share, |c| c.at(share));
        let words = format!(
            "votes {} of {}, share {share:.3}, unseen {:.3}, right {right:.3}",
            counts.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(":"),
            tally.votes(),
            belief.unseen()
        );
        let net = if self.alpha > 0.0 {
            let place = tally.leader().unwrap_or(0);
            if is_certain(tally.count(0), tally.count(1), place, self.alpha) { -self.price } else { f64::INFINITY }
        } else {
            self.plan.advantage(&counts).unwrap_or(-self.price)
        };
        let count = if self.alpha > 0.0 { 1 } else { self.plan.votes_to_decision(&counts, left) };
        if let Some(masses) = self.masses(state) {
            return self.by_looks(state, &masses, left, Belief { leader, right, net, count, words, posterior });
        }
        let (net, count) = if net <= 0.0 && self.explores(state) { (self.price, 1) } else { (net, count) };
        Belief { leader, right, net, count, words, posterior }
    }

    /// The belief where votes are weighed by what their answers look like.
    fn by_looks(&self, state: &State, masses: &[(ClassId, f64)], left: u32, counted: Belief) -> Belief {
        let gate = self.agreement.as_ref().map_or(0.0, |c| c.model.gate());
        let Belief { leader: first, right, words, posterior, .. } = counted;
        let mut weights: Vec<f64> = masses.iter().map(|m| m.1).collect();
        let shown: Vec<String> = weights.iter().take(3).map(|m| format!("{m:.2}")).collect();
        let words = format!("{words}, weighed by look (gate {gate:.2}) {}", shown.join(":"));
        let leader = masses.first().and_then(|m| state.representative(m.0)).or(first);
        let net = gain_of_counts(&weights, left) - self.price;
        if net <= 0.0 && self.explores(state) {
            return Belief { leader, right, net: self.price, count: 1, words, posterior };
        }
        // As many as could end it, if all of them went to the leader.
        let count = (1..left.max(1)).find(|further| {
            weights[0] += 1.0;
            gain_of_counts(&weights, left - further) < self.price
        });
        Belief { leader, right, net, count: count.unwrap_or(left).max(1), words, posterior }
    }

    /// Whether one vote is there and a second one is drawn to learn from.
    fn explores(&self, state: &State) -> bool {
        self.agreement.as_ref().is_some_and(|c| c.explore) && state.samples.len() == 1
    }

    /// What the cheap arms offer next: samples on each, in turn.
    fn draw(&self, state: &State, count: u32) -> Vec<Step> {
        let cheap = cheap_arms(state);
        let mut drawn: Vec<u32> = (0..state.arms.len())
            .map(|arm| state.samples.iter().filter(|s| s.arm as usize == arm).count() as u32)
            .collect();
        // Prompts and models make different mistakes: none is asked twice before all were asked.
        let weights = vec![1.0; state.arms.len()];
        let mut steps: Vec<(ArmId, u32)> = Vec::new();
        for _ in 0..count {
            let left = |arm: ArmId| {
                state.room(arm).affordable(self.max_tokens) > steps.iter().find(|s| s.0 == arm).map_or(0, |s| s.1)
            };
            let open = cheap.iter().filter(|&&arm| left(arm)).map(|&arm| arm as usize);
            let Some(arm) = ArmValues::next(&weights, &drawn, open) else { break };
            drawn[arm] += 1;
            match steps.iter_mut().find(|s| s.0 == arm as ArmId) {
                Some(step) => step.1 += 1,
                None => steps.push((arm as ArmId, 1)),
            }
        }
        let span = Span::whole(self.max_tokens);
        steps.into_iter().map(|(arm, count)| Step::Sample { arm, count, span: span.clone() }).collect()
    }

    /// A larger arm that was not asked yet, and what one sample of it is worth net of its price.
    fn larger(&self, state: &State) -> Option<(ArmId, f64)> {
        let asked = |arm: ArmId| state.samples.iter().any(|s| s.arm == arm);
        let next = (1..state.arms.len() as ArmId)
            .find(|&arm| is_larger(state, arm) && !asked(arm) && state.room(arm).affordable(self.max_tokens) > 0)?;
        Some((next, self.large_right - self.price * state.expected_price_ratio(next)))
    }

    /// Ends with the leader, or without an answer where it is too unlikely to be right.
    fn end(&self, state: &State, belief: &Belief, reason: StopReason, why: String) -> Decision {
        let decision = match belief.leader {
            Some(_) if belief.right < self.abstain => {
                let why = format!("{why}; right {:.3} < {:.3}", belief.right, self.abstain);
                Decision::new(Step::Abstain { reason: StopReason::NothingHelps }, why)
            }
            Some(sample) => Decision::new(Step::Stop { sample, reason }, why),
            None => return give_up(state),
        };
        decision.with_posterior(belief.posterior)
    }

    /// A larger arm's answer where one was asked: it stands, unless the verifier knows better.
    fn large_answer(state: &State) -> Option<SampleId> {
        let cheap = cheap_arms(state);
        state.voters().filter(|s| !cheap.contains(&s.arm) && s.answer.is_some()).map(|s| s.id).last()
    }
}

/// Whether a sample of an arm is taken to cost more than one of the first: by what is known before the first
/// sample, so that no arm changes sides.
fn is_larger(state: &State, arm: ArmId) -> bool {
    state.assumed_price_ratio(arm) > 1.0
}

/// The arms that cost no more than the first.
fn cheap_arms(state: &State) -> Vec<ArmId> {
    (0..state.arms.len().max(1) as ArmId).filter(|&arm| !is_larger(state, arm)).collect()
}

impl Strategy for Allocate {
    fn name(&self) -> &'static str {
        ENTRY.name()
    }

    fn step(&mut self, state: &State) -> Decision {
        if is_hopeless(state) {
            return give_up(state);
        }
        let verdicts = self.judge.ask(state, state.voters());
        if !verdicts.is_empty() {
            let why = format!("{} verdicts to be had", verdicts.len());
            return Decision::all(verdicts, why);
        }
        if let Some((sample, score)) = best_by(state, |s| s.score).filter(|b| b.1 >= 1.0) {
            let stop = Step::Stop { sample: sample.id, reason: StopReason::Verified };
            return Decision::new(stop, format!("the verifier gave {score:.3}"));
        }
        let scored = state.voters().any(|s| s.score.is_some());
        let larger = self.larger(state);
        let outside = larger.map_or(0.0, |d| d.1.max(0.0));
        if outside != self.outside {
            // What can be had elsewhere is part of what stopping is worth.
            self.outside = outside;
            self.plan = Plan::beside(&self.prior, self.price, self.samples, outside);
        }
        let unstarted = self.samples.saturating_sub(state.samples.len() as u32);
        let room: u32 = cheap_arms(state).iter().map(|&a| state.room(a).affordable(self.max_tokens)).max().unwrap_or(0);
        let affordable = unstarted.min(room);
        let left = if state.running() > 0 { unstarted + state.running() } else { affordable };
        let mut belief = if scored { self.by_scores(state, left) } else { self.by_votes(state, left) };
        if !state.is_idle() {
            // What runs is not wanted any more once nothing that could be bought would be.
            if state.judging == 0 && belief.leader.is_some() && belief.net <= 0.0 && belief.right >= outside {
                let why = format!("{}: what runs gains no more than {:.5}", belief.words, self.price);
                return self.end(state, &belief, StopReason::NotWorthIt, why);
            }
            let why = format!(
                "{}; {} samples and {} verdicts are on their way",
                belief.words,
                state.running(),
                state.judging
            );
            return Decision::new(Step::Wait, why).with_posterior(belief.posterior);
        }
        if let Some(large) = Self::large_answer(state) {
            belief.leader = Some(large);
            let why = format!("{}; the larger arm answered", belief.words);
            return self.end(state, &belief, StopReason::Settled, why);
        }
        if let Some((reason, why)) = nothing_to_compare(state).filter(|_| !scored) {
            return stop_with_leader(state, reason, why);
        }
        let stays = belief.net;
        if affordable > 0 && stays > 0.0 {
            let count = if may_compare(state) { belief.count.clamp(1, affordable) } else { 1 };
            let why =
                format!("{}: going on gains {stays:.5} at {:.5} a sample; {count} more", belief.words, self.price);
            return Decision::all(self.draw(state, count), why).with_posterior(belief.posterior);
        }
        let options =
            format!("{}: {} more at {:.5} each would gain {stays:.5} net", belief.words, affordable.min(1), self.price);
        let escalate = larger.filter(|d| !state.samples.is_empty() && d.1 > belief.right);
        if let Some((arm, worth)) = escalate {
            let name = state.arms.get(arm as usize).map_or("", |a| a.name.as_str());
            let step = Step::Sample { arm, count: 1, span: Span::whole(self.max_tokens) };
            let why = format!("{options}, {name} is worth {worth:.3}: escalate");
            return Decision::new(step, why).with_posterior(belief.posterior);
        }
        let reason = match (affordable, unstarted) {
            (0, 0) => StopReason::SamplesDrawn,
            (0, _) => StopReason::BudgetSpent,
            _ if self.alpha > 0.0 => StopReason::TargetReached,
            _ => StopReason::NotWorthIt,
        };
        self.end(state, &belief, reason, options)
    }

    fn best(&self, state: &State) -> Option<SampleId> {
        let scored = state.voters().any(|s| s.score.is_some());
        let by_mass = || self.by_mass(state, &weigh(state, |s| self.calibrated(s)));
        let by_look = || self.masses(state).and_then(|m| state.representative(m.first()?.0));
        Self::large_answer(state).or_else(|| if scored { by_mass() } else { by_look().or_else(|| state.best_so_far()) })
    }
}
