//! How one model at one server goes on from the beginning of a reply: found out by a few tokens or none before
//! it is relied on, and remembered.

use super::dialect::Continuation;
use super::inquiry::{Inquiry, is_refusal};
use super::probe::Verdict;
use super::render::{self, Conversation, Renderer};
use super::think::Before;
use outthink_core::{EngineError, Origin};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// Tokens of a check at most.
const TOKENS: u64 = 8;

/// What a reply begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Words of the answer.
    Plain,
    /// Reasoning that goes on.
    Open,
    /// Reasoning that was closed, so that the answer is to come.
    Closed,
}

impl Kind {
    /// Of a beginning.
    pub(super) fn of(beginning: &str) -> Self {
        let is_open = |text: &str| matches!(Before::of(Some(text)), Before::Open(_));
        let tag = beginning.trim_start();
        let end = tag.char_indices().find(|(_, c)| matches!(c, '>' | ']' | '\u{25b7}'));
        if is_open(beginning) {
            Self::Open
        } else if end.is_some_and(|(at, c)| is_open(&tag[..at + c.len_utf8()])) {
            Self::Closed
        } else {
            Self::Plain
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Plain => "the beginning of an answer",
            Self::Open => "open reasoning",
            Self::Closed => "closed reasoning",
        }
    }

    /// A question, the beginning of its reply, and how the reply goes on where the model sees all of it.
    const fn check(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Plain => ("Count from 1 to 9, with commas.", "1, 2, 3, 4,", "5"),
            Self::Open => {
                ("Choose a number and note it.", "<think>\nThe number that I noted is 4817. Once more: it is", "4817")
            }
            Self::Closed => (
                "Choose a number and note it.",
                "<think>\nThe number that I noted is 4817.\n</think>\n\nThe number that I noted is",
                "4817",
            ),
        }
    }
}

/// What was found of one kind of beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) verdict: Verdict,
    /// [`Continuation::None`] where there is no way.
    pub(super) way: Continuation,
    pub(super) how: String,
}

impl Found {
    fn new(verdict: Verdict, way: Continuation, how: impl Into<String>) -> Self {
        Self { verdict, way, how: how.into() }
    }

    /// The way, where there is one.
    pub(super) fn usable(&self, kind: Kind) -> Result<Continuation, EngineError> {
        if self.way != Continuation::None {
            return Ok(self.way);
        }
        let words = format!("the engine cannot continue {}: {}", kind.words(), self.how);
        let hint =
            "use a strategy that needs no continuation, such as adaptive; `outthink probe` shows what a server can do";
        Err(EngineError::new(Origin::Engine, words).with_hint(hint).with_code(EngineError::CANNOT_CONTINUE).elsewhere())
    }
}

/// What is known of one model at one server. Failures to find something out are not remembered.
#[derive(Debug, Default)]
pub(super) struct Known {
    renderer: OnceCell<Option<Renderer>>,
    plain: OnceCell<Found>,
    open: OnceCell<Found>,
    closed: OnceCell<Found>,
}

impl Known {
    fn cell(&self, kind: Kind) -> &OnceCell<Found> {
        match kind {
            Kind::Plain => &self.plain,
            Kind::Open => &self.open,
            Kind::Closed => &self.closed,
        }
    }

    /// What is known without asking.
    pub(super) fn seen(&self, kind: Kind) -> Option<&Found> {
        self.cell(kind).get()
    }

    /// How the server renders prompts, if it does.
    pub(super) async fn renderer(&self, of: Inquiry<'_>) -> Result<Option<Renderer>, EngineError> {
        self.renderer.get_or_try_init(|| Renderer::find(of)).await.copied()
    }

    /// What is true of a kind of beginning; asks the server the first time.
    ///
    /// # Errors
    /// If the server could not be asked.
    pub(super) async fn find(&self, of: Inquiry<'_>, kind: Kind) -> Result<&Found, EngineError> {
        self.cell(kind).get_or_try_init(|| self.ask(of, kind)).await
    }

    async fn ask(&self, of: Inquiry<'_>, kind: Kind) -> Result<Found, EngineError> {
        use Continuation::{ContinueFinalMessage, None as Nothing, TrailingAssistant};
        let renderer = self.renderer(of).await?;
        let mut chat = match (of.dialect.continuation, renderer) {
            (Continuation::Rendered, _) => vec![],
            (Nothing, Some(Renderer::Tokens)) => vec![ContinueFinalMessage],
            (Nothing, Some(Renderer::Text)) => vec![TrailingAssistant],
            (Nothing, None) => vec![ContinueFinalMessage, TrailingAssistant],
            (way, _) => vec![way],
        };
        let mut reasons = Vec::new();
        if let Some(renderer) = renderer {
            for way in std::mem::take(&mut chat) {
                match by_rendering(of, renderer, kind, way).await? {
                    Ok(()) => {
                        let how = "the rendered prompt ends with the beginning";
                        return Ok(Found::new(Verdict::Yes, way, how));
                    }
                    Err(reason) => reasons.push(reason),
                }
            }
            match by_completion(of, renderer, kind).await? {
                Ok(()) => {
                    reasons.push("the rendered prompt is continued by /v1/completions".into());
                    return Ok(Found::new(Verdict::Yes, Continuation::Rendered, reasons.join("; ")));
                }
                Err(reason) => reasons.push(reason),
            }
        } else if of.dialect.continuation == Continuation::Rendered {
            reasons.push("it has neither /tokenize with messages nor /apply-template".into());
        }
        let mut unclear = None;
        for way in chat {
            let (verdict, how) = by_reply(of, kind, way).await?;
            match verdict {
                Verdict::Yes => return Ok(Found::new(Verdict::Yes, way, how)),
                // What only may work is used where the dialect says that it does.
                Verdict::Unknown if of.dialect.continuation == way => {
                    unclear = Some(Found::new(Verdict::Unknown, way, how));
                }
                Verdict::Unknown => {
                    unclear.get_or_insert_with(|| Found::new(Verdict::Unknown, Nothing, how));
                }
                Verdict::No => reasons.push(how),
            }
        }
        Ok(unclear.unwrap_or_else(|| {
            reasons.dedup();
            Found::new(Verdict::No, Nothing, reasons.join("; "))
        }))
    }
}

/// What a check found, or why it does not hold.
type Check = Result<(), String>;

fn question(kind: Kind) -> Conversation {
    let messages = vec![json!({"role": "user", "content": kind.check().0})];
    Conversation { messages, ..Conversation::default() }
}

/// Renders the beginning as a message, and compares; costs no tokens.
async fn by_rendering(
    of: Inquiry<'_>,
    renderer: Renderer,
    kind: Kind,
    way: Continuation,
) -> Result<Check, EngineError> {
    let (question, (_, beginning, _)) = (question(kind), kind.check());
    let without = renderer.render(of, &question, None).await?.text();
    Ok(match renderer.render(of, &question, Some((beginning, way))).await {
        Ok(with) if render::is_kept(&without, &with.text(), beginning) => Ok(()),
        Ok(_) => Err("the chat template rewrites the beginning".into()),
        Err(error) if render::refuses(&error) => {
            Err(format!("the chat template refuses the beginning ({})", brief(&error)))
        }
        Err(error) => return Err(error),
    })
}

/// Continues the rendered prompt by a few tokens: that they come is enough, for the prompt is ours. The model may not
/// end its turn, which says nothing of the server: vLLM and llama.cpp, which render prompts, both know `ignore_eos`.
async fn by_completion(of: Inquiry<'_>, renderer: Renderer, kind: Kind) -> Result<Check, EngineError> {
    let joined = renderer.join(of, &question(kind), kind.check().1).await;
    let prompt = match joined {
        Ok(rendered) => rendered.prompt(),
        Err(error) if error.status.is_none() || render::refuses(&error) => return Ok(Err(error.message)),
        Err(error) => return Err(error),
    };
    let body = json!({"model": of.model, "prompt": prompt, "max_tokens": TOKENS, "temperature": 0, "stream": true,
        "ignore_eos": true});
    Ok(match of.completion(&body).await {
        Ok(short) if !short.text.trim().is_empty() => Ok(()),
        Ok(_) => Err("/v1/completions returned no text after the rendered prompt".into()),
        Err(error) if is_refusal(&error) => Err(format!("/v1/completions refuses the prompt ({})", brief(&error))),
        Err(error) => return Err(error),
    })
}

/// Continues a text of which any model knows how it goes on.
async fn by_reply(of: Inquiry<'_>, kind: Kind, way: Continuation) -> Result<(Verdict, String), EngineError> {
    let (question, beginning, expected) = kind.check();
    let messages = json!([{"role": "user", "content": question}, {"role": "assistant", "content": beginning}]);
    let mut body = of.body(&messages, TOKENS);
    if way == Continuation::ContinueFinalMessage {
        body["continue_final_message"] = Value::Bool(true);
        body["add_generation_prompt"] = Value::Bool(false);
    }
    Ok(match of.chat(&body).await {
        Err(error) if is_refusal(&error) => (Verdict::No, format!("the engine refuses it ({})", brief(&error))),
        Err(error) => return Err(error),
        Ok(short) => {
            let text = short.text.trim_start();
            if text.starts_with(expected) {
                (Verdict::Yes, format!("the reply goes on with `{expected}`"))
            } else if text.is_empty() {
                (Verdict::No, "the reply to a beginning is empty".into())
            } else if kind == Kind::Plain && text.starts_with('1') {
                (Verdict::No, "the reply starts from the beginning again".into())
            } else {
                let begun: String = text.chars().take(24).collect();
                (Verdict::Unknown, format!("the reply goes on with `{}`", begun.escape_debug()))
            }
        }
    })
}

/// A server's refusal in a few words.
fn brief(error: &EngineError) -> String {
    let words: String = error.message.chars().take(120).collect();
    match error.status {
        Some(status) if !words.contains(&status.to_string()) => format!("{status}: {words}"),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_beginnings() {
        for (text, kind) in [
            ("The answer is", Kind::Plain),
            ("<think>\nhm", Kind::Open),
            ("<think>\nhm\n</think>\n\nThe answer is", Kind::Closed),
            ("[THINK]hm[/THINK]x", Kind::Closed),
            ("if a > b, </think> is a tag", Kind::Plain),
        ] {
            assert_eq!(Kind::of(text), kind, "{text}");
        }
        for kind in [Kind::Plain, Kind::Open, Kind::Closed] {
            assert_eq!(Kind::of(kind.check().1), kind);
        }
    }
}
