//! Whether a request asks for something that can be compared, by its own words.
//!
//! Both rules say yes only where the words are plain. Where they say nothing, the first reply decides: one
//! that marks a final answer can be compared, one that does not is an essay.

use outthink_core::Prompt;
use outthink_verify::Phrases;

/// Words that ask for a final answer in a form that can be found.
static FINAL: Phrases = Phrases::new(&[
    "\\boxed",
    "final answer",
    "####",
    "answer with one number",
    "answer with a single",
    "answer with only",
    "answer with the number",
    "reply with the number",
    "number only",
    "only the number",
    "just the number",
    "nur die zahl",
    "nur mit der zahl",
    "uniquement le nombre",
    "seulement le nombre",
    "solo el número",
    "solo con el número",
    "apenas o número",
    "só o número",
    "только число",
    "只回答数字",
    "只输出数字",
    "数字だけ",
    "숫자만",
    "الرقم فقط",
    "केवल संख्या",
    "only the letter",
    "letter of the correct",
    "multiple choice",
    "which of the following",
    "yes or no",
    "true or false",
    "ja oder nein",
    "oui ou non",
    "sí o no",
    "sim ou não",
    "sì o no",
    "да или нет",
    "是或否",
    "是还是否",
    "最终答案",
    "最後の答え",
    "endgültige antwort",
    "réponse finale",
    "respuesta final",
    "resposta final",
    "окончательный ответ",
    "정답은",
]);

/// Phrases that ask for a quantity by themselves.
static QUANTITY: Phrases = Phrases::new(&[
    "how many",
    "what is the value of",
    "what is the sum of",
    "what is the product of",
    "what is the probability",
    "what is the area",
    "what is the total",
    "what is the remainder",
    "what number",
    "which number",
    "what is the average",
    "what is the next number",
    "what percentage",
    "in what year",
    "in which year",
    "wie viele",
    "welche zahl",
    "in welchem jahr",
    "quel nombre",
    "quel pourcentage",
    "en quelle année",
    "quelle est la somme",
    "quelle est la moyenne",
    "quelle est la probabilité",
    "qué número",
    "qué porcentaje",
    "en qué año",
    "cuál es la suma",
    "cuál es la media",
    "cuál es el promedio",
    "cuál es la probabilidad",
    "多少",
    "哪一年",
    "百分之几",
    "下一个数",
    "还剩几",
    "一共几",
    "共有几",
    "何個",
    "何人",
    "何円",
    "いくらです",
    "몇 개입니까",
    "몇 명입니까",
    "몇 개가 남",
    "얼마입니까",
    "कितन",
]);

/// The same, as whole words in a question or next to a number: "quanto" asks, "quantum" and an exclamation do not.
const QUANTITY_WORDS: &[&str] = &[
    "wieviel",
    "wieviele",
    "combien",
    "cuánto",
    "cuánta",
    "cuántos",
    "cuántas",
    "cuanto",
    "cuantos",
    "cuantas",
    "quanto",
    "quanta",
    "quanti",
    "quante",
    "quantos",
    "quantas",
    "сколько",
    "كم",
];

/// Words that ask for a quantity where the request has a number in it.
static WITH_NUMBER: Phrases = Phrases::new(&[
    "which is larger",
    "which is bigger",
    "which is greater",
    "which is smaller",
    "which one is larger",
    "which one is bigger",
    "which one is greater",
    "which one is smaller",
    "how much",
    "how long",
    "how old",
    "how far",
    "how tall",
    "how fast",
    "calculate",
    "compute",
    "evaluate",
    "solve",
    "remainder",
    "percent of",
    "% of",
    "area of",
    "average of",
    "sum of",
    "product of",
    "what does it cost",
    "what is the price",
    "wie viel",
    "wie schnell",
    "wie alt",
    "wie lange",
    "wie teuer",
    "wie groß",
    "wie hoch",
    "wie weit",
    "wie schwer",
    "was kostet",
    "welcher rest",
    "durchschnitt von",
    "mittelwert von",
    "summe der",
    "produkt der",
    "quel âge",
    "quel est le prix",
    "quel est son prix",
    "quel est le reste",
    "quel est le montant",
    "quelle est la vitesse",
    "quelle est sa vitesse",
    "quelle est l'aire",
    "quelle distance",
    "qué edad",
    "qué distancia",
    "qué total",
    "cuál es el precio",
    "cuál es su precio",
    "cuál es el resto",
    "cuál es el área",
    "cuál es la velocidad",
    "cuál es su velocidad",
    "是几",
    "几岁",
    "几天",
    "几分钟",
    "几小时",
    "几元",
    "平均数",
    "余数",
    "解方程",
    "计算",
    "計算",
    "계산",
    "berechne",
    "calcule",
    "calcula",
    "вычисли",
    "найди",
    "احسب",
    "गणना",
]);

/// A calculation stands alone in a request of at most so many bytes; in longer ones it is part of something.
const CALCULATION: usize = 120;

/// Whether the request asks for an answer in a form that can be found. Without any message, as in a recording,
/// the answers are known.
pub(super) fn asks_for_answer(prompt: &Prompt) -> bool {
    if prompt.messages.is_empty() {
        return true;
    }
    let format = prompt.extra.get("response_format").and_then(|f| f["type"].as_str());
    if format.is_some_and(|f| f.starts_with("json")) {
        return true;
    }
    // A system message asks the same of every question, those without an answer included.
    let text = last_turn(prompt);
    FINAL.is_in(&text) || shows_form(&text) || has_choices(&text)
}

/// Whether the words say how the answer is to be given, "The answer is <number>": with a value behind it, it is a text that
/// something is to be done with.
fn shows_form(text: &str) -> bool {
    let mut rest = text.split("the answer is").skip(1);
    rest.any(|after| !after.trim_start_matches([':', ' ', '*', '$']).starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether the request asks for a quantity: words that do, or a calculation such as `17 * 23`.
pub(super) fn asks_for_number(prompt: &Prompt) -> bool {
    let text = last_turn(prompt);
    if text.contains("```") {
        return false;
    }
    let has_number = text.bytes().any(|b| b.is_ascii_digit());
    let words = || text.split(|c: char| !c.is_alphabetic());
    let is_question = has_number || text.contains(['?', '？', '؟']);
    QUANTITY.is_in(&text)
        || (is_question && words().any(|w| QUANTITY_WORDS.contains(&w)))
        || (has_number && (WITH_NUMBER.is_in(&text) || asks_to_find(&text)))
        || (text.len() <= CALCULATION && has_calculation(&text))
}

/// The last turn of the user, in lower case.
fn last_turn(prompt: &Prompt) -> String {
    // What a tool returned is no question.
    let asks = prompt.messages.last().is_some_and(|m| m["role"] == "user");
    prompt.last_user_text().filter(|_| asks).unwrap_or_default().to_lowercase()
}

/// Whether 求 stands for "find": in most other words it asks for a favour or means a demand.
fn asks_to_find(text: &str) -> bool {
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = |c: Option<char>, with: &str| c.is_some_and(|c| with.contains(c));
        if c == '求' && !joins(before, "要请需追寻恳谋征祈央诉") && !joins(chars.peek().copied(), "你您职助婚知救学求")
        {
            return true;
        }
        before = Some(c);
    }
    false
}

/// Whether at least three lines begin as choices do: `A)`, `(B)`, `c.`; or a question names three in one line.
fn has_choices(text: &str) -> bool {
    if text.contains(['?', '？'])
        && ["a)", "b)", "c)"].iter().try_fold(0, |at, choice| next_choice(text, at, choice)).is_some()
    {
        return true;
    }
    let mut expected = b'a';
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches('(').as_bytes();
        if line.first() == Some(&expected) && matches!(line.get(1), Some(b')' | b'.' | b':')) {
            expected += 1;
        }
    }
    expected >= b'd'
}

/// Where a choice such as `b)` ends that stands after `at` and is no part of a word.
fn next_choice(text: &str, at: usize, choice: &str) -> Option<usize> {
    let free = |&(start, _): &(usize, &str)| !text[..start].ends_with(char::is_alphanumeric);
    let found = text.match_indices(choice).filter(|(start, _)| *start >= at).find(free);
    found.map(|(start, _)| start + choice.len())
}

/// Whether two numbers stand around a sign of calculation.
fn has_calculation(text: &str) -> bool {
    let bytes = text.as_bytes();
    let sign = |at: usize| match bytes[at] {
        b'+' | b'*' | b'^' | b'=' => true,
        // A hyphen and a slash stand in dates and ranges, too: with spaces around they calculate.
        b'-' | b'/' => at > 0 && bytes[at - 1] == b' ' && bytes.get(at + 1) == Some(&b' '),
        _ => false,
    };
    let digit = |mut around: std::str::Chars<'_>, back: bool| {
        let next = |c: char| c.is_ascii_digit() || matches!(c, 'x' | ')' | '(');
        let found = if back { around.rfind(|c| !c.is_whitespace()) } else { around.find(|c| !c.is_whitespace()) };
        found.is_some_and(next)
    };
    (0..bytes.len()).any(|at| sign(at) && digit(text[..at].chars(), true) && digit(text[at + 1..].chars(), false))
        || text.contains('×')
        || text.contains('÷')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_and_forms_ask_for_an_answer() {
        for asks in [
            "What is 2+2? End with: The answer is <number>.",
            "Put your final answer in \\boxed{}.",
            "Which city is the capital?\nA) Rome\nB) Paris\nC) Oslo\nD) Bern",
            "给出最终答案。",
            "Which city has more people, Rome or Oslo? Give the number only.",
            "3 und 4? Antworte nur mit der Zahl.",
        ] {
            assert!(asks_for_answer(&Prompt::user(asks)), "{asks}");
        }
        let mut json = Prompt::user("hi");
        json.extra.insert("response_format".into(), serde_json::json!({"type": "json_object"}));
        assert!(asks_for_answer(&json));
        assert!(asks_for_answer(&Prompt::default()));
    }

    #[test]
    fn quantities_and_calculations_ask_for_a_number() {
        for asks in [
            "How many apples are left?",
            "17 * 23",
            "what is 12 - 5",
            "3x = 12",
            "小明有多少个苹果？",
            "Combien font 12 fois 4 ?",
            "Quantos ovos sobram?",
            "Solve x + 2 = 5.",
            "How much is 15% of 80?",
            "求长6、宽9的长方形的面积。",
            "Wie alt ist Tom, wenn er 4 Jahre älter ist?",
            "Which is larger, 9.11 or 9.9?",
        ] {
            assert!(asks_for_number(&Prompt::user(asks)), "{asks}");
        }
    }

    #[test]
    fn a_chat_asks_for_neither() {
        for chat in [
            "Write a birthday greeting for my friend, who turns 30 on 2026-11-27.",
            "Tell me a story of 3 cats and 2 dogs in 200 words, please?",
            "Schreib ein Gedicht über den Herbst.",
            "Explique-moi la photosynthèse en 5 phrases.",
            "写一封道歉信。",
            "Translate to French: The answer is 42.",
            "Translate to Spanish: good morning - and good night",
            "a. milk\nb. eggs\nwrite my shopping list nicely",
            "Explain quantum physics to a child.",
            "给我几个学习英语的建议，好吗？",
            "英語の勉強のアイデアをいくつか教えてください。",
            "파리에서 할 일 몇 가지를 추천해 주세요.",
            "How much do you like jazz?",
            "Wie viel Spaß macht es, allein zu reisen?",
            "¡Cuánto me alegro! Escribe una despedida.",
            "求你写一首100字的诗。",
            "这3条要求太高了，帮我回复客户。",
            "Sort my notes: a) tea b) bread c) milk",
            "Explain how long-distance trains are scheduled.",
            "Fix this:\n```\nx = 5\ny = x * 2\n```",
            "Find the best title for my article on gardening.",
        ] {
            let prompt = Prompt::user(chat);
            assert!(!asks_for_answer(&prompt) && !asks_for_number(&prompt), "{chat}");
        }
    }
}
