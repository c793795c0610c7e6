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
    let rule = rule(model);
    let of_message = |message: &Value| {
        // What is written around a text is the template's, not the model's prompt.
        let parts = message.get("content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (texts, others): (Vec<&Value>, Vec<&Value>) = parts.iter().partition(|p| p["type"] == "text");
        let words: u64 = texts.iter().filter_map(|text| text["text"].as_str()).map(|text| text.len() as u64).sum();
        let fields = message.as_object().into_iter().flatten();
        let beside = fields.filter(|(key, value)| *key != "role" && !(*key == "content" && value.is_array()));
        let mut mass = Mass { text: words + AROUND, media: 0 };
        for (key, value) in beside {
            mass += Mass::of(value, Medium::of(key), rule).spare(2);
        }
        for part in others {
            mass += Mass::of(part, None, rule);
        }
        mass.likely()
    };
    let extra: u64 = ["tools", "response_format"].iter().filter_map(|name| prompt.extra.get(*name)).map(bytes).sum();
    prompt.messages.iter().map(of_message).sum::<u64>() + extra.div_ceil(TOKEN)
}

/// Bytes of a token, about.
const TOKEN: u64 = 4;

/// What the fields of a request that is passed on weigh: tokens at most, and about.
pub(crate) fn weigh_fields<'a>(fields: impl Iterator<Item = (&'a String, &'a Value)>, model: &str) -> (u64, u64) {
    let rule = rule(model);
    let mut mass = Mass::default();
    for (key, value) in fields {
        mass += Mass::of(value, Medium::of(key), rule);
    }
    (mass.most(), mass.likely())
}

fn rule(model: &str) -> Option<&'static ImageRule> {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let fits = |rule: &&ImageRule| rule.models.iter().filter(|m| name.starts_with(**m)).map(|m| m.len()).max();
    IMAGE_RULES.iter().filter(|r| fits(r).is_some()).max_by_key(fits)
}

fn message(message: &Value, rule: Option<&ImageRule>) -> u64 {
    let Some(fields) = message.as_object() else { return bytes(message) };
    let weight = |(key, value): (&String, &Value)| {
        // The name of a list of parts says nothing.
        let around = if key == "content" && value.is_array() { 0 } else { key.len() as u64 + 4 };
        around + Mass::of(value, Medium::of(key), rule).most()
    };
    fields.iter().map(weight).sum()
}

/// What a part holds that is not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Medium {
    Image,
    Audio,
    /// A document, a video, or anything of which only a name is known.
    File,
}

impl Medium {
    /// By the name of a type or a field, whoever's it is: `image_url`, `input_image`, `images`, `file_id`, …
    fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let has = |words: &[&str]| name.split(['_', '-']).any(|part| words.contains(&part));
        if is_about(&name) {
            return None;
        }
        if has(&["image", "images"]) {
            Some(Self::Image)
        } else if has(&["audio", "audios", "speech"]) {
            Some(Self::Audio)
        } else if has(&["file", "files", "video", "videos", "document", "pdf"]) {
            Some(Self::File)
        } else {
            None
        }
    }
}

/// Whether a name is of words about a medium, which hold none.
fn is_about(name: &str) -> bool {
    const WORDS: [&str; 8] = ["citation", "path", "name", "search", "call", "generation", "format", "type"];
    name.split(['_', '-']).any(|part| WORDS.contains(&part))
}

/// Whether a part of this type holds something else than text.
pub(crate) fn is_medium(kind: &str) -> bool {
    Medium::of(kind).is_some()
}

/// Bytes of text, and tokens of what is not text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Mass {
    text: u64,
    media: u64,
}

impl std::ops::AddAssign for Mass {
    fn add_assign(&mut self, other: Self) {
        self.text = self.text.saturating_add(other.text);
        self.media = self.media.saturating_add(other.media);
    }
}

impl Mass {
    /// Of a value, whose name says that it is such a medium. A type says it for all of an object, a field for what
    /// is in it.
    fn of(value: &Value, named: Option<Medium>, rule: Option<&ImageRule>) -> Self {
        let mut mass = Self::default();
        match value {
            Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_number) => {
                // Tokens by their numbers.
                mass.text = list.len() as u64 * TOKEN;
            }
            Value::Array(list) => {
                mass.text = 2;
                for entry in list {
                    mass += Self::of(entry, named, rule);
                    mass.text += 1;
                }
            }
            Value::Object(fields) => {
                let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
                if is_about(kind) {
                    mass.text = bytes(value);
                    return mass;
                }
                let named = Medium::of(kind).or(named);
                if let Some(medium) = named {
                    mass.media = weight_of(medium, value, rule);
                    return mass;
                }
                mass.text = 2;
                for (key, value) in fields {
                    mass.text += key.len() as u64 + 4;
                    mass += Self::of(value, Medium::of(key), rule);
                }
            }
            Value::String(_) if named.is_some() => {
                mass.media = named.map_or(0, |medium| weight_of(medium, value, rule));
            }
            other => mass.text = bytes(other),
        }
        mass
    }

    const fn spare(self, bytes: u64) -> Self {
        Self { text: self.text.saturating_sub(bytes), ..self }
    }

    const fn most(self) -> u64 {
        self.text.saturating_add(self.media)
    }

    const fn likely(self) -> u64 {
        self.text.div_ceil(TOKEN).saturating_add(self.media)
    }
}

fn weight_of(medium: Medium, part: &Value, rule: Option<&ImageRule>) -> u64 {
    match medium {
        Medium::Image => {
            let detail = |place: &Value| place["detail"] == "low";
            let low = detail(part) || ["image_url", "image", "image_file"].iter().any(|name| detail(&part[*name]));
            rule.map_or(ANY_IMAGE, |rule| if low { rule.low } else { rule.most })
        }
        Medium::Audio => audio(part),
        // A document is rarely more tokens than bytes, and one that is packed may be.
        Medium::File if held(part) < 512 => ANY_FILE,
        Medium::File => held(part).max(ANY_IMAGE),
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
    if part["input_audio"]["format"] == "wav" || part["format"] == "wav" { raw / 1_000 + 32 } else { raw / 31 + 32 }
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
    fn a_medium_weighs_by_any_name_and_a_word_about_one_as_text() {
        let of =
            |message: Value| Weight::of(&Prompt { messages: vec![message], ..Prompt::default() }, "m", None).prompt;
        let part = |part: Value| json!({"role": "user", "content": [part]});
        for (message, most) in [
            (part(json!({"type": "image_file", "image_file": {"file_id": "f"}})), ANY_IMAGE),
            (part(json!({"image_url": "https://a/b.png"})), ANY_IMAGE),
            (part(json!({"image_url": {"url": "https://a/b.png"}})), ANY_IMAGE),
            (part(json!({"text": "a", "image": "https://a/b.png"})), ANY_IMAGE),
            (
                part(json!({"type": "tool_result", "content": [{"type": "image", "source": {"url": "https://a"}}]})),
                ANY_IMAGE,
            ),
            (part(json!({"type": "file_url", "file_url": "https://a/b.pdf"})), ANY_FILE),
            (part(json!({"type": "document_url", "document_url": "https://a/b.pdf"})), ANY_FILE),
            (part(json!({"type": "video_url", "video_url": {"url": "https://a/b.mp4"}})), ANY_FILE),
            (json!({"role": "user", "content": "a", "images": ["AAAA", "BBBB"]}), 2 * ANY_IMAGE),
            (json!({"role": "assistant", "content": null, "audio": {"id": "audio_1"}}), ANY_FILE),
        ] {
            let weight = of(message.clone());
            assert!((most..most + 120).contains(&weight), "{message}: {weight}");
        }
        let citation = json!([{"type": "file_citation", "file_citation": {"file_id": "file-1", "filename": "a"}}]);
        assert!(of(json!({"role": "assistant", "content": "a", "annotations": citation})) < 200);
        let (most, likely) = weigh_fields(json!({"input": [[1, 2, 3], [4]]}).as_object().unwrap().iter(), "m");
        assert!(most >= 4 && likely <= 8, "{most} {likely}");
    }

    #[test]
    fn sound_and_files_are_bounded() {
        let sound = |format: &str| json!([{"type": "input_audio", "input_audio": {"data": "A".repeat(64_000), "format": format}}]);
        assert!((48..200).contains(&weight(&sound("wav"), "m")));
        assert!((1_500..2_000).contains(&weight(&sound("mp3"), "m")));
        for file in [json!({"file_id": "file-1"}), json!({"filename": "a.pdf", "file_id": "file-1"})] {
            assert!(weight(&json!([{"type": "file", "file": file}]), "m") >= ANY_FILE);
        }
    }
}
