//! Hard limits hold, whatever the strategy and the engine do.

use crate::driver::{run, spec};
use crate::script::script;
use outthink_core::{Budget, Cost};
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_hard_limit_is_ever_exceeded(
        name in prop::sample::select(outthink_strategy::registry::names().collect::<Vec<_>>()),
        lengths in prop::collection::vec(1usize..120, 1..20),
        answers in prop::collection::vec(0u8..4, 1..20),
        samples in 1u32..40,
        max_tokens in prop::option::of(1u64..2_000),
        max_nano in prop::option::of(1u64..3_000_000),
        max_samples in prop::option::of(1u32..20),
        cap in prop::option::of(1u64..80),
    ) {
        let texts: Vec<String> = lengths.iter().zip(answers.iter().cycle()).map(|(n, a)| format!("{}The answer is {a}", "word ".repeat(*n))).collect();
        let script = Arc::new(script(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
        let budget = Budget { max_tokens, max_cost: max_nano.map(Cost::from_nano), max_seconds: None, max_samples };
        let mut spec = spec(name, samples);
        spec.thinking_cap = cap.filter(|_| name == "budget-forcing");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (usage, cost, drawn) = match runtime.block_on(run(script.clone(), &spec, budget)) {
            Ok(o) => (o.usage, o.cost, o.samples_drawn),
            Err(e) => (e.outcome.usage, e.outcome.cost, e.outcome.samples_drawn),
        };
        prop_assert_eq!(usage.completion, script.counts().tokens, "the bill is what the engine did");
        prop_assert!(max_tokens.is_none_or(|m| usage.generated() <= m), "{usage:?} over {max_tokens:?}");
        prop_assert!(max_nano.is_none_or(|m| cost.nano() <= m), "{cost} over {max_nano:?}");
        prop_assert!(max_samples.is_none_or(|m| drawn <= m));
        prop_assert_eq!(script.live(), 0, "nothing runs on");
    }
}
