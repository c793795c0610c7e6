//! Tests of the formats, each with what it refuses. The rows are laid out as the tools write them.

use super::*;
use serde_json::json;

/// Reads a file of that name, in a folder with the given siblings.
fn read(name: &str, text: &str, options: &ImportOptions) -> Result<Vec<Import>, String> {
    with(name, text, &[], options)
}

fn with(name: &str, text: &str, beside: &[(&str, &str)], options: &ImportOptions) -> Result<Vec<Import>, String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in beside.iter().chain(&[(name, text)]) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let set = options.set.as_ref().map(|set| folder.path().join(set));
    read_import(&folder.path().join(name), &ImportOptions { set, ..options.clone() }).map_err(|e| e.to_string())
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| row.to_string() + "\n").collect()
}

fn rights(import: &Import) -> Vec<bool> {
    import.samples.iter().map(|s| s.correct).collect()
}

fn by(metric: &str) -> ImportOptions {
    ImportOptions { metric: Some(metric.into()), ..ImportOptions::default() }
}

#[test]
fn details_of_lighteval() {
    let row = |id: &str, texts: &[&str], metric: Value| {
        json!({"doc": {"id": id, "query": "Q: 2+2?", "choices": ["#### 4"], "gold_index": [0], "task_name": "sums|0",
                "generation_size": 256, "specific": {}},
            "model_response": {"text": texts, "input_tokens": [1, 2, 3], "output_tokens": [[5, 6], [7]],
                "reasonings": ["adding", null], "logprobs": []},
            "metric": metric})
    };
    let plain = ImportOptions::default();
    let name = "details/some-model/2026-01-01T00-00-00.0/details_sums|0_2026-01-01T00-00-00.0.jsonl";
    let one = |row: Value, options: &ImportOptions| read(name, &lines(&[row]), options).map(|mut all| all.remove(0));
    let right = one(row("1", &["It is 4."], json!({"extractive_match": 1})), &plain).unwrap();
    assert_eq!((right.spec.model.as_str(), right.spec.dataset.as_str()), ("some-model", "sums|0"));
    assert_eq!(right.problems[0].gold.as_deref(), Some("4"));
    let sample = &right.samples[0];
    assert_eq!((sample.usage.prompt, sample.usage.completion, sample.usage.estimated), (3, 2, false));
    assert_eq!((sample.judge.as_deref(), sample.reasoning.as_str()), (Some("lighteval:extractive_match"), "adding"));
    let two = row("1", &["It is 4."], json!({"em": 0.0, "math": 1.0, "words": 17.0}));
    let error = one(two.clone(), &plain).unwrap_err();
    assert!(error.contains("several metrics (em, math): name one of them with --metric"), "{error}");
    assert!(one(two.clone(), &by("math")).unwrap().samples[0].correct);
    assert!(one(two, &by("words")).unwrap_err().contains("neither right, wrong nor a share"));
    let several = one(row("1", &["It is 4.", "It is 5."], json!({"maj@2": 1.0})), &plain).unwrap();
    assert_eq!((rights(&several), several.notes.len()), (vec![true, false], 1));
    let error = one(row("1", &[], json!({"acc": 1.0})), &plain).unwrap_err();
    assert!(error.contains("generates no text"), "{error}");
    let twice = lines(&[row("1", &["4"], json!({"em": 1})), row("1", &["4"], json!({"em": 1}))]);
    assert!(read("x.jsonl", &twice, &plain).unwrap_err().contains("the document `1` comes twice"));
}

#[test]
fn instances_of_every_eval_ever() {
    let row = |id: &str, name: &str, evaluation: Value| {
        json!({"schema_version": "0.3.0", "evaluation_id": "e", "model_id": "org/model", "evaluation_name": name,
            "sample_id": id, "interaction_type": "single_turn",
            "input": {"raw": "2+2?", "reference": ["4"]}, "output": {"raw": ["The answer is 4."]}, "messages": null,
            "answer_attribution": [{"turn_idx": 0, "source": "output.raw", "extracted_value": "4",
                "extraction_method": "regex", "is_terminal": true}],
            "evaluation": evaluation, "token_usage": {"input_tokens": 20, "output_tokens": 9, "total_tokens": 29,
                "reasoning_tokens": 3}, "performance": {"latency_ms": 1500}})
    };
    let plain = ImportOptions::default();
    let right = json!({"score": 1.0, "is_correct": true});
    let import = &read("x.jsonl", &lines(&[row("a", "sums", right.clone())]), &plain).unwrap()[0];
    let sample = &import.samples[0];
    assert_eq!((sample.correct, sample.answer.as_deref(), sample.seconds), (true, Some("4"), 1.5));
    assert_eq!((sample.usage.prompt, sample.usage.completion, sample.usage.reasoning), (20, 9, 3));
    assert_eq!((import.spec.model.as_str(), import.spec.dataset.as_str()), ("org/model", "sums"));
    // Repeats are numbered; without a number the same sample comes twice.
    let mut again = row("a", "sums", right.clone());
    let error = read("x.jsonl", &lines(&[row("a", "sums", right.clone()), again.clone()]), &plain).unwrap_err();
    assert!(error.contains("line 2: the sample `a` comes twice"), "{error}");
    again["metadata"] = json!({"epoch": "2"});
    assert_eq!(read("x.jsonl", &lines(&[row("a", "sums", right.clone()), again]), &plain).unwrap()[0].samples.len(), 2);
    // Two evaluations of one sample: named, not picked.
    let partly = json!({"score": 0.5, "is_correct": false});
    let both = lines(&[row("a", "em", right.clone()), row("a", "f1", partly)]);
    assert!(read("x.jsonl", &both, &plain).unwrap_err().contains("several evaluations (em, f1)"));
    let f1 = read("x.jsonl", &both, &by("f1")).unwrap();
    assert_eq!((f1[0].samples[0].correct, f1[0].samples[0].credit), (false, Some(0.5)));
    for (evaluation, words) in [
        (json!({"score": 1.0, "is_correct": "mostly"}), "`evaluation.is_correct` is \"mostly\""),
        (json!({"score": 1.0, "is_correct": 1}), "`evaluation.is_correct` is 1"),
    ] {
        let error = read("x.jsonl", &lines(&[row("a", "em", evaluation)]), &plain).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let mut bad = row("a", "em", right.clone());
    bad["token_usage"]["output_tokens"] = json!(-1);
    assert!(read("x.jsonl", &lines(&[bad]), &plain).unwrap_err().contains("`token_usage.output_tokens` is -1"));
    let mut agent = row("a", "em", right);
    agent["output"] = Value::Null;
    agent["messages"] = json!([{"turn_idx": 0, "role": "assistant", "content": "So it is 4."}]);
    assert_eq!(read("x.jsonl", &lines(&[agent]), &plain).unwrap()[0].samples[0].content, "So it is 4.");
    let summary = read("x.json", &json!({"evaluation_results": [], "model_info": {}}).to_string(), &plain).unwrap_err();
    assert!(summary.contains("a summary of Every Eval Ever"), "{summary}");
}

#[test]
fn rollouts_of_verifiers() {
    let row = |id: u32, reward: Value| {
        json!({"example_id": id, "prompt": [{"role": "user", "content": "2+2?"}],
            "completion": [{"role": "assistant", "content": "The answer is 4."}], "answer": "4", "reward": reward,
            "error": null, "is_truncated": false, "metrics": {"correct": 1.0, "format": 0.2},
            "correct": 1.0, "format": 0.2, "timing": {"generation_ms": 2500.0},
            "token_usage": {"input_tokens": 20.0, "output_tokens": 9.0}})
    };
    let plain = ImportOptions::default();
    let about = r#"{"env_id": "sums", "model": "m", "sampling_args": {"temperature": 0.7, "max_tokens": 99}}"#;
    let rows = lines(&[row(0, json!(1.0)), row(0, json!(0.0)), row(1, json!(0.25))]);
    let import = &with("results.jsonl", &rows, &[("metadata.json", about)], &plain).unwrap()[0];
    assert_eq!((import.spec.model.as_str(), import.spec.dataset.as_str()), ("m", "sums"));
    assert_eq!((import.setting.temperature, import.setting.max_tokens), (Some(0.7), 99));
    assert_eq!((import.problems.len(), rights(import)), (2, vec![true, false, false]));
    assert_eq!((import.samples[2].credit, import.samples[0].seconds), (Some(0.25), 2.5));
    // A sum of rewards does not say what is right; a metric does.
    let summed = lines(&[row(0, json!(1.2))]);
    let error = read("results.jsonl", &summed, &plain).unwrap_err();
    assert!(error.contains("--metric (correct, format)"), "{error}");
    assert_eq!(
        read("results.jsonl", &summed, &by("correct")).unwrap()[0].samples[0].judge.as_deref(),
        Some("verifiers:correct")
    );
    assert!(read("results.jsonl", &summed, &by("nothing")).unwrap_err().contains("no metric `nothing`"));
    let mut failed = row(2, json!(0.0));
    failed["error"] = json!({"error": "ModelError"});
    let import = &read("results.jsonl", &lines(&[row(0, json!(1)), failed]), &plain).unwrap()[0];
    assert_eq!((import.samples.len(), import.notes.len()), (1, 1));
    let mut cut = row(0, json!(0.0));
    cut["is_truncated"] = json!(true);
    assert_eq!(read("results.jsonl", &lines(&[cut]), &plain).unwrap()[0].samples[0].answer, None);
}

#[test]
fn outputs_of_a_batch_and_their_questions() {
    let row = |id: &str, text: &str, finish: &str| {
        json!({"id": "batch_req", "custom_id": id, "error": null, "response": {"status_code": 200, "body": {
            "model": "m", "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 3}}}}})
    };
    let set = "{\"id\": \"a\", \"question\": \"2+2?\", \"answer\": \"4\"}\n{\"id\": \"b-1\", \"question\": \"3+3?\", \"answer\": \"6\"}\n";
    let options = ImportOptions { set: Some("set.jsonl".into()), ..ImportOptions::default() };
    let read_with = |rows: &[Value]| with("out.jsonl", &lines(rows), &[("set.jsonl", set)], &options);
    let rows = [
        row("a-0", "The answer is 4.", "stop"),
        row("a-1", "The answer is 5.", "stop"),
        row("b-1", "The answer is 6.", "length"),
    ];
    let import = &read_with(&rows).unwrap()[0];
    assert_eq!((import.problems.len(), rights(import)), (2, vec![true, false, false]));
    assert_eq!(import.samples[2].answer, None, "what was cut states no answer");
    assert_eq!((import.samples[0].usage.prompt, import.samples[0].usage.reasoning), (20, 3));
    assert_eq!(import.samples[0].judge, None, "it is judged here");
    assert!(read("out.jsonl", &lines(&rows), &ImportOptions::default()).unwrap_err().contains("--set FILE"));
    assert!(read_with(&[row("c", "4", "stop")]).unwrap_err().contains("no question `c` in the set"));
    assert!(read_with(&[rows[0].clone(), rows[0].clone()]).unwrap_err().contains("the response `a-0` comes twice"));
    // The Responses API.
    let response = |id: &str, status: &str| {
        json!({"custom_id": id, "error": null, "response": {"status_code": 200, "body": {"object": "response", "model": "m",
            "status": status, "output": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "adding"}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "The answer is 4."}]}],
            "usage": {"input_tokens": 20, "output_tokens": 9, "output_tokens_details": {"reasoning_tokens": 3}}}}})
    };
    let import = &read_with(&[response("a-0", "completed"), response("a-1", "incomplete")]).unwrap()[0];
    assert_eq!((rights(import), import.samples[0].reasoning.as_str()), (vec![true, false], "adding"));
    assert_eq!((import.samples[0].usage.prompt, import.samples[0].usage.reasoning), (20, 3));
    let bench = json!({"request_throughput": 3.2, "mean_ttft_ms": 12.0}).to_string();
    assert!(read("bench.json", &bench, &ImportOptions::default()).unwrap_err().contains("a benchmark of a server"));
    let failed = json!({"custom_id": "a", "response": {"status_code": 429, "body": {}}, "error": null});
    assert_eq!(read_with(&[rows[0].clone(), failed]).unwrap()[0].notes.len(), 1);
}

#[test]
fn samples_of_monkeys_and_traces_of_deepconf() {
    let plain = ImportOptions::default();
    let row = json!({"question": "2+2?", "gt_answer": "2 + 2\n#### 4", "orig_dset_split": "test", "orig_dset_idx": 7,
        "samples": ["The answer is 4.", "The answer is 5."], "is_corrects": [true, false]});
    let import = &read("GSM8K_Llama-3-8B.json", &json!([row]).to_string(), &plain).unwrap()[0];
    assert_eq!((import.spec.model.as_str(), import.spec.dataset.as_str()), ("Llama-3-8B", "GSM8K"));
    assert_eq!((import.problems[0].id.as_str(), import.problems[0].gold.as_deref()), ("test-7", Some("4")));
    assert_eq!((rights(import), import.samples[0].usage.estimated), (vec![true, false], true));
    let mut uneven = row.clone();
    uneven["is_corrects"] = json!([true]);
    assert!(read("x.json", &json!([uneven]).to_string(), &plain).unwrap_err().contains("not lists of one length"));
    assert!(read("x.json", &json!([row, row]).to_string(), &plain).unwrap_err().contains("comes twice"));

    let traces = json!({"question_id": 3, "run_id": "r", "question": "2+2?", "ground_truth": "4",
        "config": {"model_path": "org/m"}, "all_traces": [
            {"extracted_answer": "4", "is_correct": true, "num_tokens": 812, "text": "…4", "stop_reason": "stop"},
            {"extracted_answer": null, "is_correct": false, "num_tokens": 9000, "stop_reason": "length"}]});
    let import = &read("traces.json", &traces.to_string(), &plain).unwrap()[0];
    assert_eq!((import.spec.model.as_str(), rights(import)), ("org/m", vec![true, false]));
    assert_eq!((import.samples[1].usage.completion, import.samples[1].answer.as_deref()), (9_000, None));
    let vague = traces.to_string().replace("\"is_correct\":true", "\"is_correct\":\"perhaps\"");
    assert!(read("traces.json", &vague, &plain).unwrap_err().contains("trace 1: `is_correct` holds"));
}

#[test]
fn a_table_with_a_row_a_sample() {
    let plain = ImportOptions::default();
    let table = "problem,model,run,answer,correct,completion_tokens,prompt_tokens,usd,temperature\n\
                 1,m,a,4,true,12,7,0.50,0.7\n1,m,a,5,false,13,7,0.5,0.7\n1,m,b,4,1,14,7,,0.7\n";
    let imports = read("mine.csv", table, &plain).unwrap();
    let names: Vec<&str> = imports.iter().map(|i| i.spec.name.as_str()).collect();
    assert_eq!(names, ["mine-a", "mine-b"]);
    let first = &imports[0].samples[0];
    assert_eq!((first.correct, first.usage.completion, first.usage.prompt, first.cost.usd()), (true, 12, 7, 0.5));
    assert_eq!((imports[0].setting.temperature, imports[0].samples.len()), (Some(0.7), 2));
    for (bad, words) in [("1e30", "`completion_tokens` is"), ("-3", "`completion_tokens` is -3")] {
        let error = read("mine.csv", &table.replace(",13,", &format!(",{bad},")), &plain).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
    let error = read("mine.csv", &table.replace("false", "maybe"), &plain).unwrap_err();
    assert!(error.contains("`correct` holds the judgement \"maybe\""), "{error}");
    // Counts of right samples are no samples.
    assert!(read("mine.csv", "problem,samples,correct\n1,10,1\n", &plain).unwrap_err().contains("--format"));
}
