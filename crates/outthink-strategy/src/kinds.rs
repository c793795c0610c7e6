//! What is asked for each kind of sample, and what of it is told to the model and to the user.

use crate::ArmInfo;
use outthink_core::{EngineError, KindPlan, Origin, ProgramOutcome, Prompt, SampleKind, Sampling};
use serde_json::{Value, json};

/// What a program is asked for (program of thoughts, Chen et al. 2022; PAL, Gao et al. 2023).
const PROGRAM: &str = "Solve the problem by writing a Python function `solution()` that works it out step by step, with a \
                       short comment for each step, and returns the final answer. Reply with one ```python block and \
                       nothing else.";

/// The prompt of a kind, given that of the request. The request's own words stay: the kind is asked for behind the
/// last turn of the user.
pub(crate) fn prompt_for(kind: SampleKind, prompt: &Prompt) -> Prompt {
    let mut prompt = prompt.clone();
    match kind {
        SampleKind::Text => {}
        SampleKind::Program => append(&mut prompt, PROGRAM),
    }
    prompt
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
    fn a_kind_is_asked_for_behind_the_users_own_words() {
        let prompt = Prompt::user("How many?").with_system("You work for a zoo.");
        let program = prompt_for(SampleKind::Program, &prompt);
        assert_eq!(program.messages[0], prompt.messages[0]);
        let text = program.last_user_text().unwrap();
        assert!(text.starts_with("How many?\n\n") && text.contains("Python"), "{text}");
        assert_eq!(prompt_for(SampleKind::Text, &prompt), prompt);
        let parts =
            Prompt { messages: vec![json!({"role": "user", "content": [{"type": "image_url"}]})], ..Prompt::default() };
        let asked = prompt_for(SampleKind::Program, &parts);
        assert_eq!(asked.messages[0]["content"][0], json!({"type": "image_url"}));
        assert_eq!(asked.messages[0]["content"].as_array().map(Vec::len), Some(2));
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
