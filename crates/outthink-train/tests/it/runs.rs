//! Runs of pre-training and their checkpoints.

use outthink_train::{
    Checkpoint, Corpus, CorpusOptions, ModelConfig, PretrainConfig, Pretraining, TrainError, Vocabulary,
};
use std::fs;

/// Text with much to learn in it: sums, written out.
fn corpus(root: &tempfile::TempDir) -> Corpus {
    let line = |i: u32| format!("{} plus {} is {}\n", i % 10, i % 7, i % 10 + i % 7);
    let lines: Vec<String> = (0..2_000).map(line).collect();
    let text = lines.concat();
    let path = root.path().join("sums.txt");
    fs::write(&path, text).unwrap();
    Corpus::read(&[path], &CorpusOptions::default(), &Vocabulary::bytes()).unwrap()
}

fn config(tokens: u64) -> PretrainConfig {
    PretrainConfig { batch: 4, ..PretrainConfig::new(ModelConfig::sized(257, 32, 32, 1), tokens) }
}

fn losses(run: &mut Pretraining<'_>, steps: usize) -> Vec<f64> {
    (0..steps).map(|_| run.advance().unwrap().loss).collect()
}

#[test]
fn a_run_learns_and_validates() {
    let root = tempfile::tempdir().unwrap();
    let corpus = corpus(&root);
    let mut run = Pretraining::new(config(20_000), &corpus, Vocabulary::bytes(), 1).unwrap();
    let before = run.validate().unwrap();
    assert!((before.loss - 257_f64.ln()).abs() < 0.2, "{before:?}");
    while !run.is_done() {
        run.advance().unwrap();
    }
    assert_eq!(run.step(), 20_000_u64.div_ceil(128));
    let after = run.validate().unwrap();
    assert!(after.loss < 1.2 && after.error > 0.0 && after.error < 0.1, "{after:?}");
    assert_eq!(after.tokens, corpus.validation.len() as u64 - 1);
}

#[test]
fn a_resumed_run_is_the_run_that_was_never_stopped() {
    let root = tempfile::tempdir().unwrap();
    let corpus = corpus(&root);
    let path = root.path().join("checkpoint.safetensors");
    let mut whole = Pretraining::new(config(40_000), &corpus, Vocabulary::bytes(), 1).unwrap();
    let mut stopped = Pretraining::new(config(40_000), &corpus, Vocabulary::bytes(), 1).unwrap();
    assert_eq!(losses(&mut whole, 7), losses(&mut stopped, 7));
    stopped.save(&path).unwrap();
    drop(stopped);
    let mut resumed = Pretraining::resume(Checkpoint::read(&path).unwrap(), &corpus, 1).unwrap();
    // Past the end of an epoch, whose order is not in the checkpoint.
    assert!(whole.epochs() > 1.0);
    while !whole.is_done() {
        let (a, b) = (whole.advance().unwrap(), resumed.advance().unwrap());
        assert_eq!(a, b);
    }
    assert!(resumed.is_done());
    let bits = |run: &Pretraining<'_>| -> Vec<u32> { run.model().weights().iter().map(|w| w.to_bits()).collect() };
    assert_eq!(bits(&whole), bits(&resumed));
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let corpus = corpus(&root);
    let path = root.path().join("checkpoint.safetensors");
    let mut run = Pretraining::new(config(1_000), &corpus, Vocabulary::bytes(), 1).unwrap();
    run.save(&path).unwrap();
    let good = fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Checkpoint::read(&path).unwrap_err().to_string()
    };
    for cut in [0, 7, 100, good.len() / 2, good.len() - 1] {
        let message = refused(&good[..cut]);
        assert!(message.contains("damaged or cut short"), "{cut}: {message}");
    }
    let mut flipped = good.clone();
    let last = flipped.len() - 5;
    flipped[last] ^= 1;
    assert!(refused(&flipped).contains("damaged"));
    fs::write(&path, &good).unwrap();
    let mut other = corpus.clone();
    other.train.push(1);
    let error = Pretraining::resume(Checkpoint::read(&path).unwrap(), &other, 1).unwrap_err().to_string();
    assert!(error.contains("give the same corpus"), "{error}");
    // Where nothing can be written, the old checkpoint stays.
    let gone = root.path().join("no-such-folder").join("checkpoint.safetensors");
    assert!(matches!(run.save(&gone), Err(TrainError::Write { .. })));
    run.advance().unwrap();
    assert_eq!(fs::read(&path).unwrap(), good);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let corpus = corpus(&root);
    let run = Pretraining::new(config(1_000), &corpus, Vocabulary::bytes(), 1).unwrap();
    let path = root.path().join("checkpoint.safetensors");
    run.save(&path).unwrap();
    let good = fs::read(&path).unwrap();
    // Every write to this device fails as on a full disk; it stands where the new file would be made.
    std::os::unix::fs::symlink("/dev/full", root.path().join("checkpoint.safetensors.part")).unwrap();
    let error = run.save(&path).unwrap_err().to_string();
    assert!(error.contains("cannot write"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), good);
    assert!(fs::symlink_metadata(root.path().join("checkpoint.safetensors.part")).is_err());
    run.save(&path).unwrap();
}

#[test]
fn an_exploding_run_stops_and_keeps_its_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let corpus = corpus(&root);
    let path = root.path().join("checkpoint.safetensors");
    let mut settings = config(200_000);
    settings.rate = 30.0;
    settings.optimizer.clip = 0.0;
    let mut run = Pretraining::new(settings, &corpus, Vocabulary::bytes(), 1).unwrap();
    run.save(&path).unwrap();
    let error = loop {
        match run.advance() {
            Ok(progress) => assert!(progress.step < progress.steps, "it went through"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, TrainError::Exploded { .. } | TrainError::NotFinite { .. }), "{error}");
    assert!(Checkpoint::read(&path).unwrap().model.weights().iter().all(|w| w.is_finite()));
}

#[test]
fn settings_that_cannot_work_are_named() {
    let root = tempfile::tempdir().unwrap();
    let corpus = corpus(&root);
    let good = config(1_000);
    let long = ModelConfig { context: 1 << 20, ..good.model };
    for (bad, word) in [
        (PretrainConfig { batch: 0, ..good }, "batch"),
        (PretrainConfig { tokens: 0, ..good }, "number of tokens"),
        (PretrainConfig { rate: f32::NAN, ..good }, "learning rate"),
        (PretrainConfig { warmup: 1.0, ..good }, "warm-up"),
        (PretrainConfig { model: ModelConfig { vocab: 256, ..good.model }, ..good }, "vocabulary"),
        (PretrainConfig { model: long, ..good }, "shorter context"),
        (PretrainConfig { model: ModelConfig { heads: 5, ..good.model }, ..good }, "width"),
    ] {
        let error = Pretraining::new(bad, &corpus, Vocabulary::bytes(), 1).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn a_gguf_has_all_tensors_at_aligned_places() {
    let root = tempfile::tempdir().unwrap();
    let model = outthink_train::Model::new(ModelConfig::sized(257, 32, 32, 1), 1).unwrap();
    let path = root.path().join("model.gguf");
    outthink_train::write_gguf(&path, &model, &Vocabulary::bytes(), &outthink_train::GgufOptions::default()).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(&bytes[..8], b"GGUF\x03\0\0\0");
    assert_eq!(bytes[8..16], (model.tensors().len() as u64).to_le_bytes());
    assert!(bytes.len().is_multiple_of(32) && bytes.len() > 4 * model.weights().len());
    let names = ["token_embd.weight", "blk.0.attn_q.weight", "blk.0.ffn_down.weight", "output_norm.weight"];
    assert!(names.iter().all(|name| bytes.windows(name.len()).any(|w| w == name.as_bytes())));
    let error = outthink_train::write_gguf(
        &path,
        &model,
        &Vocabulary { pieces: Vec::new(), end: 0, merges: Vec::new() },
        &outthink_train::GgufOptions::default(),
    );
    assert!(error.unwrap_err().to_string().contains("vocabulary"));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
