use super::*;
use serde_json::json;
use std::io::Write;

fn read(name: &str, bytes: &[u8], options: &ImportOptions) -> Result<Vec<Import>, EvalError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some-model").join(name);
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    read_import(&path, options)
}

fn sample(id: &str, epoch: u32, value: &Value) -> Value {
    json!({"id": id, "epoch": epoch, "input": [{"role": "user", "content": "2+2?"}], "target": "4",
        "output": {"choices": [{"message": {"role": "assistant", "content": [
            {"type": "reasoning", "reasoning": "adding"}, {"type": "text", "text": "The answer is 4."}]},
            "stop_reason": "stop"}],
            "usage": {"input_tokens": 20, "output_tokens": 9, "reasoning_tokens": 3}, "time": 1.5},
        "scores": {"match": {"value": value, "answer": "4"}}})
}

fn log() -> Value {
    json!({"version": 2, "status": "success", "eval": {"task": "sums", "model": "mockllm/model"},
        "plan": {"config": {"temperature": 0.6, "max_tokens": 99, "seed": 5}}})
}

#[test]
fn a_log_of_inspect_is_read_plain_and_zipped() {
    let samples = [sample("1", 2, &json!("I")), sample("1", 1, &json!("C")), sample("2", 1, &json!(1.0))];
    let mut plain = log();
    plain["samples"] = json!(samples);
    let whole = read("log.json", &serde_json::to_vec_pretty(&plain).unwrap(), &ImportOptions::default()).unwrap();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (name, value) in (samples.iter().map(|s| (format!("samples/{}_epoch_{}.json", s["id"], s["epoch"]), s)))
        .chain([("header.json".to_owned(), &log()), ("_journal/start.json".to_owned(), &json!({}))])
    {
        zip.start_file(name, options).unwrap();
        zip.write_all(&serde_json::to_vec(value).unwrap()).unwrap();
    }
    let zipped = read("log.eval", &zip.finish().unwrap().into_inner(), &ImportOptions::default()).unwrap();
    assert_eq!(whole[0].samples, zipped[0].samples);
    let import = &whole[0];
    assert_eq!(
        (import.spec.model.as_str(), import.spec.dataset.as_str(), import.spec.seed),
        ("mockllm/model", "sums", 5)
    );
    assert_eq!((import.setting.temperature, import.setting.max_tokens), (Some(0.6), 99));
    let rights: Vec<(u32, u32, bool)> =
        import.samples.iter().map(|s| (s.cell.problem, s.cell.index, s.correct)).collect();
    assert_eq!(rights, [(0, 0, true), (1, 0, true), (0, 1, false)]);
    let first = &import.samples[0];
    assert_eq!((first.content.as_str(), first.reasoning.as_str()), ("The answer is 4.", "adding"));
    assert_eq!((first.usage.prompt, first.usage.completion, first.usage.reasoning), (20, 9, 3));
    assert_eq!(first.judge.as_deref(), Some("inspect_ai:match"));
}

#[test]
fn parts_that_are_compressed_by_zstd_are_read() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, value) in [("header.json", log()), ("samples/1_epoch_1.json", sample("1", 1, &json!("C")))] {
        zip.start_file(name, stored).unwrap();
        let text = serde_json::to_vec(&value).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        zip.write_all(&ruzstd::encoding::compress_to_vec(&text[..], level)).unwrap();
    }
    let mut bytes = zip.finish().unwrap().into_inner();
    // The writer knows no zstd: its number is put in the place of "stored", in both headers of a file.
    for (signature, method) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let places: Vec<usize> = (0..bytes.len() - 4).filter(|&i| bytes[i..].starts_with(signature)).collect();
        for place in places {
            bytes[place + method] = 93;
        }
    }
    let import = &read("log.eval", &bytes, &ImportOptions::default()).unwrap()[0];
    assert_eq!((import.samples.len(), import.samples[0].correct), (1, true));
    assert_eq!(import.samples[0].content, "The answer is 4.");
}

#[test]
fn a_sample_log_of_the_harness_is_read_once_for_all_filters() {
    let row = |doc: u32, filter: &str, text: &str, right: f64| {
        json!({"doc_id": doc, "doc": {"question": "2+2?"}, "target": "2 + 2 = 4\n#### 4",
            "arguments": {"gen_args_0": {"arg_0": "Q: 2+2?", "arg_1": {"temperature": 0.0, "max_gen_toks": 256}}},
            "resps": [[text]], "filtered_resps": ["4"], "filter": filter, "metrics": ["exact_match"],
            "exact_match": right})
    };
    let lines = [
        row(0, "strict-match", "so #### 4", 1.0),
        row(1, "strict-match", "so #### 5", 0.0),
        row(0, "flexible-extract", "so #### 4", 0.0),
    ];
    let text = lines.map(|l| l.to_string()).join("\n");
    let imports = read("samples_gsm8k_2026-01-01T00-00-00.jsonl", text.as_bytes(), &ImportOptions::default()).unwrap();
    let import = &imports[0];
    assert_eq!((import.spec.model.as_str(), import.spec.dataset.as_str()), ("some-model", "gsm8k"));
    assert_eq!(import.samples.len(), 2);
    assert!(import.samples[0].correct && !import.samples[1].correct);
    assert_eq!(import.problems[0].gold.as_deref(), Some("4"));
    assert_eq!(import.setting.max_tokens, 256);
}

#[test]
fn repeats_of_the_harness_are_judged_one_by_one() {
    let row = json!({"doc_id": 7, "doc": {"question": "2+2?"}, "target": "4", "arguments": [["Q", {}]],
        "resps": [["The answer is 4.", "The answer is 5."]], "filtered_resps": ["4"], "exact_match": 1.0});
    let import = &read("samples_x_1.jsonl", row.to_string().as_bytes(), &ImportOptions::default()).unwrap()[0];
    let rights: Vec<bool> = import.samples.iter().map(|s| s.correct).collect();
    assert_eq!(rights, [true, false]);
    let choice = json!({"doc_id": 0, "target": "0", "resps": [[["-1.2", "False"]], [["-2.2", "False"]]]});
    let error = read("samples_y_1.jsonl", choice.to_string().as_bytes(), &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("generates no text"), "{error}");
}

#[test]
fn a_pool_of_two_models_becomes_two_runs() {
    let line = |model: &str, id: u32| {
        json!({"problem_id": id, "question": format!("q{id}"), "gold": 4, "model": model, "config": {"temperature": 0.7},
            "tokens_kind": "exact", "samples": [{"answer": 4, "correct": true, "tokens": 11},
            {"answer": null, "correct": false, "tokens": 12, "verifier_score": 0.25}]})
    };
    let text = [line("a/b", 1), line("c", 1), line("a/b", 2)].map(|l| l.to_string()).join("\n");
    let imports = read("mine.jsonl", text.as_bytes(), &ImportOptions::default()).unwrap();
    let names: Vec<&str> = imports.iter().map(|i| i.spec.name.as_str()).collect();
    assert_eq!(names, ["mine-1-a-b", "mine-2-c"]);
    assert_eq!(imports[0].problems.len(), 2);
    assert_eq!(imports[0].samples[1].score, Some(0.25));
    assert_eq!(imports[0].samples[1].answer, None);
    assert!(!imports[0].samples[0].usage.estimated);
}

#[test]
fn other_files_are_refused_with_the_formats() {
    let error = read("x.jsonl", b"{\"a\": 1}\n", &ImportOptions::default()).unwrap_err();
    assert!(error.to_string().contains("--format"), "{error}");
    assert!(read("x.jsonl", b"", &ImportOptions::default()).is_err());
}
