//! What is asked for each kind of sample, and what of it is told to the model and to the user.

use crate::ArmInfo;
use outthink_core::{EngineError, KindPlan, Origin, ProgramOutcome, Prompt, SampleKind, Sampling};
use serde_json::{Value, json};

/// What a program is asked for (program of thoughts, Chen et al. 2022; PAL, Gao et al. 2023). Of a dozen wordings on a
/// model of 0.5B this one came out best: see `docs/LOG.md`.
const PROGRAM: &str = "Write a Python function `solution()` that computes the answer from the numbers given and returns it. \
                       Reply with one ```python block and nothing else.";

/// Bytes of a system message at most that says nothing but how to reason and in which form to answer.
const MANNERS: usize = 300;

/// The prompt of a kind, given that of the request.
///
/// The kind is asked for behind the last turn of the user. A small model follows one instruction on the form of its reply:
/// a system message that only asks to reason step by step or for a box is left out. Any other stays.
pub(crate) fn prompt_for(kind: SampleKind, prompt: &Prompt) -> Prompt {
    let words = match kind {
        SampleKind::Text => return prompt.clone(),
        SampleKind::Program => PROGRAM,
    };
    let mut prompt = prompt.clone();
    let system = prompt.messages.first().filter(|m| m["role"] == "system" || m["role"] == "developer");
    if system.and_then(|m| m["content"].as_str()).is_some_and(only_manners) {
        prompt.messages.remove(0);
    }
    append(&mut prompt, words);
    prompt
}

/// Whether a system message says nothing but how to reason and in which form to answer.
fn only_manners(system: &str) -> bool {
    let lower = system.to_lowercase();
    system.len() <= MANNERS && ["\\boxed", "step by step", "final answer"].iter().any(|words| lower.contains(words))
}

/// Puts words behind the last turn of the user.
fn append(prompt: &mut Prompt, words: &str) {
    let turn = prompt.messages.iter_mut().rev().find(|m| m["role"] == "user");
    match turn.map(|m| &mut m["content"]) {
        Some(Value::String(text)) => {
            text.push_str("\n\n");
            text.push_str(words);
        }
        Some(Value::Array(parts)) => parts.push(json!({"type": "text", "text": words})),
        _ => prompt.messages.push(json!({"role": "user", "content": words})),
    }
}

/// The arms of the kinds that a strategy buys, on the engine of the first arm.
pub(crate) fn arms(first: &ArmInfo, kinds: &[KindPlan], request: &Sampling) -> Vec<ArmInfo> {
    let arm = |plan: &KindPlan| {
        let own = first.sampling.as_ref().unwrap_or(request);
        // Some servers refuse any temperature: where the request sends none, neither does a kind.
        let gentler = plan.temperature.filter(|_| own.temperature.is_some());
        let sampling = gentler.map(|t| Sampling { temperature: Some(t), ..own.clone() });
        ArmInfo {
            name: format!("{} ({})", first.name, plan.kind.name()),
            kind: plan.kind,
            host: 0,
            sampling: sampling.or_else(|| first.sampling.clone()),
            ..first.clone()
        }
    };
    kinds.iter().map(arm).collect()
}

/// Why programs cannot answer a request.
pub(crate) fn refusal(kinds: &[KindPlan], prompt: &Prompt) -> Option<EngineError> {
    if !kinds.iter().any(|k| k.kind == SampleKind::Program) {
        return None;
    }
    let format = prompt.extra.get("response_format").and_then(|f| f["type"].as_str());
    let what = if format.is_some_and(|f| f.starts_with("json")) {
        "demands JSON (`response_format`)"
    } else if prompt.has_tools() {
        "offers tools"
    } else {
        return None;
    };
    let error = EngineError::new(Origin::Caller, format!("a program cannot be the reply to a request that {what}"));
    Some(error.with_hint("use a strategy such as adaptive, or leave the field out"))
}

/// The turn that asks for a program again whose outcome is none.
pub(crate) fn revision(outcome: &ProgramOutcome) -> Option<String> {
    let what = match outcome {
        ProgramOutcome::Value(_) => return None,
        ProgramOutcome::Error(error) => format!("The program fails: {error}."),
        ProgramOutcome::Stopped => "The program was stopped: it used too much time or memory.".to_owned(),
        ProgramOutcome::Missing => "The reply holds no Python program.".to_owned(),
    };
    Some(format!("{what} Write the whole program again, corrected, in one ```python block and nothing else."))
}

/// What is put behind the text of a program, so that the reply states its answer.
pub(crate) fn stated(value: &str) -> String {
    let inert = !value.contains(['{', '}', '\n', '\\']) && value.len() <= 64;
    if inert {
        format!("\n\nThe program's outcome is \\boxed{{{value}}}.")
    } else {
        format!("\n\nThe program's outcome is:\n\n{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_asked_for_beside_the_words_of_the_request() {
        let prompt = Prompt::user("How many?").with_system("You work for a zoo.");
        let program = prompt_for(SampleKind::Program, &prompt);
        assert_eq!(program.messages[0], prompt.messages[0]);
        let text = program.last_user_text().unwrap();
        assert!(text.starts_with("How many?\n\n") && text.contains("Python"), "{text}");
        assert_eq!(prompt_for(SampleKind::Text, &prompt), prompt);
        let parts = json!({"role": "user", "content": [{"type": "image_url"}]});
        let prompt =
            Prompt { messages: vec![json!({"role": "system", "content": "A zoo."}), parts], ..Prompt::default() };
        let asked = prompt_for(SampleKind::Program, &prompt);
        assert_eq!(asked.messages[1]["content"][0], json!({"type": "image_url"}));
        assert_eq!(asked.messages[1]["content"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn what_only_says_how_to_answer_is_left_out() {
        let manners = Prompt::user("How many?").with_system("Reason step by step, and use \\boxed{}.");
        let plain = Prompt::user("How many?");
        assert_eq!(prompt_for(SampleKind::Program, &manners), prompt_for(SampleKind::Program, &plain));
        let long = Prompt::user("How many?").with_system(&"You are a zoo. Reason step by step. ".repeat(20));
        assert_eq!(prompt_for(SampleKind::Program, &long).messages.len(), 2);
    }

    #[test]
    fn what_cannot_be_a_program_is_refused() {
        let kinds = [KindPlan { kind: SampleKind::Program, temperature: None }];
        let mut json_asked = Prompt::user("?");
        assert_eq!(refusal(&kinds, &json_asked), None);
        json_asked.extra.insert("response_format".into(), json!({"type": "json_object"}));
        assert!(refusal(&kinds, &json_asked).is_some_and(|e| e.to_string().contains("response_format")));
        assert_eq!(refusal(&[KindPlan::default()], &json_asked), None);
    }

    #[test]
    fn an_outcome_is_found_in_the_reply_that_states_it() {
        for value in ["18", "-2.5", "Paris", "[1, 2]"] {
            let reply = format!("```python\nans = 1\n```{}", stated(value));
            assert_eq!(outthink_verify::find_answer(&reply).map(|a| a.text).as_deref(), Some(value), "{reply}");
        }
    }
}
