//! The words that announce an answer, in the languages of the field.

use regex::Regex;
use std::sync::LazyLock;

/// Words for the answer itself and what links them to it, by language.
const ANSWER: &[(&str, &str)] = &[
    // English; the words between are those of "the answer to the question is".
    (
        r"\bans(?:wer)?s?(?:[ \t]+(?:to|for|of|in|here|therefore|thus|then|hence|clearly|now|simply|choice|option|letter|the|this|that|question|problem|part|would|should|form|simplest))*\b(?:[ \t]*\([a-z ]{1,12}\))?",
        r"[ \t]+(?:is|are|was|equals?|becomes|will be|would be|must be|should be|has to be|(?:seems|appears|turns out|is found) to be|(?:comes|works) out (?:to be|to|as|at)|comes to)\b(?:[ \t]+(?:therefore|thus|then|hence|simply|clearly))?|[ \t]*(?:\*\*|__|\}|>)?[ \t]*[:=\u{ff1a}]|[ \t]*(?:->|→)",
    ),
    (
        r"\b(?:antwort|lösung|ergebnis|endergebnis)(?:[ \t]+\p{L}+){0,2}?",
        r"[ \t]+(?:ist|lautet|beträgt|sind|wäre)\b(?:[ \t]+(?:also|daher|somit))?|[ \t]*(?:\*\*)?[:=]",
    ),
    (
        r"\b(?:réponse|reponse|résultat|solution)(?:[ \t]+\p{L}+){0,2}?",
        r"[ \t]+(?:est|sont|vaut|serait)\b(?:[ \t]+(?:donc|alors))?|[ \t\u{a0}]*(?:\*\*)?[:=]",
    ),
    (
        r"\b(?:respuesta|resultado|solución|solucion)(?:[ \t]+\p{L}+){0,2}?",
        r"[ \t]+(?:es|son|sería|será)\b(?:[ \t]+(?:entonces|igual a|por tanto))?|[ \t]*(?:\*\*)?[:=]",
    ),
    (
        r"\b(?:resposta|resultado|solução|gabarito)(?:[ \t]+\p{L}+){0,2}?",
        r"[ \t]+(?:é|são|seria|será)(?:[ \t]+(?:então|portanto))?[ \t]|[ \t]*(?:\*\*)?[:=]",
    ),
    (
        r"\b(?:risposta|risultato|soluzione)(?:[ \t]+\p{L}+){0,2}?",
        r"[ \t]+(?:è|sono|sarebbe)(?:[ \t]+quindi)?[ \t]|[ \t]*(?:\*\*)?[:=]",
    ),
    (
        r"\b(?:antwoord|svaret?|vastaus|jawaban(?:nya)?|cevap|yanıt|odpowiedź|odpověď|đáp án|câu trả lời|jibu|válasz|răspuns(?:ul)?)(?:[ \t]+\p{L}+){0,2}?",
        r"[ \t]+(?:is|är|er|on|adalah|ialah|to|je|là|ni|este)\b|[ \t]*(?:\*\*)?[:=]",
    ),
    (
        r"(?:ответ|результат|відповідь|адказ|отговор)(?:ом|а|у)?(?:[ \t]+\p{L}+){0,2}?",
        r"[ \t]*(?:\*\*)?[:=\u{2014}\u{2013}]|[ \t]+(?:это|есть|равен|равна|равно|будет|является|є|е)[ \t]|[ \t]+-[ \t]",
    ),
    (
        r"(?:正确答案|正確答案|最终答案|最終答案|答案|最后结果|最终结果|结果|结论|答案选项)",
        r"[ \t]*(?:应该是|應該是|应为|應為|选|選|就是|是|为|為|等于|等於|\*\*)?[ \t]*[:：=＝]?",
    ),
    (
        r"(?:最終的な答え|答え|こたえ|回答|解答|正解|結果|답변|정답|답|결과)",
        r"[ \t]*(?:は|が|은|는|이|\*\*)?[ \t]*[:：=＝]?[、]?",
    ),
    (
        r"(?:الإجابة|الاجابة|إجابة|اجابة|الجواب|جواب|پاسخ)(?:[ \t]+(?:النهائية|النهائي|الصحيحة|الصحيح|نهایی|صحیح))?",
        r"[ \t]*(?:هي|هو|تساوي|يساوي|برابر)?[ \t]*[:=]?",
    ),
    (r"(?:النتيجة|الناتج|ناتج)(?:[ \t]+(?:النهائية|النهائي))?", r"[ \t]*(?:هي|هو|تساوي|يساوي)[ \t]*[:=]?"),
    (
        r"(?:उत्तर|जवाब|परिणाम|উত্তর|సమాధానం|பதில்|คำตอบ|תשובה)(?:[ \t]+(?:คือ|என்பது|হল|হলো))?",
        r"[ \t]*(?:है|हैं|คือ|היא|הוא)?[ \t]*[:=]?",
    ),
];

/// Words for a result that is the answer where nothing calls itself one.
const RESULT: &[(&str, &str)] = &[(
    r"\b(?:(?:final|correct|right|best|end|overall|total|closed)[ \t]+)?(?:results?|value|solutions?|option|choice|form|total|response)(?:[ \t]+(?:to|for|of|in|the|this|that|set|question|problem|equation|system|here|therefore|thus))*",
    r"[ \t]+(?:is|are|equals?|becomes|will be|would be|must be|should be|(?:seems|appears|turns out) to be|(?:comes|works) out (?:to be|to|as|at)|comes to)\b|[ \t]*(?:\*\*)?[:=]",
)];

/// As above, of a solution that is called final: it outweighs a box that stands before it.
const FINAL: &str = r"final answer is\b|final answer[ \t]*(?:\*\*)?:|最终答案[是为：:]|endgültige antwort (?:ist|lautet)\b|réponse finale est\b|respuesta final es\b";

/// A pattern, and what every match of it begins with: without the bounds of words, which are slow to look for where
/// not all is ASCII.
struct Pattern {
    whole: Regex,
    head: Regex,
}

impl Pattern {
    fn of(parts: &[(&str, &str)]) -> Option<Self> {
        let whole: Vec<String> = parts.iter().map(|(word, link)| format!("(?:{word})(?:{link})")).collect();
        let heads: Vec<String> = parts.iter().map(|(word, _)| word.replace("\\b", "")).collect();
        let pattern = |parts: &[String]| Regex::new(&format!("(?i){}", parts.join("|"))).ok();
        Some(Self { whole: pattern(&whole)?, head: pattern(&heads)? })
    }
}

static ANSWERS: LazyLock<Option<Pattern>> = LazyLock::new(|| Pattern::of(ANSWER));
static RESULTS: LazyLock<Option<Pattern>> = LazyLock::new(|| Pattern::of(RESULT));
static FINALS: LazyLock<Option<Pattern>> = LazyLock::new(|| Pattern::of(&[(FINAL, "")]));

/// How sure a marker is that its answer is the final one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Answer,
    Result,
    Final,
}

/// Where texts behind markers begin, from the last one on. No marker goes over a line.
pub(super) fn ends(text: &str, marker: Marker) -> impl Iterator<Item = usize> {
    let pattern = match marker {
        Marker::Answer => &ANSWERS,
        Marker::Result => &RESULTS,
        Marker::Final => &FINALS,
    };
    // One search of the whole text tells most texts apart that hold none.
    let pattern = pattern.as_ref().filter(|pattern| pattern.head.is_match(text));
    let is_one_line = !text.contains('\n');
    let mut stop = text.len();
    let lines = text.rsplit('\n').map(move |line| {
        let start = stop - line.len();
        stop = start.saturating_sub(1);
        (start, line)
    });
    pattern.into_iter().zip(Some(lines)).flat_map(move |(pattern, lines)| {
        lines.filter(move |(_, line)| is_one_line || pattern.head.is_match(line)).flat_map(|(start, line)| {
            let found: Vec<usize> = pattern.whole.find_iter(line).map(|found| start + found.end()).collect();
            found.into_iter().rev()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        assert!(ANSWERS.is_some() && RESULTS.is_some() && FINALS.is_some());
    }

    #[test]
    fn markers_are_found_from_the_last_line_on() {
        let text = "The answer is 5.\nNothing.\n\nAnswer: 6, and the answer is 7\n\u{7b54}\u{6848}\u{662f}8\n";
        let found: Vec<&str> =
            ends(text, Marker::Answer).filter_map(|end| text.get(end..)?.trim_start().get(..1)).collect();
        assert_eq!(found, ["8", "7", "6", "5"]);
        assert_eq!(ends("Nobody says.", Marker::Answer).count(), 0);
    }
}
