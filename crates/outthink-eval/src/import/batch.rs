//! Outputs of OpenAI's batch API: one response a line, by the `custom_id` of its request. They hold no judgements, so
//! the questions with their right answers are given with them (`--set`), and answers are judged here.

use super::drawn::{Drawn, finish, text_of, tokens};
use super::{Gather, Import, Source, plain};
use crate::rows::each_value;
use crate::store::{Problem, Setting};
use crate::{EvalError, Question, QuestionSet};
use outthink_core::{FinishReason, Usage};
use outthink_verify::Grader;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

pub(super) fn read(source: &Source<'_>) -> Result<Vec<Import>, EvalError> {
    let Some(set) = &source.options.set else {
        return Err(source.broken(
            1,
            "outputs of a batch hold no right answers: give the questions with --set FILE, whose `id` is the `custom_id`",
        ));
    };
    let set = QuestionSet::read(set)?;
    let by_id: HashMap<&str, &Question> = set.questions.iter().filter_map(|q| Some((q.id.as_deref()?, q))).collect();
    let mut gather = Gather::default();
    let (mut samples, mut failed, mut seen, mut models) = (Vec::new(), 0_u64, HashSet::new(), Vec::new());
    each_value(source.path, |row| {
        let id = plain(&row["custom_id"]).ok_or("a response without `custom_id`")?;
        if !seen.insert(id.clone()) {
            return Err(format!("the response `{id}` comes twice"));
        }
        let question = question_of(&id, &by_id).ok_or_else(|| {
            format!("no question `{id}` in the set: its `id` must be the `custom_id`, with a number behind it where one was asked several times")
        })?;
        let response = &row["response"];
        let ok = response["status_code"].as_u64().is_none_or(|code| code == 200);
        if !row["error"].is_null() || !ok {
            failed += 1;
            return Ok(());
        }
        let body = &response["body"];
        let replies = replies(body).ok_or_else(|| {
            format!(
                "response `{id}`: neither `choices` nor `output` in its body (chat completions and responses are read)"
            )
        })?;
        if let Some(model) = plain(&body["model"])
            && !models.contains(&model)
        {
            models.push(model);
        }
        let problem = Problem {
            id: question.id.clone().unwrap_or_default(),
            question: Some(question.text.clone()),
            gold: Some(question.gold.clone()),
            prompt_sha256: None,
            vote_ok: true,
        };
        let usage = usage_of(&body["usage"]).map_err(|e| format!("response `{id}`: {e}"))?;
        let grader = Grader::new(&question.gold, Some(&question.text));
        let alone = replies.len() == 1;
        for Reply { content, reasoning, finish } in replies {
            // What was cut or filtered states no answer.
            let whole = finish.is_none_or(FinishReason::is_complete);
            let graded = whole.then(|| grader.grade(&content));
            let drawn = Drawn {
                judged: (graded.as_ref().is_some_and(|graded| graded.correct), None),
                answer: graded.and_then(|graded| graded.answer).map(|answer| answer.text),
                content,
                reasoning,
                // The bill of a response covers all its choices.
                usage: usage.filter(|_| alone),
                finish,
                ..Drawn::default()
            };
            samples.push(drawn.record(gather.next(problem.clone())));
        }
        Ok(())
    })?;
    if models.len() > 1 {
        return Err(
            source.broken(1, format!("responses of several models ({}): split the file by model", models.join(", ")))
        );
    }
    let spec = source.spec("openai-batch", models.pop(), Some(set.name));
    let mut notes = Vec::new();
    if failed > 0 {
        notes.push(format!("{failed} requests failed: they were left out"));
    }
    let setting = Setting { effort: None, temperature: None, max_tokens: 0 };
    Ok(vec![Import { spec, setting, problems: gather.problems, samples, notes }])
}

/// The question of a request: by its whole name, or by what stands before the number of a repeat.
fn question_of<'a>(id: &str, by_id: &HashMap<&str, &'a Question>) -> Option<&'a Question> {
    let repeat = || {
        let (name, number) = id.rsplit_once(['-', '_', ':', '#', '/', '.'])?;
        (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(name)
    };
    by_id.get(id).or_else(|| by_id.get(repeat()?)).copied()
}

/// One reply of a response.
struct Reply {
    content: String,
    reasoning: String,
    finish: Option<FinishReason>,
}

/// The replies of a chat completion, or the one of the Responses API; `None` of anything else.
fn replies(body: &Value) -> Option<Vec<Reply>> {
    if let Some(choices) = body["choices"].as_array() {
        let reply = |choice: &Value| Reply {
            content: text_of(&choice["message"]["content"]),
            reasoning: plain(&choice["message"]["reasoning_content"]).unwrap_or_default(),
            finish: finish(&choice["finish_reason"]),
        };
        return Some(choices.iter().map(reply).collect());
    }
    let items = body["output"].as_array()?;
    let texts = |kind: &str, field: &str| {
        let of = items.iter().filter(|item| item["type"] == kind);
        of.map(|item| text_of(&item[field])).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    };
    let finish = match (body["status"].as_str(), body["incomplete_details"]["reason"].as_str()) {
        (Some("incomplete"), Some("content_filter")) => Some(FinishReason::ContentFilter),
        (Some("incomplete"), _) => Some(FinishReason::Length),
        (Some("completed"), _) => Some(FinishReason::Stop),
        _ => None,
    };
    Some(vec![Reply { content: texts("message", "content"), reasoning: texts("reasoning", "summary"), finish }])
}

fn usage_of(usage: &Value) -> Result<Option<Usage>, String> {
    if !usage.is_object() {
        return Ok(None);
    }
    if usage.get("output_tokens").is_some() {
        return Ok(Some(Usage {
            prompt: tokens("usage.input_tokens", &usage["input_tokens"])?,
            cached: tokens("cached_tokens", &usage["input_tokens_details"]["cached_tokens"])?,
            completion: tokens("usage.output_tokens", &usage["output_tokens"])?,
            reasoning: tokens("reasoning_tokens", &usage["output_tokens_details"]["reasoning_tokens"])?,
            ..Usage::default()
        }));
    }
    Ok(Some(Usage {
        prompt: tokens("usage.prompt_tokens", &usage["prompt_tokens"])?,
        cached: tokens("cached_tokens", &usage["prompt_tokens_details"]["cached_tokens"])?,
        completion: tokens("usage.completion_tokens", &usage["completion_tokens"])?,
        reasoning: tokens("reasoning_tokens", &usage["completion_tokens_details"]["reasoning_tokens"])?,
        ..Usage::default()
    }))
}

/// Whether a row is a response of this format.
pub(super) fn knows(row: &Value) -> bool {
    row.get("custom_id").is_some() && (row["response"].is_object() || row.get("error").is_some())
}
