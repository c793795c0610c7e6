//! What of a raw completion is the reply: without its reasoning and without what follows its end.

/// Tags around reasoning.
const REASONING: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("[THINK]", "[/THINK]"),
];
/// Tokens that end a turn, as tokenizers of open models write them.
const ENDS: &[&str] = &[
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<|return|>",
    "<|eom_id|>",
    "<|end_of_turn|>",
    "<end_of_turn>",
    "<eos>",
    "</s>",
    "<|eos|>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
    "<|END_OF_TURN_TOKEN|>",
    "[/INST]",
    "<|assistant|>",
    "<|user|>",
    "<|im_start|>",
];
/// What the final message of a completion with channels begins with.
const FINAL: &str = "<|channel|>final<|message|>";

/// The reply proper. Reasoning that never closes holds no reply: what is left is what stood before it.
pub(super) fn reply(text: &str) -> &str {
    let mut text = text;
    if [b'<', b'['].iter().any(|bracket| text.as_bytes().contains(bracket)) {
        text = text.rsplit_once(FINAL).map_or(text, |(_, after)| after);
        for (open, close) in REASONING {
            if let Some((_, after)) = text.rsplit_once(close) {
                text = after;
            }
            if let Some((before, _)) = text.split_once(open) {
                text = before;
            }
        }
        if let Some(end) = ENDS.iter().filter_map(|end| text.find(end)).min() {
            text = text.get(..end).unwrap_or(text);
        }
    }
    text.trim_start_matches('\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::reply;

    #[test]
    fn reasoning_and_the_end_of_the_turn_are_no_reply() {
        for (text, kept) in [
            ("<think>7</think> So 8.<|im_end|>", " So 8."),
            ("<think>is it 41?", ""),
            ("Five. <thinking>or six", "Five. "),
            ("a</s><s>b", "a"),
            ("<|channel|>analysis<|message|>3<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>", "4"),
        ] {
            assert_eq!(reply(text), kept, "{text}");
        }
    }
}
