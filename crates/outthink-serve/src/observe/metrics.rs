//! What `/metrics` tells, in the text format of Prometheus. Names of models, strategies and keys are
//! in it; nothing that a client wrote is.

use outthink_core::{Cost, Outcome, Usage};
use outthink_ledger::{Balance, KeyStatus, TeamStatus};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::{AtomicI64, AtomicU64};

/// Upper bounds of seconds to the first token and of whole requests.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];
/// Upper bounds of samples a request.
const SAMPLES: [f64; 10] = [1.0, 2.0, 3.0, 5.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) route: &'static str,
    pub(crate) model: String,
    pub(crate) effort: &'static str,
    pub(crate) status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelLabels {
    pub(crate) model: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    model: String,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    strategy: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StrategyLabels {
    strategy: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    key: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabels {
    upstream: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TeamLabels {
    team: String,
    period: &'static str,
    state: &'static str,
}

/// Makes histograms of these bounds.
#[derive(Clone)]
struct Bounds(&'static [f64]);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

type Dollars = Counter<f64, AtomicU64>;
type Histograms<L> = Family<L, Histogram, Bounds>;

/// How an upstream is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamHealth {
    /// Its name in the configuration.
    pub name: String,
    /// Whether it gets requests.
    pub up: bool,
    /// Tokens at most of the samples that it works on.
    pub outstanding_tokens: u64,
    /// Share of its samples that failed of late.
    pub failure_share: f64,
}

/// All metrics of one gateway.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    running: Gauge,
    waiting: Gauge,
    first_token: Histograms<ModelLabels>,
    duration: Histograms<ModelLabels>,
    tokens: Family<KindLabels, Counter>,
    samples: Histograms<StrategyLabels>,
    stops: Family<ReasonLabels, Counter>,
    cost: Family<ModelLabels, Dollars>,
    fixed: Family<ModelLabels, Dollars>,
    refusals: Family<RefusalLabels, Counter>,
    reloads: Family<RefusalLabels, Counter>,
    keys: Family<KeyLabels, Gauge<f64, AtomicU64>>,
    key_months: Family<KeyLabels, Gauge<f64, AtomicU64>>,
    teams: Family<TeamLabels, Gauge<f64, AtomicU64>>,
    up: Family<UpstreamLabels, Gauge>,
    outstanding: Family<UpstreamLabels, Gauge<i64, AtomicI64>>,
    failures: Family<UpstreamLabels, Gauge<f64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("outthink");
        let metrics = Self {
            requests: Family::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            first_token: Family::new_with_constructor(Bounds(&SECONDS)),
            duration: Family::new_with_constructor(Bounds(&SECONDS)),
            tokens: Family::default(),
            samples: Family::new_with_constructor(Bounds(&SAMPLES)),
            stops: Family::default(),
            cost: Family::default(),
            fixed: Family::default(),
            refusals: Family::default(),
            reloads: Family::default(),
            keys: Family::default(),
            key_months: Family::default(),
            teams: Family::default(),
            up: Family::default(),
            outstanding: Family::default(),
            failures: Family::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register("requests", "Requests by how they ended; 499 is a client that left", m.requests.clone());
        registry.register("requests_running", "Requests that run", m.running.clone());
        registry.register("samples_waiting", "Samples that wait for their turn", m.waiting.clone());
        registry.register_with_unit(
            "first_token",
            "Time to the first token of the first sample",
            Unit::Seconds,
            m.first_token.clone(),
        );
        registry.register_with_unit("request", "Time to the end of the reply", Unit::Seconds, m.duration.clone());
        registry.register(
            "tokens",
            "Tokens by kind: prompt and its parts cached and cache_write; generated and its parts reasoning, discarded and cancelled; \
             verifier",
            m.tokens.clone(),
        );
        registry.register("samples", "Samples a request", m.samples.clone());
        registry.register("stops", "Ends of requests by reason", m.stops.clone());
        registry.register("cost_dollars", "What samples cost", m.cost.clone());
        registry.register(
            "fixed_cost_dollars",
            "What the same requests would have cost with all the samples that their effort allows, at the mean price \
             of those that were drawn",
            m.fixed.clone(),
        );
        registry.register("refusals", "Requests that were refused, by reason", m.refusals.clone());
        registry.register("reloads", "Reloads of the configuration, by result", m.reloads.clone());
        registry.register("key_budget_dollars", "Today's budget of each key: limit, spent, reserved", m.keys.clone());
        registry.register(
            "key_month_budget_dollars",
            "This month's budget of each key: limit, spent, reserved",
            m.key_months.clone(),
        );
        registry.register(
            "team_budget_dollars",
            "The budgets of each team, of today and of this month: limit, spent, reserved",
            m.teams.clone(),
        );
        registry.register("upstream_up", "Whether an upstream gets requests", m.up.clone());
        registry.register(
            "upstream_outstanding_tokens",
            "Tokens at most of the samples that an upstream works on",
            m.outstanding.clone(),
        );
        registry.register(
            "upstream_failure_share",
            "Share of an upstream's samples that failed of late",
            m.failures.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    pub(crate) fn began(&self) {
        self.running.inc();
    }

    /// Enters the end of a request with the status that the client saw.
    pub(crate) fn ended(&self, labels: &RequestLabels, seconds: f64) {
        self.running.dec();
        self.duration.get_or_create(&ModelLabels { model: labels.model.clone() }).observe(seconds);
        self.requests.get_or_create(labels).inc();
    }

    pub(crate) fn first_token(&self, model: &str, seconds: f64) {
        self.first_token.get_or_create(&ModelLabels { model: model.to_owned() }).observe(seconds);
    }

    /// Enters tokens by kind, and what they cost.
    pub(crate) fn spent(&self, model: &str, usage: &Usage, cost: Cost) {
        let mut labels = KindLabels { model: model.to_owned(), kind: "" };
        for (kind, count) in [
            ("prompt", usage.prompt),
            ("cached", usage.cached),
            ("cache_write", usage.cache_write),
            ("generated", usage.completion),
            ("reasoning", usage.reasoning),
            ("discarded", usage.discarded),
            ("cancelled", usage.cancelled),
            ("verifier", usage.verifier),
        ] {
            if count > 0 {
                labels.kind = kind;
                self.tokens.get_or_create(&labels).inc_by(count);
            }
        }
        self.cost.get_or_create(&ModelLabels { model: model.to_owned() }).inc_by(cost.usd());
    }

    /// Enters the bill of a request, and what its ceiling of samples would have cost.
    pub(crate) fn billed(&self, outcome: &Outcome, fixed: Cost) {
        self.spent(&outcome.model, &outcome.usage, outcome.cost);
        let strategy = outcome.strategy.clone();
        self.samples
            .get_or_create(&StrategyLabels { strategy: strategy.clone() })
            .observe(f64::from(outcome.samples_drawn));
        let reason = serde_json::to_value(outcome.stop).ok();
        let reason = reason.as_ref().and_then(|r| r.as_str()).unwrap_or("unknown").to_owned();
        self.stops.get_or_create(&ReasonLabels { strategy, reason }).inc();
        self.fixed.get_or_create(&ModelLabels { model: outcome.model.clone() }).inc_by(fixed.usd());
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&RefusalLabels { reason }).inc();
    }

    pub(crate) fn reloaded(&self, result: &'static str) {
        self.reloads.get_or_create(&RefusalLabels { reason: result }).inc();
    }

    pub(crate) fn waiting(&self, count: i64) {
        self.waiting.set(count);
    }

    /// The text, with what is asked for at this moment only.
    pub(crate) fn text(&self, (keys, teams): (&[KeyStatus], &[TeamStatus]), upstreams: &[UpstreamHealth]) -> String {
        self.keys.clear();
        self.key_months.clear();
        self.teams.clear();
        for status in keys.iter().filter(|s| s.key.revoked.is_none()) {
            let today = Balance { spent: status.spent, reserved: status.reserved };
            let limits = &status.key.limits;
            for (family, balance, limit) in
                [(&self.keys, today, limits.cost_per_day), (&self.key_months, status.month, limits.cost_per_month)]
            {
                for (state, cost) in states(balance, limit) {
                    family.get_or_create(&KeyLabels { key: status.key.name.clone(), state }).set(cost.usd());
                }
            }
        }
        for team in teams {
            let today = Balance { spent: team.spent, reserved: team.reserved };
            for (period, balance, limit) in
                [("day", today, team.limits.cost_per_day), ("month", team.month, team.limits.cost_per_month)]
            {
                for (state, cost) in states(balance, limit) {
                    let labels = TeamLabels { team: team.name.clone(), period, state };
                    self.teams.get_or_create(&labels).set(cost.usd());
                }
            }
        }
        for upstream in upstreams {
            let labels = UpstreamLabels { upstream: upstream.name.clone() };
            self.up.get_or_create(&labels).set(i64::from(upstream.up));
            self.outstanding.get_or_create(&labels).set(upstream.outstanding_tokens.cast_signed());
            self.failures.get_or_create(&labels).set(upstream.failure_share);
        }
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

/// A budget by the state of its dollars.
fn states(balance: Balance, limit: Option<Cost>) -> impl Iterator<Item = (&'static str, Cost)> {
    [("spent", Some(balance.spent)), ("reserved", Some(balance.reserved)), ("limit", limit)]
        .into_iter()
        .filter_map(|(state, cost)| Some((state, cost?)))
}
