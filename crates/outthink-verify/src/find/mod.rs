//! Where in a reply the final answer stands.

mod boxes;
mod choice;
mod clean;
mod compound;
mod content;
mod denial;
mod language;
mod last;
mod markers;
mod spans;
mod statement;

use crate::json::answer_field;
use crate::normal::unwrap;
use crate::scan::leading_number;
use crate::{Equality, equivalent_by};
use markers::Marker;
use outthink_core::{Answer, AnswerKind};
use statement::Said;

/// Longer replies are searched in their last part only, but for boxes and tags.
const MOST_BYTES: usize = 16_384;

/// The final answer of a reply, if it holds one.
///
/// Looked for in this order: the answer field of a reply that is JSON, an answer tag, the last `\boxed{}`, a last
/// line `#### X`, "the answer is X" in any of a dozen languages, "the result is X", a multiple-choice letter. Where
/// nothing is marked, it is the mathematics or the number that the last statement ends with; the kinds
/// [`AnswerKind::LastExpression`] and [`AnswerKind::LastNumber`] say that the evidence is weak.
///
/// Reasoning in `<think>` and what follows an end-of-turn token do not count, and reasoning that never closes holds
/// no answer.
///
/// ```
/// use outthink_core::AnswerKind;
/// use outthink_verify::find_answer;
///
/// let answer = find_answer("The answer is 42 because 6*7=42.").expect("it is stated");
/// assert_eq!((answer.text.as_str(), answer.kind), ("42", AnswerKind::Stated));
/// let answer = find_answer("So it is $\\frac{3}{4}$.").expect("it is there");
/// assert_eq!((answer.text.as_str(), answer.kind.is_weak()), ("\\frac{3}{4}", true));
/// assert_eq!(find_answer("Let me think"), None);
/// ```
pub fn find_answer(text: &str) -> Option<Answer> {
    let reply = clean::reply(text);
    let (text, kind) = found(reply)?;
    let text = match kind {
        AnswerKind::Boxed | AnswerKind::Tagged => content::content(&text),
        AnswerKind::LastExpression => content::plain(&text),
        AnswerKind::Stated | AnswerKind::LastNumber => calm(text, reply),
        _ => text,
    };
    Some(Answer { text, kind })
}

/// An answer as it stands in the reply proper.
fn found(reply: &str) -> Option<(String, AnswerKind)> {
    if let Some(found) = Some(reply).filter(|reply| reply.contains('{')).and_then(answer_field) {
        return Some((found, AnswerKind::Tagged));
    }
    if let Some(found) = boxes::tagged(reply) {
        return Some((found, AnswerKind::Tagged));
    }
    let boxed = boxes::boxed(reply);
    let folded = crate::glyphs::fold(tail(reply));
    let text = folded.as_ref();
    if let Some((found, at)) = boxed {
        let after = reply.get(at..).unwrap_or_default();
        // The words are looked for only where they may be.
        let may = !after.is_ascii() || after.contains("inal") || after.contains("INAL");
        let last = may.then(|| Stated::of(after, Marker::Final).value).flatten();
        return Some(last.unwrap_or((found, AnswerKind::Boxed)));
    }
    if let Some((found, ends)) = boxes::unclosed(reply) {
        // What nothing ends may have been cut.
        return Some((found, if ends { AnswerKind::Boxed } else { AnswerKind::LastExpression }));
    }
    if let Some(found) = hashes(text) {
        return Some((found, AnswerKind::Hashes));
    }
    let stated = Stated::of(text, Marker::Answer);
    if stated.value.is_some() {
        return stated.value;
    }
    let result = Stated::of(text, Marker::Result);
    if result.value.is_some() {
        return result.value;
    }
    // What stands before a denial is what it denies, or the way there.
    let from = stated.denied_until.max(result.denied_until);
    let denied: Vec<String> = stated.denied.into_iter().chain(result.denied).collect();
    let text = text.get(from..)?;
    choice::choice(text)
        .map(|letter| (letter, AnswerKind::Choice))
        .filter(|(letter, _)| !is_among(letter, &denied))
        .or_else(|| last::opening_truth(text))
        .or_else(|| last::last(text, denied))
        .or_else(|| last::short(text))
        .or_else(|| last::number_in_words(text))
        .or_else(|| last::name(text))
}

/// Without the mark of an exclamation: `5!` is a factorial only where the reply computes with factorials.
fn calm(text: String, reply: &str) -> String {
    let Some(number) = text.strip_suffix('!') else { return text };
    let is_number = leading_number(number).is_some_and(|found| found.len() == number.len());
    let factorials = || reply.match_indices('!').filter(|(at, _)| reply[..*at].ends_with(|c: char| c.is_ascii_digit()));
    let computes = reply.contains("actorial") || reply.contains("ermut") || factorials().count() > 1;
    let marked = reply.contains(&format!("{text}.")) || reply.contains(&format!("{text}$"));
    if is_number && !computes && !marked && reply.trim() != text { number.to_owned() } else { text }
}

/// Whether a value is one of those that are denied.
fn is_among(value: &str, denied: &[String]) -> bool {
    denied.iter().any(|denied| equivalent_by(denied, value, Equality::Lenient))
}

pub(crate) use content::flat;
pub(crate) use statement::circled;

/// Whether the words around a value deny it.
pub(crate) fn is_denied(before: &str, after: &str) -> bool {
    denial::before(before).is_some() || denial::after(after).is_some()
}

/// What of a completion is the reply: without reasoning and without what follows its end.
pub(crate) fn reply(text: &str) -> &str {
    clean::reply(text)
}

/// The last part of a long text, from a line on.
fn tail(text: &str) -> &str {
    let Some(from) = text.len().checked_sub(MOST_BYTES) else { return text };
    let from = (from..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let text = text.get(from..).unwrap_or(text);
    text.split_once('\n').map_or(text, |(_, rest)| rest)
}

/// What stands after `####`, as in GSM8K; headings of Markdown are passed over.
fn hashes(text: &str) -> Option<String> {
    let mut last = true;
    for line in text.lines().rev() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix("####")
            && !rest.starts_with('#')
        {
            let rest = unwrap(rest).trim();
            let number = leading_number(rest).filter(|found| found.len() == rest.len());
            if !rest.is_empty() && (last || number.is_some()) {
                return Some(number.map_or_else(|| rest.to_owned(), str::to_owned));
            }
        }
        last = false;
    }
    None
}

/// What stands after "the answer is" and its like.
#[derive(Debug, Default)]
struct Stated {
    /// What the last mention says that holds an answer which no later one denies.
    value: Option<(String, AnswerKind)>,
    /// The values that are denied.
    denied: Vec<String>,
    /// Where the sentence of the last denial ends.
    denied_until: usize,
}

impl Stated {
    fn of(text: &str, marker: Marker) -> Self {
        let mut stated = Self::default();
        for at in markers::markers(text, marker).take(64) {
            let (Some(words), Some(rest)) = (text.get(at.clone()), text.get(at.end..)) else { break };
            // "I do not think that the answer is 5".
            let line = text.get(..at.start).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
            let said = match denial::before(line) {
                Some(_) => statement::denied(rest),
                None => statement::said(words, rest),
            };
            match said {
                Said::Value(value, kind) if !is_among(&value, &stated.denied) => {
                    stated.value = Some((value, kind));
                    break;
                }
                Said::Denied(value) => {
                    if stated.denied.is_empty() {
                        let line = rest.lines().next().unwrap_or_default();
                        stated.denied_until = at.end + spans::sentence(line).len();
                    }
                    stated.denied.push(value);
                }
                Said::Value(..) | Said::Nothing => {}
            }
        }
        stated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AnswerKind::{Boxed, Choice, Hashes, LastExpression, LastNumber, Stated, Tagged};

    #[test]
    fn where_answers_stand() {
        for (reply, text, kind) in [
            ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}", Boxed),
            ("\\boxed{1} no, \\boxed{ 2 }", "2", Boxed),
            ("\\fbox{7}", "7", Boxed),
            ("\\boxed{3} then \\boxed{4", "3", Boxed),
            ("The answer is 3. \\boxed{4}", "4", Boxed),
            ("6*7=42\n#### 42", "42", Hashes),
            ("#### 1,200\n", "1,200", Hashes),
            ("#### Step 1\nThe answer is 5", "5", Stated),
            ("The answer is 42 because 6*7=42.", "42", Stated),
            ("The answer is: $18 dollars", "$18 dollars", Stated),
            ("The answer is $18.", "$18", Stated),
            ("The answer is $18$.", "18", Stated),
            ("answer is \\(\\frac{1}{2}\\)", "\\frac{1}{2}", Stated),
            ("**Final answer:** -7", "-7", Stated),
            ("**Answer: 12**", "12", Stated),
            ("The final answer is **x = 3**.", "x = 3", Stated),
            ("The answer is 5 cm.", "5 cm", Stated),
            ("The answer is 50%.", "50%", Stated),
            ("The answer is about 3.5 meters.", "3.5 meters", Stated),
            ("Answer: The total is 42.", "42", Stated),
            ("The answer is:\n\n$$x = 5$$", "x = 5", Stated),
            ("The answer is **B) Mars**", "B", Choice),
            ("The answer is (3, 4).", "(3, 4)", Stated),
            ("Answer: 05/01/2021", "05/01/2021", Stated),
            ("The answer is Paris.", "Paris", Stated),
            ("The answer is 3. Wait, the answer is 4.", "4", Stated),
            ("The answer is not clear. So 6?", "6", LastNumber),
            ("The answer is B", "B", Choice),
            ("The answer is (C) 12 apples.", "C", Choice),
            ("I choose Option C", "C", Choice),
            ("(B)", "B", Choice),
            ("So it must be (D).", "D", Choice),
            ("{\"answer\": 42}", "42", Tagged),
            ("She has $1,234.50 left", "$1,234.50 left", LastNumber),
            ("It was -5 degrees", "-5 degrees", LastNumber),
            ("That is 25% of it", "25%", LastNumber),
            ("on 05/01/2021", "05/01/2021", LastNumber),
            ("<think>the answer is 3</think>It is 4.", "4", LastNumber),
            // In any language, with units, magnitudes and words that follow.
            ("La respuesta es B.", "B", Choice),
            ("Die Antwort lautet $\\frac{1}{2}$, weil ...", "\\frac{1}{2}", Stated),
            ("La réponse est 3,5 kg.", "3,5 kg", Stated),
            ("A resposta é 12 metros.", "12 metros", Stated),
            ("La risposta è 7.", "7", Stated),
            ("Ответ: 42 рубля.", "42 рубля", Stated),
            ("所以，正确答案是选项 C。", "C", Choice),
            ("答えは 15 です。", "15", Stated),
            ("정답은 7입니다.", "7", Stated),
            ("الإجابة هي ٤٢.", "42", Stated),
            ("उत्तर 12 है।", "12", Stated),
            ("Đáp án là 9.", "9", Stated),
            ("The answer is 5 million people in all.", "5 million", Stated),
            ("The answer must be 5 as 7 > 3.", "5", Stated),
            ("The answer is Dr. Smith.", "Dr. Smith", Stated),
            ("The final value is $5$, since 7 is too much.", "5", Stated),
            ("<answer> 5 </answer>", "5", Tagged),
            ("\\boxed{3} and \\boxed{4}", "3, 4", Boxed),
            // Where nothing is marked.
            ("So it is $\\frac{3}{4}$.", "\\frac{3}{4}", LastExpression),
            ("Therefore $x \\geq 5$ is the solution.", "x \\geq 5", LastExpression),
            ("\\[\n\\frac{1}{2}\n\\]", "\\frac{1}{2}", LastExpression),
            ("Hence P(A) = 2/3.", "2/3", LastNumber),
            ("It takes 5 million years.", "5 million years", LastNumber),
            ("I counted 93 rolls [1].", "93 rolls", LastNumber),
        ] {
            let found = find_answer(reply).map(|a| (a.text, a.kind));
            assert_eq!(found, Some((text.to_owned(), kind)), "{reply}");
        }
        for reply in [
            "",
            "Let me think about",
            "An essay on freedom.",
            "The answer is simple: patience.",
            "\\boxed{",
            "<think>7 or 8?",
        ] {
            assert_eq!(find_answer(reply), None, "{reply}");
        }
    }
}
