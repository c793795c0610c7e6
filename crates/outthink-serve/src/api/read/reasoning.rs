//! Reasoning that comes back with a conversation.

use serde_json::Value;

/// Leaves the model's reasoning in the turn that it works on, where a tool loop needs it, and takes it out of those
/// before: chat templates leave it out there, and some servers refuse it.
pub(crate) fn keep_current(messages: &mut [Value]) {
    let is_new_turn = |index: usize| {
        messages[index]["role"] == "user"
            && index.checked_sub(1).is_none_or(|before| messages[before]["role"] != "tool")
    };
    let Some(turn) = (0..messages.len()).rev().find(|index| is_new_turn(*index)) else { return };
    for message in messages[..turn].iter_mut().filter_map(Value::as_object_mut) {
        message.shift_remove("reasoning_content");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reasoning_stays_in_the_turn_that_runs() {
        let assistant = |n: u64| json!({"role": "assistant", "content": n, "reasoning_content": "hm"});
        let (user, tool) = (json!({"role": "user"}), json!({"role": "tool"}));
        let mut messages = vec![
            user.clone(),
            assistant(1),
            tool.clone(),
            assistant(2),
            user.clone(),
            assistant(3),
            tool.clone(),
            user,
            assistant(4),
            tool,
        ];
        keep_current(&mut messages);
        let with: Vec<&Value> =
            messages.iter().filter(|m| m.get("reasoning_content").is_some()).map(|m| &m["content"]).collect();
        assert_eq!(with, [3, 4], "pictures of a tool's result are no turn of their own");
    }
}
