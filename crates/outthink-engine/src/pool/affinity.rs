//! Which conversation a prompt belongs to, so that its turns meet one prefix cache. Pure.

use outthink_core::Prompt;
use std::hash::{DefaultHasher, Hasher};
use std::io::{ErrorKind, Write};

/// Bytes of a message that are looked at.
const HASHED: usize = 4096;

/// A hash of what all turns of a conversation begin with: the messages up to the first one of the user.
pub(super) fn conversation(prompt: &Prompt) -> u64 {
    let mut hasher = DefaultHasher::new();
    for message in &prompt.messages {
        let mut beginning = Beginning { hasher: &mut hasher, left: HASHED };
        // It ends early where a message is longer.
        let _ = serde_json::to_writer(&mut beginning, message);
        if message["role"] == "user" {
            break;
        }
    }
    hasher.finish()
}

/// Hashes the first bytes and refuses the others.
struct Beginning<'a> {
    hasher: &'a mut DefaultHasher,
    left: usize,
}

impl Write for Beginning<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(self.left);
        self.hasher.write(&bytes[..taken]);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn prompt(texts: &[(&str, &str)]) -> Prompt {
        let messages = texts.iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
        Prompt { messages, ..Prompt::default() }
    }

    #[test]
    fn the_turns_of_a_conversation_are_one_and_others_are_not() {
        let first = [("system", "Be brief."), ("user", "2+2?")];
        let second = [first[0], first[1], ("assistant", "4"), ("user", "And 3+3?")];
        let at = |texts: &[(&str, &str)]| conversation(&prompt(texts));
        assert_eq!(at(&first), at(&second));
        assert_ne!(at(&first), at(&[first[0], ("user", "5+5?")]));
        let long = "x".repeat(3 * HASHED);
        assert_ne!(at(&[("system", &long), first[1]]), at(&[("system", &long), ("user", "5+5?")]));
        assert_eq!(conversation(&Prompt::default()), conversation(&Prompt::default()));
    }
}
