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
    let name = "samples_gsm8k_2026-01-01T00-00-00.jsonl";
    let error = read(name, text.as_bytes(), &ImportOptions::default()).unwrap_err().to_string();
    assert!(
        error.contains("several filters (flexible-extract, strict-match): name one of them with --filter"),
        "{error}"
    );
    let strict = ImportOptions { filter: Some("strict-match".into()), ..ImportOptions::default() };
    let imports = read(name, text.as_bytes(), &strict).unwrap();
    let import = &imports[0];
    assert_eq!((import.spec.model.as_str(), import.spec.dataset.as_str()), ("some-model", "gsm8k"));
    assert_eq!(import.samples.len(), 2);
    assert!(import.samples[0].correct && !import.samples[1].correct);
    assert_eq!(import.problems[0].gold.as_deref(), Some("4"));
    assert_eq!(import.setting.max_tokens, 256);
}

/// The one import of a file, or what is wrong with it.
fn one(name: &str, text: &str, options: &ImportOptions) -> Result<Import, String> {
    read(name, text.as_bytes(), options).map(|mut imports| imports.remove(0)).map_err(|e| e.to_string())
}

#[test]
fn a_metric_of_the_harness_is_read_in_any_form_and_never_picked_from_several() {
    let row = |metrics: &[&str], values: Value| {
        let mut row = json!({"doc_id": 0, "doc": {"question": "2+2?"}, "target": "4", "arguments": [["Q", {}]],
            "resps": [["It is 4."]], "filtered_resps": ["It is 4."], "filter": "none", "metrics": metrics});
        row.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        row.to_string()
    };
    let by = |metric: &str| ImportOptions { metric: Some(metric.into()), ..ImportOptions::default() };
    let plain = ImportOptions::default();
    let judged = |text: &str, options: &ImportOptions| {
        one("samples_x_1.jsonl", text, options).map(|i| (i.samples[0].correct, i.samples[0].credit))
    };
    // A metric in pieces says nothing of the whole.
    let strict = row(&["strict_acc", "inst_level"], json!({"strict_acc": true, "inst_level": [true, false]}));
    assert_eq!(judged(&strict, &plain), Ok((true, None)));
    let two = row(&["exact_match", "math_verify"], json!({"exact_match": 0.0, "math_verify": 1.0}));
    let error = judged(&two, &plain).unwrap_err();
    assert!(error.contains("several metrics (exact_match, math_verify): name one of them with --metric"), "{error}");
    assert_eq!(judged(&two, &by("math_verify")), Ok((true, None)));
    assert!(judged(&two, &by("bleu")).unwrap_err().contains("no metric `bleu` (there is exact_match, math_verify)"));
    assert_eq!(judged(&row(&["f1"], json!({"f1": 0.25})), &plain), Ok((false, Some(0.25))));
    let error = judged(&row(&["words"], json!({"words": 12.0})), &plain).unwrap_err();
    assert!(error.contains("metric `words`: the judgement 12.0"), "{error}");
    let nobody = format!(
        "{}\n{}",
        row(&["f1"], json!({"f1": null})),
        row(&["f1"], json!({"f1": 1})).replace("\"doc_id\":0", "\"doc_id\":1")
    );
    let import = one("samples_x_1.jsonl", &nobody, &plain).unwrap();
    assert_eq!(
        (import.samples.len(), import.notes.as_slice()),
        (1, &["1 samples were not scored: they were left out".to_owned()][..])
    );
    let twice = format!("{strict}\n{strict}");
    assert!(judged(&twice, &plain).unwrap_err().contains("the document `0` comes twice"));
}

#[test]
fn a_score_of_inspect_is_read_in_any_form_and_never_picked_from_several() {
    let import = |samples: Vec<Value>, options: &ImportOptions| {
        let mut plain = log();
        plain["samples"] = samples.into();
        one("log.json", &plain.to_string().replace("\"NAN\"", "NaN"), options)
    };
    let by = |metric: &str| ImportOptions { metric: Some(metric.into()), ..ImportOptions::default() };
    let plain = ImportOptions::default();
    let scored = |value: Value, options: &ImportOptions| {
        import(vec![sample("1", 1, &value)], options).map(|i| (i.samples[0].correct, i.samples[0].credit))
    };
    assert_eq!(scored(json!(0.5), &plain), Ok((false, Some(0.5))));
    assert_eq!(scored(json!("P"), &plain), Ok((false, Some(0.5))));
    let values = json!({"a": 1, "b": 0});
    let error = scored(values.clone(), &plain).unwrap_err();
    assert!(error.contains("several scores (match.a, match.b): name one of them with --metric"), "{error}");
    assert_eq!(scored(values.clone(), &by("a")), Ok((true, None)));
    assert_eq!(scored(values, &by("match.b")), Ok((false, None)));
    assert!(scored(json!("splendid"), &plain).unwrap_err().contains("neither right, wrong nor a share"));
    let mut two = sample("1", 1, &json!("I"));
    two["scores"]["model_graded"] = json!({"value": "C"});
    assert!(import(vec![two.clone()], &plain).unwrap_err().contains("several scores (match, model_graded)"));
    assert!(import(vec![two], &by("model_graded")).unwrap().samples[0].correct);
    // Python's NaN: nobody scored it.
    let some = import(vec![sample("1", 1, &json!("NAN")), sample("2", 1, &json!(1.0))], &plain).unwrap();
    assert_eq!((some.samples.len(), some.notes.len()), (1, 1));
    assert!(
        import(vec![sample("1", 1, &json!(1)), sample("1", 1, &json!(1))], &plain).unwrap_err().contains("comes twice")
    );
    // The bill of all turns, and not of the last one alone.
    let mut turns = sample("1", 1, &json!("C"));
    turns["model_usage"] = json!({"mockllm/model": {"input_tokens": 200, "output_tokens": 90,
        "input_tokens_cache_read": 40, "input_tokens_cache_write": 7, "reasoning_tokens": 30}, "grader": {"input_tokens": 5}});
    let usage = import(vec![turns], &plain).unwrap().samples[0].usage;
    assert_eq!(
        (usage.prompt, usage.cached, usage.cache_write, usage.completion, usage.reasoning),
        (247, 40, 7, 90, 30)
    );
}

#[test]
fn pools_are_read_in_any_layout_and_what_cannot_be_is_refused() {
    let plain = ImportOptions::default();
    let row = |id: u32, sample: &str| format!("{{\"problem_id\": {id}, \"samples\": [{sample}]}}");
    let right = "{\"answer\": 4, \"correct\": 1, \"tokens\": 12, \"prompt_tokens\": 7, \"usd\": 0.5}";
    let rows = [row(1, right), row(2, "{\"answer\": \"\", \"correct\": 0.5}")];
    for text in [rows.join("\n"), format!("\u{feff}{}", rows.join("\n")), format!("[\n{}\n]", rows.join(",\n "))] {
        let import = one("mine.jsonl", &text, &plain).unwrap();
        let [first, second] = import.samples.as_slice() else { panic!("{import:?}") };
        assert_eq!((first.correct, first.usage.prompt, first.cost.usd()), (true, 7, 0.5), "{text}");
        assert_eq!((second.correct, second.credit, second.answer.as_deref()), (false, Some(0.5), None), "{text}");
    }
    for (text, words) in [
        (row(1, "{\"correct\": true, \"tokens\": 1e30}"), "`tokens` is 1e30: give a number from 0 to 1e9"),
        (row(1, "{\"correct\": true, \"tokens\": -3}"), "`tokens` is -3"),
        (row(1, "{\"correct\": \"maybe\"}"), "sample 1: `correct` holds the judgement \"maybe\""),
        (row(1, "{\"correct\": null}"), "`correct` is null"),
        (format!("{}\n{}", rows[0], rows[0]), "line 2: the problem `1` comes twice"),
        (format!("[{},\n{}]", rows[0], rows[0]), "the problem `1` comes twice"),
        ("problem_id: 1\n".to_owned(), "not JSON"),
    ] {
        let error = one("mine.jsonl", &text, &plain).unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
    }
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
    assert_eq!(names, ["mine-a-b", "mine-c"]);
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
    // A table of columns that are called as in a recording is none.
    let columns = b"{\"samples\": [1, 2, 4], \"accuracy\": [0.1, 0.2, 0.3]}";
    assert!(read("x.json", columns, &ImportOptions::default()).unwrap_err().to_string().contains("--format"));
}
