//! Every strategy on a real model, and what forks of its cache save.
#![expect(clippy::expect_used, clippy::print_stderr, reason = "tests fail by panicking and say why they skip")]

mod common;

use common::model;
use outthink_core::{Budget, Comparer, Engine, Outcome, Prompt, Sampling, Verifier};
use outthink_engine::judge::{LlmJudge, ModelComparer};
use outthink_llama::{LlamaEngine, LlamaOptions};
use outthink_runner::{Runner, RunnerArm};
use outthink_strategy::{DriveRequest, StrategySpec, registry};
use std::sync::Arc;

fn load(fork: bool) -> Option<Arc<LlamaEngine>> {
    let options = LlamaOptions { threads: Some(1), context: 8_192, max_sequences: 16, fork, ..LlamaOptions::default() };
    Some(Arc::new(LlamaEngine::load(&model()?, options).expect("the model loads")))
}

fn request(question: &str) -> DriveRequest {
    DriveRequest {
        prompt: Prompt::user(question).with_system("Reason in short steps. End with: The answer is <number>.").into(),
        budget: Budget { max_tokens: Some(6_000), ..Budget::default() },
        sampling: Sampling { temperature: Some(0.7), ..Sampling::default() },
        seed: 7,
        ..DriveRequest::default()
    }
}

fn spec(name: &str, samples: u32, tokens: u64, settings: &[&str]) -> StrategySpec {
    let mut spec = StrategySpec::for_effort(outthink_core::Effort::Low);
    spec.name = name.into();
    spec.max_samples = samples;
    spec.max_tokens_per_sample = Some(tokens);
    for pair in settings {
        spec.settings.set_pair(pair).expect("a setting");
    }
    spec
}

fn run(driver: &Runner, spec: &StrategySpec, request: DriveRequest) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let strategy = spec.build().expect("a strategy");
    runtime.block_on(driver.run(request, strategy, |_| ())).unwrap_or_else(|e| unreachable!("{}: {e}", spec.name))
}

#[test]
fn every_strategy_runs_by_name() {
    let Some(engine) = load(true) else { return };
    let engine: Arc<dyn Engine> = engine;
    let judge: Arc<dyn Verifier> = Arc::new(LlmJudge::new("self", Arc::clone(&engine)));
    let comparer: Arc<dyn Comparer> = Arc::new(ModelComparer::new(Arc::clone(&engine)));
    eprintln!(
        "{:<20} {:>7} {:>9} {:>7} {:>7} {:>8}  stopped",
        "strategy", "samples", "generated", "prompt", "cached", "verifier"
    );
    for name in registry::names() {
        let settings: &[&str] = match name {
            "beam" | "dvts" => &["width=2", "step_tokens=16", "answer_tokens=8"],
            "rebase" | "mcts" => &["step_tokens=16", "answer_tokens=8"],
            "probe" => &["every=12", "answer_tokens=6"],
            "deepconf" => &["warmup=2", "group=8"],
            "revise" => &["rounds=1"],
            // The engine's own tests have no sandbox.
            "program" => &["kinds=cot"],
            _ => &[],
        };
        let mut driver = Runner::new(Arc::clone(&engine)).with_comparer(Arc::clone(&comparer));
        if ["ab-mcts", "best-of-majority", "best-of-n", "weighted-best-of-n", "revise"].contains(&name) {
            driver = driver.with_verifier(Arc::clone(&judge));
        }
        if ["cascade", "ensemble"].contains(&name) {
            let arm = RunnerArm::new(Arc::clone(&engine));
            driver = driver.with_arm(RunnerArm { system: Some("Answer with one number.".into()), ..arm });
        }
        let outcome = run(&driver, &spec(name, 3, 40, settings), request("What is 3 plus 4?"));
        let usage = outcome.usage;
        eprintln!(
            "{name:<20} {:>7} {:>9} {:>7} {:>7} {:>8}  {}",
            outcome.samples_drawn,
            usage.completion,
            usage.prompt,
            usage.cached,
            usage.verifier,
            outcome.stop.words()
        );
        assert_eq!(outcome.strategy, name);
        assert!(outcome.chosen.is_some() && !outcome.content.is_empty(), "{name}: {outcome:?}");
        assert!(usage.generated() <= 6_000, "{name}");
        assert!(usage.cached <= usage.prompt, "{name}");
        let own: u64 = outcome.samples.iter().map(|s| s.usage.completion).sum();
        assert_eq!(own, usage.completion, "{name}");
        // A thought that ends before the first probe is due is not probed.
        let probed = name == "probe" && outcome.samples[0].usage.completion >= 12;
        if probed || ["beam", "dvts", "rebase", "mcts", "revise"].contains(&name) {
            assert!(outcome.samples.iter().any(|s| s.parent.is_some()), "{name} continued nothing");
        }
    }
}

#[test]
fn a_beam_search_reads_a_third_of_the_prompt_tokens_or_less() {
    let question = "A farmer has 12 cows. He buys 5 more, sells 3 and gives 2 to his neighbour, who had 4 before. \
                    The next day each of them buys as many cows as the other one has. How many cows do both have?";
    let plan = spec("beam", 4, 96, &["width=2", "step_tokens=16", "answer_tokens=8"]);
    let mut read = Vec::new();
    for fork in [true, false] {
        let Some(engine) = load(fork) else { return };
        let outcome = run(&Runner::new(Arc::clone(&engine) as Arc<dyn Engine>), &plan, request(question));
        let steps = outcome.samples.len();
        eprintln!(
            "fork {fork}: {steps} steps, {} prompt tokens on the bill, {} cached, {} read by the model",
            outcome.usage.prompt,
            outcome.usage.cached,
            engine.prefilled()
        );
        assert_eq!(outcome.usage.prompt - outcome.usage.cached, engine.prefilled(), "the bill is what was computed");
        read.push(engine.prefilled());
    }
    assert!(3 * read[0] <= read[1], "{read:?}");
}
