//! Sampling agrees with what the model thinks of whole sequences.

use outthink_train::{Ending, Model, ModelConfig, Rng, SampleOptions};

fn model() -> Model {
    model_with(None)
}

fn model_with(window: Option<usize>) -> Model {
    let mut model = Model::new(ModelConfig { window, ..ModelConfig::sized(40, 64, 64, 2) }, 3).unwrap();
    let mut rng = Rng::stream(5, 5);
    model.update(|weights| weights.iter_mut().for_each(|w| *w += 0.1 * rng.normal() as f32));
    model
}

fn prompts() -> Vec<Vec<u32>> {
    vec![vec![1], vec![2, 3, 4], vec![2, 3, 4], vec![5; 40], vec![6, 7], vec![8; 64]]
}

#[test]
fn log_probs_of_samples_are_those_of_the_model() {
    // Windows shorter than the first prompts, than the longest, and than none.
    for window in [None, Some(2), Some(7), Some(33), Some(64)] {
        samples_agree(&model_with(window));
    }
}

fn samples_agree(model: &Model) {
    let options = SampleOptions { max_tokens: 30, slots: 2, seed: 4, ..SampleOptions::default() };
    let sampled = model.sample(&prompts(), &options).unwrap();
    for (prompt, sampled) in prompts().into_iter().zip(&sampled) {
        assert_eq!(sampled.tokens.len(), sampled.log_probs.len());
        assert_eq!(sampled.tokens.len(), 30.min(65 - prompt.len()));
        assert_eq!(sampled.ending, if sampled.tokens.len() == 30 { Ending::Length } else { Ending::Context });
        let whole = [prompt.clone(), sampled.tokens.clone()].concat();
        let log_probs = &model.log_probs(&[whole], 1).unwrap()[0][prompt.len()..];
        for (a, b) in log_probs.iter().zip(&sampled.log_probs) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
    assert_ne!(sampled[1].tokens, sampled[2].tokens, "equal prompts have streams of their own");
}

#[test]
fn slots_and_threads_change_nothing() {
    let model = model();
    let with = |slots, threads| {
        let options = SampleOptions { max_tokens: 20, slots, threads, stop: Some(9), ..SampleOptions::default() };
        model.sample(&prompts(), &options).unwrap()
    };
    let one = with(1, 1);
    for (slots, threads) in [(2, 1), (16, 1), (2, 2), (1, 5)] {
        assert_eq!(one, with(slots, threads));
    }
}

#[test]
fn greedy_takes_the_best_of_the_logits() {
    let model = model();
    let options = SampleOptions { temperature: 0.0, max_tokens: 12, ..SampleOptions::default() };
    let sampled = model.sample(&[[3, 1]], &options).unwrap().remove(0);
    let mut tokens = vec![3, 1];
    for token in sampled.tokens {
        let logits = model.logits(&tokens).unwrap();
        let row = &logits[logits.len() - 40..];
        let best = (0..40).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        assert_eq!(token, best as u32);
        tokens.push(token);
    }
}

#[test]
fn a_tie_goes_to_the_first_token() {
    let mut model = model();
    assert_eq!(model.tensors()[0].name, "model.embed_tokens.weight");
    let head = model.tensors()[0].range.clone();
    model.update(|w| w[head].fill(0.0));
    let options = SampleOptions { temperature: 0.0, max_tokens: 3, ..SampleOptions::default() };
    assert_eq!(model.sample(&[[3]], &options).unwrap()[0].tokens, [0, 0, 0]);
}

#[test]
fn temperature_follows_the_probabilities() {
    let model = model();
    let logits = model.logits(&[7]).unwrap();
    for temperature in [0.5, 1.0] {
        let options = SampleOptions { temperature, max_tokens: 1, ..SampleOptions::default() };
        let sampled = model.sample(&vec![[7]; 20_000], &options).unwrap();
        let mut counts = [0.0; 40];
        for s in &sampled {
            counts[s.tokens[0] as usize] += 1.0;
        }
        let weights: Vec<f64> = logits.iter().map(|l| (f64::from(*l) / temperature).exp()).collect();
        let sum: f64 = weights.iter().sum();
        // Pearson's statistic of the tokens that are expected often enough; its deviation is about 9.
        let statistic: f64 = weights
            .iter()
            .zip(counts)
            .map(|(w, count)| (w / sum * 20_000.0, count))
            .filter(|(expected, _)| *expected > 5.0)
            .map(|(expected, count): (f64, f64)| (count - expected).powi(2) / expected)
            .sum();
        assert!(statistic < 80.0, "{temperature}: {statistic}");
    }
}

#[test]
fn the_stop_token_ends_a_sequence_but_not_before_its_time() {
    let model = model();
    let free = SampleOptions { temperature: 0.0, max_tokens: 10, ..SampleOptions::default() };
    let first = model.sample(&[[3]], &free).unwrap()[0].tokens[0];
    let stop = SampleOptions { stop: Some(first), ..free };
    let sampled = model.sample(&[[3]], &stop).unwrap().remove(0);
    assert_eq!((sampled.tokens, sampled.ending), (vec![first], Ending::Stop));
    let late = SampleOptions { min_tokens: 4, ..stop.clone() };
    let sampled = model.sample(&[[3]], &late).unwrap().remove(0);
    assert!(sampled.tokens.len() >= 4 && !sampled.tokens[..4].contains(&first), "{sampled:?}");
    let none = SampleOptions { max_tokens: 0, ..stop };
    assert!(model.sample(&[[3]], &none).unwrap()[0].tokens.is_empty());
}

#[test]
fn what_cannot_be_sampled_is_named() {
    let model = model();
    let options = SampleOptions::default();
    for (prompts, word) in [(vec![vec![]], "0 tokens"), (vec![vec![1; 65]], "65 tokens"), (vec![vec![40]], "token 40")]
    {
        let error = model.sample(&prompts, &options).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(model.sample(&[[1]], &SampleOptions { temperature: -1.0, ..options.clone() }).is_err());
    assert!(model.sample(&[[1]], &SampleOptions { temperature: f64::NAN, ..options.clone() }).is_err());
    assert!(model.sample(&[[1]], &SampleOptions { slots: 0, ..options }).is_err());
    assert!(model.sample::<Vec<u32>>(&[], &SampleOptions::default()).unwrap().is_empty());
}
