//! What a prompt weighs at most, in tokens, before anybody has read it.
//!
//! Text has no more tokens than bytes. What is not text is weighed by the published rule of its provider where
//! that is known, and by a bound otherwise: an image by address is a line of text and costs like a page.

use outthink_core::Prompt;
use serde_json::Value;

/// Bytes that a chat template puts around a message at most.
const AROUND: u64 = 16;
/// An image on a server whose rule is not known: the most that Qwen-VL's default allows.
const ANY_IMAGE: u64 = 16_384;
/// A file by its name or address, whose length nobody knows here.
const ANY_FILE: u64 = 131_072;
/// Tiles of the largest image that OpenAI's rule makes: 768 x 2048 pixels in tiles of 512.
const MOST_TILES: u64 = 8;
/// Patches of the largest image that OpenAI's newer rule makes.
const MOST_PATCHES: u64 = 1_536;

/// What images cost by a model's rule: `base` tokens, and the most that an image of full size adds.
struct ImageRule {
    /// Names of models that begin like this, after the maker's name.
    models: &'static [&'static str],
    /// What an image of low detail costs.
    low: u64,
    /// What one of any other detail costs at most.
    most: u64,
}

/// OpenAI's published rules ("Images and vision: calculating costs"); the longest name that fits counts.
const IMAGE_RULES: &[ImageRule] = &[
    ImageRule { models: &["gpt-4o-mini"], low: 2_833, most: 2_833 + MOST_TILES * 5_667 },
    ImageRule {
        models: &["gpt-4.1-mini", "gpt-5-mini"],
        low: MOST_PATCHES * 162 / 100,
        most: MOST_PATCHES * 162 / 100,
    },
    ImageRule {
        models: &["gpt-4.1-nano", "gpt-5-nano"],
        low: MOST_PATCHES * 246 / 100,
        most: MOST_PATCHES * 246 / 100,
    },
    ImageRule { models: &["o4-mini"], low: MOST_PATCHES * 172 / 100, most: MOST_PATCHES * 172 / 100 },
    ImageRule { models: &["gpt-4o", "gpt-4.1", "gpt-4.5"], low: 85, most: 85 + MOST_TILES * 170 },
    ImageRule { models: &["o1", "o3"], low: 75, most: 75 + MOST_TILES * 150 },
    ImageRule { models: &["gpt-5"], low: 70, most: 70 + MOST_TILES * 140 },
    // Anthropic: pixels / 750, of at most 1,568 pixels a side.
    ImageRule { models: &["claude"], low: 3_279, most: 3_279 },
];

/// What a prompt weighs at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// Prompt tokens of one sample.
    pub(super) prompt: u64,
    /// Tokens that are billed as generated though the client sent them: a rejected `prediction`.
    pub(super) predicted: u64,
}

impl Weight {
    /// The weight of a prompt on this model, whose context is no longer than `context`.
    pub(super) fn of(prompt: &Prompt, model: &str, context: Option<u64>) -> Self {
        let rule = rule(model);
        let messages: u64 = prompt.messages.iter().map(|m| message(m, rule) + AROUND).sum();
        let (mut extra, mut predicted) = (0, 0);
        for (key, value) in &prompt.extra {
            match key.as_str() {
                "prediction" => predicted += bytes(value),
                // What a template or a grammar makes of it is not known; its bytes bound its text.
                _ => extra += bytes(value),
            }
        }
        let prompt = messages.saturating_add(extra);
        Self { prompt: context.map_or(prompt, |most| prompt.min(most)), predicted }
    }
}

/// How many tokens a prompt has, about: what is text by its length, what is not as [`Weight`] has it.
pub(crate) fn likely_tokens(prompt: &Prompt, model: &str) -> u64 {
    /// Bytes of a token, about.
    const TOKEN: u64 = 4;
    let rule = rule(model);
    let of_message = |message: &Value| {
        let parts = message.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (texts, others): (Vec<&Value>, Vec<&Value>) = parts.iter().partition(|p| p["type"] == "text");
        let words: u64 = texts.iter().filter_map(|text| text["text"].as_str()).map(|text| text.len() as u64).sum();
        let fields = message.as_object().into_iter().flatten();
        let beside = fields.filter(|(key, value)| *key != "role" && !(*key == "content" && value.is_array()));
        let bytes = words + beside.map(|(_, value)| bytes(value).saturating_sub(2)).sum::<u64>();
        bytes.div_ceil(TOKEN) + AROUND / TOKEN + others.iter().map(|other| part(other, rule)).sum::<u64>()
    };
    let extra: u64 = ["tools", "response_format"].iter().filter_map(|name| prompt.extra.get(*name)).map(bytes).sum();
    prompt.messages.iter().map(of_message).sum::<u64>() + extra.div_ceil(TOKEN)
}

fn rule(model: &str) -> Option<&'static ImageRule> {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let fits = |rule: &&ImageRule| rule.models.iter().filter(|m| name.starts_with(**m)).map(|m| m.len()).max();
    IMAGE_RULES.iter().filter(|r| fits(r).is_some()).max_by_key(fits)
}

fn message(message: &Value, image_rule: Option<&ImageRule>) -> u64 {
    let Some(fields) = message.as_object() else { return bytes(message) };
    let content = fields.get("content").and_then(Value::as_array);
    let parts: u64 = content.map_or(0, |parts| parts.iter().map(|p| part(p, image_rule)).sum());
    let others = fields.iter().filter(|(key, _)| content.is_none() || *key != "content");
    parts + others.map(|(key, value)| key.len() as u64 + 4 + bytes(value)).sum::<u64>()
}

fn part(part: &Value, image_rule: Option<&ImageRule>) -> u64 {
    match part["type"].as_str() {
        Some("image_url" | "input_image" | "image") => {
            let low = part["image_url"]["detail"] == "low" || part["detail"] == "low";
            image_rule.map_or(ANY_IMAGE, |rule| if low { rule.low } else { rule.most })
        }
        Some("input_audio" | "audio_url" | "audio") => audio(part),
        Some("video_url" | "video" | "input_video" | "file" | "input_file" | "document") => {
            // A document is rarely more tokens than bytes, and one that is packed may be.
            if held(part) < 512 { ANY_FILE } else { held(part).max(ANY_IMAGE) }
        }
        _ => bytes(part),
    }
}

/// Audio: no provider takes more than 32 tokens a second; sound that is not packed has 16,000 samples of two
/// bytes a second or more, and the smallest packed speech 1,000 bytes.
fn audio(part: &Value) -> u64 {
    let packed = held(part);
    if packed < 512 {
        return ANY_FILE;
    }
    let raw = packed / 4 * 3;
    if part["input_audio"]["format"] == "wav" { raw / 1_000 + 32 } else { raw / 31 + 32 }
}

/// Bytes of the longest text in a part: what it holds of its own, and not by address.
fn held(part: &Value) -> u64 {
    match part {
        Value::String(text) if text.starts_with("http://") || text.starts_with("https://") => 0,
        Value::String(text) => text.len() as u64,
        Value::Array(list) => list.iter().map(held).max().unwrap_or(0),
        Value::Object(map) => map.values().map(held).max().unwrap_or(0),
        _ => 0,
    }
}

/// Bytes of a value as JSON, or a few more.
pub(crate) fn bytes(value: &Value) -> u64 {
    match value {
        Value::Null => 4,
        Value::Bool(_) => 5,
        Value::Number(number) => number.as_u64().map_or(24, |n| n.checked_ilog10().map_or(1, |d| u64::from(d) + 1)),
        Value::String(text) => text.len() as u64 + 2,
        Value::Array(list) => list.iter().map(|v| bytes(v) + 1).sum::<u64>() + 2,
        Value::Object(map) => map.iter().map(|(k, v)| k.len() as u64 + 4 + bytes(v)).sum::<u64>() + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn weight(content: &Value, model: &str) -> u64 {
        let messages = vec![json!({"role": "user", "content": content})];
        Weight::of(&Prompt { messages, ..Prompt::default() }, model, None).prompt
    }

    #[test]
    fn an_image_weighs_by_the_models_rule_and_not_by_its_address() {
        let image =
            |detail: &str| json!([{"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": detail}}]);
        for (model, detail, least, most) in [
            ("gpt-4o", "high", 1_445, 1_500),
            ("openai/gpt-4o-2024-11-20", "low", 85, 150),
            ("gpt-4o-mini", "auto", 48_169, 48_250),
            ("Qwen/Qwen2.5-VL-7B", "low", 16_384, 16_450),
        ] {
            let weight = weight(&image(detail), model);
            assert!((least..most).contains(&weight), "{model} {detail}: {weight}");
        }
        // The same image in full is not read as text.
        let data = format!("data:image/png;base64,{}", "A".repeat(2_000_000));
        assert!(weight(&json!([{"type": "image_url", "image_url": {"url": data}}]), "gpt-4o") < 1_500);
    }

    #[test]
    fn what_is_sent_along_is_weighed() {
        let extra = json!({"prediction": {"content": "x".repeat(900)}, "tools": ["y".repeat(300)], "a": 1});
        let Value::Object(extra) = extra else { panic!("no object") };
        let weight = Weight::of(&Prompt { messages: Vec::new(), extra }, "m", None);
        assert!(weight.predicted >= 900 && (300..340).contains(&weight.prompt), "{weight:?}");
        let long = Prompt::user(&"z".repeat(10_000));
        assert_eq!(Weight::of(&long, "m", Some(4_096)).prompt, 4_096);
    }

    #[test]
    fn sound_and_files_are_bounded() {
        let sound = |format: &str| json!([{"type": "input_audio", "input_audio": {"data": "A".repeat(64_000), "format": format}}]);
        assert!((48..200).contains(&weight(&sound("wav"), "m")));
        assert!((1_500..2_000).contains(&weight(&sound("mp3"), "m")));
        assert!(weight(&json!([{"type": "file", "file": {"file_id": "file-1"}}]), "m") >= ANY_FILE);
    }
}
