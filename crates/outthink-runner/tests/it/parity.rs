//! What runs in replay is what runs live: the same decisions, one by one.

use crate::driver::{run, spec};
use crate::script::script;
use outthink_core::{Budget, Engine, Prompt};
use outthink_strategy::DriveRequest;
use outthink_strategy::simulate::{Recorded, Recording, simulate};
use outthink_verify::{Comparison, find_answer};
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn live_and_replay_decide_alike(
        name in prop::sample::select(vec!["single", "self-consistency", "adaptive", "best-of-n", "esc", "short-m", "cascade"]),
        answers in prop::collection::vec(0u8..5, 30..31),
        max_tokens in prop::option::of(50u64..500),
    ) {
        // All texts are equally long, so samples of a wave end in the order in which they began.
        let texts: Vec<String> = answers.iter().map(|a| format!("The answer is {a}")).collect();
        let script = Arc::new(script(&texts.iter().map(String::as_str).collect::<Vec<_>>()));
        let budget = Budget { max_tokens, max_samples: Some(30), ..Budget::default() };
        let spec = spec(name, 30);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let live = runtime.block_on(run(script.clone(), &spec, budget)).unwrap();

        let recorded: Vec<Recorded> = texts.iter().map(|t| Recorded { answer: find_answer(t), tokens: 4, prompt_tokens: 10, ..Recorded::default() }).collect();
        let request = DriveRequest { prompt: Prompt::user("how many?").into(), budget, ..DriveRequest::default() };
        let replayed = simulate(&request, spec.build().unwrap().as_mut(), &Recording::of(script.model(), &recorded, Comparison::Math));

        let decisions = |o: &outthink_core::Outcome| o.trace.iter().map(|e| (e.finished, e.votes.clone(), e.decision.clone())).collect::<Vec<_>>();
        prop_assert_eq!(decisions(&live), decisions(&replayed));
        prop_assert_eq!((live.chosen, live.stop, live.samples_drawn), (replayed.chosen, replayed.stop, replayed.samples_drawn));
    }
}
