//! Gradients of a whole model, and whether it learns.

use outthink_train::{
    AdamWConfig, EveryToken, Gradient, Model, ModelConfig, Objective, Rng, Term, TrainError, Trainer, Weighted,
};

fn batch(vocab: usize, lengths: &[usize], seed: u64) -> Vec<Vec<u32>> {
    let mut rng = Rng::stream(seed, 0);
    lengths.iter().map(|n| (0..*n).map(|_| rng.below(vocab) as u32).collect()).collect()
}

/// A model whose weights are large enough to matter everywhere.
fn model(config: ModelConfig) -> Model {
    let mut model = Model::new(config, 3).unwrap();
    let mut rng = Rng::stream(5, 5);
    model.update(|weights| weights.iter_mut().for_each(|w| *w += 0.1 * rng.normal() as f32));
    model
}

/// The gradient in every tensor, along a random direction, against central differences.
#[test]
fn the_gradient_of_a_model_agrees_with_finite_differences() {
    for (tied, window) in [(true, None), (false, None), (false, Some(9))] {
        let config = ModelConfig { tied, window, ..ModelConfig::sized(19, 48, 32, 2) };
        let model = model(config);
        let sequences = batch(19, &[40, 2, 7, 49], 1);
        let mut rng = Rng::stream(9, 9);
        let weights: Vec<Vec<f32>> =
            sequences.iter().map(|s| s.iter().map(|_| rng.normal() as f32).collect()).collect();
        let objective = Weighted { weights: &weights };
        let mut gradient = Gradient::default();
        model.backward(&sequences, &objective, &mut gradient, 1).unwrap();
        for tensor in model.tensors() {
            let direction: Vec<f32> = tensor.range.clone().map(|_| rng.normal() as f32).collect();
            let length = direction.iter().map(|d| d * d).sum::<f32>().sqrt();
            let along = |step: f32| {
                let mut moved = model.clone();
                moved.update(|w| {
                    for (w, d) in w[tensor.range.clone()].iter_mut().zip(&direction) {
                        *w += step * d / length;
                    }
                });
                moved.backward(&sequences, &objective, &mut Gradient::default(), 1).unwrap().loss
            };
            let by_hand: f64 = gradient.values()[tensor.range.clone()]
                .iter()
                .zip(&direction)
                .map(|(g, d)| f64::from(*g) * f64::from(d / length))
                .sum();
            let h = 1e-2;
            let slope = (8.0 * (along(h) - along(-h)) - (along(2.0 * h) - along(-2.0 * h))) / (12.0 * f64::from(h));
            let size: f64 =
                gradient.values()[tensor.range.clone()].iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
            assert!(
                (slope - by_hand).abs() < 2e-3 * size.max(0.1),
                "{}: {by_hand} by hand, {slope} by differences",
                tensor.name
            );
        }
    }
}

/// What lies further back than the reach changes nothing, and neither does the place in the text.
#[test]
fn with_a_window_a_piece_is_read_as_it_is_in_the_whole_text() {
    let config = ModelConfig { window: Some(9), ..ModelConfig::sized(19, 96, 32, 2) };
    let (model, reach) = (model(config), config.reach().unwrap());
    assert_eq!(reach, 17);
    let whole = batch(19, &[90], 3).remove(0);
    let of_whole = model.log_probs(&[&whole], 1).unwrap().remove(0);
    for first in [1, 30, 60] {
        let of_piece = model.log_probs(&[&whole[first..]], 1).unwrap().remove(0);
        let apart = |at: usize| (of_whole[first + at] - of_piece[at]).abs();
        assert!((reach..of_piece.len()).all(|at| apart(at) < 1e-4), "{first}");
        assert!(apart(1) > 1e-3, "{first}");
    }
    let other = ModelConfig { window: Some(96), ..config };
    let (wide, none) = (ModelConfig { window: None, ..config }, other);
    let of = |config| Model::from_weights(config, model.weights().to_vec()).unwrap().log_probs(&[&whole], 1).unwrap();
    assert_eq!(of(wide), of(none), "a window as long as the text is none");
    assert_ne!(of(wide)[0], of_whole);
}

#[test]
fn one_batch_can_be_learnt_by_heart() {
    let config = ModelConfig::sized(64, 32, 64, 2);
    let mut trainer = Trainer::new(Model::new(config, 1).unwrap(), AdamWConfig::default(), 1);
    let sequences = batch(64, &[33; 8], 2);
    let mean = EveryToken { weight: 1.0 / (8.0 * 32.0) };
    let first = trainer.step(&sequences, &mean, 3e-3).unwrap().loss;
    assert!((first - 64_f64.ln()).abs() < 0.1, "a fresh model knows nothing: {first}");
    for _ in 0..150 {
        trainer.step(&sequences, &mean, 3e-3).unwrap();
    }
    let last = trainer.step(&sequences, &mean, 3e-3).unwrap().loss;
    assert!(last < 0.15, "{last}");
}

#[test]
fn log_probs_are_the_same_alone_in_company_and_on_threads() {
    let model = model(ModelConfig::sized(19, 64, 32, 2));
    let sequences = batch(19, &[65, 3, 30, 64, 65, 65, 65, 2, 65, 11], 4);
    let together = model.log_probs(&sequences, 1).unwrap();
    assert_eq!(together, model.log_probs(&sequences, 3).unwrap());
    for (sequence, log_probs) in sequences.iter().zip(&together) {
        assert_eq!(&model.log_probs(&[sequence], 1).unwrap()[0], log_probs);
        assert_eq!(log_probs[0], 0.0);
    }
    let logits = model.logits(&sequences[1]).unwrap();
    let row = &logits[19..38];
    let sum: f64 = row.iter().map(|l| f64::from(*l).exp()).sum();
    let want = f64::from(row[sequences[1][2] as usize]) - sum.ln();
    assert!((f64::from(together[1][2]) - want).abs() < 1e-5);
}

#[test]
fn threads_share_a_batch_and_agree_up_to_rounding() {
    let model = model(ModelConfig::sized(19, 64, 32, 2));
    let sequences = batch(19, &[65; 13], 4);
    let mut gradients = [Gradient::default(), Gradient::default()];
    let objective = EveryToken { weight: 0.01 };
    let one = model.backward(&sequences, &objective, &mut gradients[0], 1).unwrap();
    for _ in 0..2 {
        // A second time in the same room, to see that nothing of the first is left.
        let two = model.backward(&sequences, &objective, &mut gradients[1], 2).unwrap();
        assert_eq!(one.log_probs, two.log_probs);
        for (a, b) in gradients[0].values().iter().zip(gradients[1].values()) {
            assert!((a - b).abs() < 1e-5 * (1.0 + a.abs()), "{a} {b}");
        }
    }
}

#[test]
fn an_objective_sees_log_probs_and_a_mask_leaves_no_trace() {
    let model = model(ModelConfig::sized(19, 64, 32, 2));
    let sequences = batch(19, &[20, 9], 4);
    let plain = model.log_probs(&sequences, 1).unwrap();
    let seen = |sequence: usize, position: usize, log_prob: f32| {
        assert_eq!(log_prob, plain[sequence][position]);
        Term { loss: 1.0, slope: 0.0 }
    };
    let mut gradient = Gradient::default();
    let found = model.backward(&sequences, &seen as &dyn Objective, &mut gradient, 1).unwrap();
    assert_eq!((found.loss, found.log_probs), (27.0, plain));
    assert!(gradient.values().iter().all(|g| *g == 0.0));
}

#[test]
fn sequences_that_cannot_be_are_named_and_nothing_moves() {
    let mut trainer = Trainer::new(model(ModelConfig::sized(19, 8, 32, 1)), AdamWConfig::default(), 1);
    let before = trainer.model().weights().to_vec();
    for (bad, word) in [(vec![1], "at least 2"), (vec![1; 10], "context of 8"), (vec![1, 19], "ends at 18")] {
        let error = trainer.step(&[vec![1, 2], bad], &EveryToken { weight: 1.0 }, 0.1).unwrap_err();
        assert!(error.to_string().starts_with("sequence 1 "), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let nan = |_: usize, _: usize, _: f32| Term { loss: f32::NAN, slope: 1.0 };
    assert!(matches!(trainer.step(&[[1, 2]], &nan, 0.1), Err(TrainError::NotFinite { what: "loss", .. })));
    let infinite = |_: usize, _: usize, _: f32| Term { loss: 1.0, slope: f32::INFINITY };
    let error = trainer.step(&[[1, 2]], &infinite, 0.1).unwrap_err();
    assert!(error.to_string().contains("norm of the gradient"), "{error}");
    assert_eq!(trainer.model().weights(), before);
    assert_eq!(trainer.steps(), 0);
}
