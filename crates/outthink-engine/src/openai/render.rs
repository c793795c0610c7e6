//! The prompt as the model sees it: the server renders the messages, and the beginning of a reply is put after
//! them, whatever the chat template would make of it.
//!
//! vLLM renders by [`/tokenize`][vllm] and takes token ids as the prompt of `/v1/completions`; the server of
//! llama.cpp renders to text by [`/apply-template`][llama].
//!
//! [vllm]: https://docs.vllm.ai/en/latest/serving/openai_compatible_server/#tokenizer-api
//! [llama]: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md

use super::dialect::Continuation;
use super::inquiry::{Inquiry, is_refusal};
use super::think;
use outthink_core::{EngineError, Link, Origin};
use serde_json::{Map, Value, json};

/// The tags around reasoning that beginnings are written with.
const TAGS: (&str, &str) = ("<think>", Link::END);

/// How a server renders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renderer {
    /// `/tokenize` with messages: token ids and their texts.
    Tokens,
    /// `/apply-template`: text.
    Text,
}

/// Messages, and what the template is given besides.
#[derive(Debug, Clone, Default)]
pub(super) struct Conversation {
    pub(super) messages: Vec<Value>,
    /// `tools` and `chat_template_kwargs`, where there are any.
    pub(super) extra: Map<String, Value>,
}

/// A rendered prompt: its pieces, and the tokens that they are where the server uses tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rendered {
    pieces: Vec<String>,
    tokens: Option<Vec<u64>>,
    /// The tags that the template itself opens reasoning with, where a beginning was joined to it.
    opened_with: Option<think::Tags>,
}

impl Rendered {
    /// A beginning with the tags of this template.
    pub(super) fn in_own_tags(&self, beginning: &str) -> String {
        self.opened_with.map_or_else(|| beginning.to_owned(), |tags| in_tags(beginning, tags))
    }

    /// All of it as text.
    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }

    /// The prompt for `/v1/completions`.
    pub(super) fn prompt(self) -> Value {
        match self.tokens {
            Some(tokens) => tokens.into(),
            None => self.pieces.concat().into(),
        }
    }

    /// Cuts it at a byte of its text; whether a token ends there.
    fn cut(&mut self, at: usize) -> bool {
        if self.tokens.is_none() {
            self.pieces = vec![self.text()[..at].to_owned()];
            return true;
        }
        let mut end = 0;
        let kept = self.pieces.iter().position(|piece| {
            let here = end >= at;
            end += piece.len();
            here
        });
        let kept = kept.unwrap_or(self.pieces.len());
        let fits = self.pieces[..kept].iter().map(String::len).sum::<usize>() == at;
        self.pieces.truncate(kept);
        if let Some(tokens) = &mut self.tokens {
            tokens.truncate(kept);
        }
        fits
    }
}

/// What a template puts at the end of a prompt, after which the reply begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    Nothing,
    /// Reasoning is opened, at this byte.
    Opened(usize),
    /// Reasoning is opened and closed, from this byte on: it is turned off.
    Empty(usize),
}

/// The end of a rendered prompt.
pub(super) fn tail(prompt: &str) -> Tail {
    let text = prompt.trim_end();
    if let Some((open, _)) = opened_with(prompt) {
        return Tail::Opened(text.len() - open.len());
    }
    let empty = |(open, close): &think::Tags| text.strip_suffix(close)?.trim_end().strip_suffix(open);
    think::TAGS.iter().find_map(empty).map_or(Tail::Nothing, |before| Tail::Empty(before.len()))
}

/// The tags that a template opens reasoning with at the end of a prompt.
fn opened_with(prompt: &str) -> Option<think::Tags> {
    think::TAGS.iter().find(|(open, _)| prompt.trim_end().ends_with(open)).copied()
}

/// A beginning that reasons, with a model's own tags in place of those that beginnings are written with.
fn in_tags(beginning: &str, (open, close): think::Tags) -> String {
    match beginning.trim_start().strip_prefix(TAGS.0) {
        Some(rest) => format!("{open}{}", rest.replacen(TAGS.1, close, 1)),
        None => beginning.to_owned(),
    }
}

/// Whether a beginning reasons.
fn thinks(beginning: &str) -> bool {
    beginning.trim_start().starts_with(TAGS.0)
}

/// Where the prompt is cut, if anywhere, so that the beginning of a reply can follow.
fn cut_for(prompt: &str, beginning: &str) -> Option<usize> {
    match tail(prompt) {
        Tail::Opened(at) => Some(at),
        Tail::Empty(at) if thinks(beginning) => Some(at),
        Tail::Empty(_) | Tail::Nothing => None,
    }
}

/// Whether a prompt rendered with the beginning as a message is what the prompt without it and the beginning
/// make together. White space does not count, since templates trim it, but for what follows the tag that opens
/// reasoning: a small model is led astray by a line feed that it never saw there.
pub(super) fn is_kept(without: &str, with: &str, beginning: &str) -> bool {
    let space_after = |text: &str, tag: &str| {
        text.rsplit_once(tag).map(|(_, after)| after[..after.len() - after.trim_start().len()].to_owned())
    };
    if let Some((open, _)) = opened_with(without).filter(|_| thinks(beginning))
        && space_after(without, open) != space_after(with, open)
    {
        return false;
    }
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let base = cut_for(without, beginning).map_or(without, |at| &without[..at]);
    let (with, begun) = (bare(with), bare(beginning));
    if with == bare(base) + &begun {
        return true;
    }
    // Before an answer, a template may say that nothing is to be thought.
    let thinks = begun.starts_with(TAGS.0);
    !thinks && with == bare(base) + TAGS.0 + TAGS.1 + &begun
}

impl Renderer {
    /// The one that the server has; `None` if it has none.
    ///
    /// # Errors
    /// If the server could not be asked.
    pub(super) async fn find(of: Inquiry<'_>) -> Result<Option<Self>, EngineError> {
        let question =
            Conversation { messages: vec![json!({"role": "user", "content": "Hello"})], ..Conversation::default() };
        let mut order = [Self::Tokens, Self::Text];
        if of.dialect.continuation == Continuation::TrailingAssistant {
            order.reverse();
        }
        for renderer in order {
            match renderer.render(of, &question, None).await {
                Ok(rendered) if rendered.text().contains("Hello") => return Ok(Some(renderer)),
                Ok(_) => {}
                // Not there, not allowed, or something else altogether.
                Err(error) if error.status.is_some_and(|s| s < 500 && s != 429) => {}
                Err(error) if matches!(error.status, Some(500..=501)) => {}
                Err(error) if error.status.is_none() && !error.retryable => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Renders a conversation: as a prompt for a reply, or with the beginning of a reply as a message that is to
    /// be continued.
    ///
    /// # Errors
    /// If the server refuses it.
    pub(super) async fn render(
        self,
        of: Inquiry<'_>,
        conversation: &Conversation,
        begun: Option<(&str, Continuation)>,
    ) -> Result<Rendered, EngineError> {
        let mut messages = conversation.messages.clone();
        messages.extend(begun.map(|(text, _)| json!({"role": "assistant", "content": text})));
        let mut body = conversation.extra.clone();
        body.insert("messages".into(), messages.into());
        let continues = begun.is_some_and(|(_, way)| way == Continuation::ContinueFinalMessage);
        match self {
            Self::Tokens => {
                body.insert("model".into(), of.model.into());
                body.insert("add_generation_prompt".into(), (!continues).into());
                body.insert("continue_final_message".into(), continues.into());
                body.insert("return_token_strs".into(), true.into());
                tokens(&of.json(&of.outside("/tokenize"), &body.into()).await?)
            }
            Self::Text => {
                let reply = of.json(&of.outside("/apply-template"), &body.into()).await?;
                let text = reply["prompt"].as_str().ok_or_else(|| cannot("it sent no `prompt`"))?;
                Ok(Rendered { pieces: vec![text.to_owned()], tokens: None, opened_with: None })
            }
        }
    }

    /// The prompt that ends with the beginning of a reply.
    ///
    /// # Errors
    /// If the server refuses to render, or what it renders cannot be joined with the beginning.
    pub(super) async fn join(
        self,
        of: Inquiry<'_>,
        conversation: &Conversation,
        beginning: &str,
    ) -> Result<Rendered, EngineError> {
        let mut prompt = self.render(of, conversation, None).await?;
        prompt.opened_with = opened_with(&prompt.text());
        let mut own = prompt.in_own_tags(beginning);
        if let Some((open, _)) = prompt.opened_with.filter(|_| thinks(beginning)) {
            // The reasoning goes on from where the template opened it: white space after the tag is the template's own.
            own = own.trim_start().trim_start_matches(open).trim_start_matches('\n').to_owned();
        } else if let Some(at) = cut_for(&prompt.text(), beginning)
            && !prompt.cut(at)
        {
            return Err(cannot("the tag that opens its reasoning is part of a longer token"));
        }
        match self {
            Self::Text => prompt.pieces.push(own),
            Self::Tokens => {
                let body = json!({"model": of.model, "prompt": own, "add_special_tokens": false,
                    "return_token_strs": true});
                let begun = tokens(&of.json(&of.outside("/tokenize"), &body).await?)?;
                prompt.pieces.extend(begun.pieces);
                prompt.tokens = prompt.tokens.zip(begun.tokens).map(|(mut all, more)| {
                    all.extend(more);
                    all
                });
            }
        }
        Ok(prompt)
    }
}

/// What `/tokenize` says.
fn tokens(reply: &Value) -> Result<Rendered, EngineError> {
    let ids = reply["tokens"].as_array().map(|ids| ids.iter().filter_map(Value::as_u64).collect::<Vec<_>>());
    let texts = reply["token_strs"].as_array().map(|t| t.iter().filter_map(Value::as_str).map(plain).collect());
    match (ids, texts) {
        (Some(ids), Some(pieces)) => {
            let pieces: Vec<String> = pieces;
            if ids.is_empty() || ids.len() != pieces.len() {
                return Err(cannot("its tokens and their texts are not as many"));
            }
            Ok(Rendered { pieces, tokens: Some(ids), opened_with: None })
        }
        _ => Err(cannot("it sent no tokens and texts")),
    }
}

/// A token's text from a vocabulary's spelling of white space. Bytes of other characters stay as they are
/// spelled: they are compared with their like only.
fn plain(token: &str) -> String {
    if token == "<0x0A>" {
        return "\n".to_owned();
    }
    token.replace(['\u{120}', '\u{2581}'], " ").replace('\u{10a}', "\n").replace('\u{109}', "\t")
}

fn cannot(why: &str) -> EngineError {
    EngineError::new(Origin::Engine, format!("the engine renders no prompt that can be continued: {why}"))
}

/// Whether the messages are text alone: a rendered prompt holds no pictures and no sound.
pub(super) fn is_text(messages: &[Value]) -> bool {
    messages.iter().all(|message| match &message["content"] {
        Value::Array(parts) => parts.iter().all(|part| part["type"] == "text"),
        _ => true,
    })
}

/// Whether a failure to render says that the template refuses the beginning.
pub(super) fn refuses(error: &EngineError) -> bool {
    is_refusal(error) || error.status == Some(500)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QWEN: &str = "<|im_start|>assistant\n";
    const R1: &str = "<\u{ff5c}Assistant\u{ff5c}><think>\n";

    #[test]
    fn the_end_of_a_prompt_says_whether_reasoning_is_open() {
        assert_eq!(tail(QWEN), Tail::Nothing);
        assert_eq!(tail(R1), Tail::Opened(R1.len() - "<think>\n".len()));
        let off = "assistant\n<think>\n\n</think>\n\n";
        assert_eq!(tail(off), Tail::Empty("assistant\n".len()));
        assert_eq!(tail("a <think>b</think>"), Tail::Nothing, "somebody's words");
    }

    #[test]
    fn reasoning_is_closed_by_the_models_own_marker() {
        let mistral = "[/INST][THINK]";
        assert_eq!(tail(mistral), Tail::Opened("[/INST]".len()));
        let tags = opened_with(mistral).unwrap();
        assert_eq!(in_tags("<think>\nhm\n</think>\n\n391", tags), "[THINK]\nhm\n[/THINK]\n\n391");
        assert_eq!(in_tags("The answer is", tags), "The answer is");
        assert_eq!(opened_with(QWEN), None);
    }

    #[test]
    fn a_beginning_that_was_rewritten_is_seen() {
        let open = "<think>\nmarker";
        assert!(is_kept(QWEN, &format!("{QWEN}{open}"), open));
        // Qwen3 puts an empty closed thought before an open one.
        assert!(!is_kept(QWEN, &format!("{QWEN}<think>\n\n</think>\n\n{open}"), open));
        let closed = "<think>\nx\n</think>\n\nThe answer is";
        assert!(!is_kept(R1, "<\u{ff5c}Assistant\u{ff5c}>The answer is", closed), "R1 drops it");
        assert!(is_kept(R1, &format!("<\u{ff5c}Assistant\u{ff5c}>{closed}"), closed));
        assert!(is_kept(QWEN, &format!("{QWEN}<think>\n\n</think>\n\nThe answer is"), "The answer is"));
        assert!(!is_kept(QWEN, &format!("{QWEN}The answer is<|im_end|>\n{QWEN}"), "The answer is"), "closed");
    }

    #[test]
    fn a_prompt_is_cut_between_tokens_only() {
        let prompt = |pieces: &[&str]| Rendered {
            pieces: pieces.iter().map(|p| (*p).to_owned()).collect(),
            tokens: Some((0..pieces.len() as u64).collect()),
            opened_with: None,
        };
        let mut whole = prompt(&["assistant", "\n", "<think>", "\n"]);
        assert!(whole.cut("assistant\n".len()));
        assert_eq!(whole.prompt(), json!([0, 1]));
        assert!(!prompt(&["assistant", "\n<", "think", ">"]).cut("assistant\n".len()));
        let reply = json!({"tokens": [1, 2, 3], "token_strs": ["a", "\u{120}b", "\u{10a}"]});
        assert_eq!(tokens(&reply).unwrap().text(), "a b\n");
        assert!(tokens(&json!({"tokens": []})).is_err(), "llama.cpp's answer to what it does not know");
    }
}
