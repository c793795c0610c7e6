//! The Hugging Face folder against transformers itself: the same tokens and the same logits.
//!
//! Runs where a Python with torch and transformers is: `OUTTHINK_ENGINES_PYTHON` or `python3`.

use outthink_train::tasks::{CHAT_TEMPLATE, CharTokenizer, VOCABULARY};
use outthink_train::{Model, ModelConfig, Rng, Vocabulary, learn_merges, write_hf};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const READ: &str = r#"
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, asked = sys.argv[1], json.load(open(sys.argv[2]))
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
with torch.no_grad():
    logits = model(torch.tensor([asked["tokens"]])).logits[0].flatten().tolist()
chat = None
if tokenizer.chat_template:
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "1+2 mod 7"}], tokenize=False, add_generation_prompt=True)
texts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in asked["texts"]]
decoded = [tokenizer.decode(ids) for ids in texts]
print(json.dumps({"logits": logits, "texts": texts, "decoded": decoded, "chat": chat}))
"#;

fn python() -> Option<String> {
    let python = std::env::var("OUTTHINK_ENGINES_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import torch, transformers"]).output();
    found.is_ok_and(|output| output.status.success()).then_some(python)
}

fn read(python: &str, folder: &Path, tokens: &[u32], texts: &[&str]) -> Value {
    let asked = folder.join("asked.json");
    std::fs::write(&asked, json!({ "tokens": tokens, "texts": texts }).to_string()).unwrap();
    let output = Command::new(python)
        .args(["-c", READ])
        .args([folder, &asked])
        .envs([("HF_HUB_OFFLINE", "1"), ("OMP_NUM_THREADS", "1"), ("TRANSFORMERS_VERBOSITY", "error")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn same(python: &str, config: ModelConfig, vocabulary: &Vocabulary, template: Option<&str>, texts: &[&str]) -> Value {
    let root = tempfile::tempdir().unwrap();
    let model = Model::new(config, 5).unwrap();
    write_hf(root.path(), &model, vocabulary, template).unwrap();
    let mut rng = Rng::stream(3, 0);
    let tokens: Vec<u32> = (0..48).map(|_| rng.below(config.vocab) as u32).collect();
    let found = read(python, root.path(), &tokens, texts);
    let theirs: Vec<f64> = found["logits"].as_array().unwrap().iter().map(|l| l.as_f64().unwrap()).collect();
    let ours = model.logits(&tokens).unwrap();
    assert_eq!(theirs.len(), ours.len());
    let apart = ours.iter().zip(&theirs).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    assert!(apart < 2e-4, "logits differ by {apart}");
    for (text, ids) in texts.iter().zip(found["texts"].as_array().unwrap()) {
        let ids: Vec<u32> = serde_json::from_value(ids.clone()).unwrap();
        assert_eq!(ids, vocabulary.encode(text.as_bytes()), "{text:?}");
    }
    found
}

#[test]
fn transformers_computes_the_same_logits_from_the_same_tokens() {
    let Some(python) = python() else {
        println!("skipped: no Python with torch and transformers (set OUTTHINK_ENGINES_PYTHON)");
        return;
    };
    let sized = ModelConfig::sized(VOCABULARY, 64, 64, 2);
    let texts = ["3*5+2 mod 7\n<think>", "3*5\n1:1</think>#### 1", " a  b\n\n~", "é1", "#### 4#"];
    let chars = CharTokenizer.vocabulary();
    // Untied with narrow heads, as `train sft` makes them, and tied with wide ones.
    let untied = ModelConfig { tied: false, heads: 4, rope_theta: 500.0, norm_eps: 1e-6, ..sized };
    let found = same(&python, untied, &chars, Some(CHAT_TEMPLATE), &texts);
    assert_eq!(found["chat"], "1+2 mod 7\n<think>");
    assert_eq!(found["decoded"][1], texts[1]);
    same(&python, sized, &chars, None, &texts);
    // A text of several windows, with narrow heads and with wide ones.
    same(&python, ModelConfig { window: Some(11), ..untied }, &chars, Some(CHAT_TEMPLATE), &texts);
    same(&python, ModelConfig { window: Some(7), ..sized }, &chars, None, &texts);
    let text = "let x = f(y, 2);\n    end of the text, the end. f(x) (  y) — é\n";
    let merged = learn_merges([text.repeat(3).as_str()], 300);
    assert!(!merged.merges.is_empty());
    let config = ModelConfig::sized(merged.len(), 64, 64, 2);
    let found = same(&python, config, &merged, None, &[text, "  the end(", " f (x", "日本 the"]);
    assert_eq!(found["decoded"][0], text);
}
