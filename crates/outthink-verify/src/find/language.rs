//! The words by which languages state, deny and join answers: one row a language.
//!
//! Fields named after what they match hold alternatives of a regular expression, without groups that capture. They are
//! matched without regard to case. [`pattern`] joins the rows of one field.

use regex::Regex;

/// How one language states an answer.
pub(super) struct Language {
    /// Whether words are set apart by spaces.
    pub(super) spaced: bool,
    /// Whether the verb stands last, and with it the denial.
    pub(super) verb_last: bool,
    /// Words for the answer itself.
    pub(super) answer: &'static str,
    /// What links them to the answer.
    pub(super) link: &'static str,
    /// What links them to a value that is denied, where the denial stands amid the link: "isn't".
    pub(super) unlink: &'static str,
    /// Words for a result, or for the option that is right, with their link.
    pub(super) result: &'static str,
    /// Words that deny what follows them.
    pub(super) not: &'static str,
    /// Words that may stand between a denial and what it denies.
    pub(super) filler: &'static str,
    /// What denies the value that it stands behind, directly.
    pub(super) denied: &'static str,
    /// Words behind which the right value follows a denied one.
    pub(super) but: &'static str,
    /// Words that join the parts of an answer.
    pub(super) and: &'static str,
    /// Words between alternatives.
    pub(super) or: &'static str,
    /// Nouns for an option.
    pub(super) option: &'static str,
    /// What calls the letter before it right.
    pub(super) right: &'static str,
    /// What leads to the letter that is chosen.
    pub(super) choose: &'static str,
    /// Words that make the number behind them negative.
    pub(super) minus: &'static str,
    /// Words that make the number before them negative.
    pub(super) below_zero: &'static str,
    /// Words that make a bound of the number behind them.
    pub(super) bound: &'static str,
    /// Words that say that what stands behind them is rounded.
    pub(super) about: &'static str,
    /// Words and texts, taken literally, behind which an answer has ended.
    pub(super) ends: &'static [&'static str],
    /// Words, taken literally, that only lead to an answer.
    pub(super) hedges: &'static [&'static str],
    /// Verbs that end a statement, taken literally.
    pub(super) verbs: &'static [&'static str],
}

/// A language of which nothing is known.
const NONE: Language = Language {
    spaced: true,
    verb_last: false,
    answer: "",
    link: "",
    unlink: "",
    result: "",
    not: "",
    filler: "",
    denied: "",
    but: "",
    and: "",
    or: "",
    option: "",
    right: "",
    choose: "",
    minus: "",
    below_zero: "",
    bound: "",
    about: "",
    ends: &[],
    hedges: &[],
    verbs: &[],
};

pub(super) static LANGUAGES: &[Language] = &[
    ENGLISH, CHINESE, JAPANESE, KOREAN, GERMAN, FRENCH, SPANISH, PORTUGUESE, RUSSIAN, ARABIC, HINDI, ITALIAN, OTHERS,
    INDIAN,
];

const ENGLISH: Language = Language {
    // The words between are those of "the answer to the question is".
    answer: r"\bans(?:wer)?s?(?:[ \t]+(?:to|for|of|in|here|therefore|thus|then|hence|clearly|now|simply|choice|option|letter|the|this|that|question|problem|part|would|should|form|simplest))*\b(?:[ \t]*\([a-z ]{1,12}\))?",
    link: r"[ \t]+(?:is|are|was|equals?|becomes|will be|would be|must be|should be|has to be|(?:seems|appears|turns out|is found) to be|(?:comes|works) out (?:to be|to|as|at)|comes to)\b(?:[ \t]+(?:therefore|thus|then|hence|simply|clearly))?|[ \t]*(?:\*\*|__|\}|>)?[ \t]*[:=\u{ff1a}]|[ \t]*(?:->|→)|[ \t]+[-\u{2013}\u{2014}][ \t]+",
    unlink: r"[ \t]+(?:is|was|are)(?:n't|nt)\b|[ \t]+(?:can|could|should|would|must|will|may|might|does|do|did)(?:n't|not|[ \t]+not|[ \t]+never|'t)(?:[ \t]+\p{L}+){0,2}?[ \t]+(?:be|equal)\b|[ \t]+(?:cannot|can't|won't)(?:[ \t]+\p{L}+){0,2}?[ \t]+(?:be|equal)\b",
    result: r"\b(?:(?:final|correct|right|best|end|overall|total|closed)[ \t]+)?(?:results?|value|solutions?|option|choice|form|total|response)(?:[ \t]+(?:to|for|of|in|the|this|that|set|question|problem|equation|system|here|therefore|thus))*(?:[ \t]+(?:is|are|equals?|becomes|will be|would be|must be|should be|(?:seems|appears|turns out) to be|(?:comes|works) out (?:to be|to|as|at)|comes to)\b(?:[ \t]+(?:therefore|thus|then|hence|simply|clearly))?|[ \t]*(?:\*\*)?[:=])|\bans\.[ \t]+",
    not: "not|never|cannot|can't|cant|isn't|isnt|wasn't|aren't|weren't|won't|wouldn't|couldn't|shouldn't|doesn't|don't|didn't|mustn't|neither|nor|rather than|instead of|other than|anything but",
    filler: "be|been|is|are|was|equals?|to|the|a|an|option|answer|choice|letter|value|number|exactly|necessarily|actually|really|possibly|simply|just|choose|pick|select|say|go|went|with|for|correct|it|it's|definitely|clearly|likely|think|believe|that|even|quite",
    denied: r"(?:is|was|are|seems|looks)(?:n't|[ \t]+not)[ \t]+(?:(?:the|a|an|our|my)[ \t]+)?(?:right|correct|answer|solution|possible|true|valid|option|it)\b|(?:can't|cannot|can not|could not|couldn't)[ \t]+be\b|(?:is|was|are|seems|looks|would be|must be)[ \t]+(?:definitely[ \t]+|clearly[ \t]+|also[ \t]+)?(?:wrong|incorrect|false|impossible|ruled out|out of the question|a mistake|a distractor)\b|\((?:wrong|incorrect|false)\)",
    but: "but rather|but instead|but it is|but|rather|instead|it is|it's",
    and: "and|as well as",
    or: "or",
    option: "option|choice|letter|answer",
    right: r"(?:is|seems|appears|looks|must be|would be|should be)[ \t]+(?:to be[ \t]+)?(?:the[ \t]+)?(?:most[ \t]+)?(?:correct|right|best|true|answer|likely)\b",
    choose: r"\b(?:I (?:think|believe|guess)(?: that)?|so|thus|hence|therefore),? (?:it is|it's|it must be)|\b(?:choose|chose|pick|select|go with|went with|choosing|opt for|going with)",
    minus: "minus|negative",
    below_zero: "below zero|under zero|below freezing",
    bound: "more than|less than|fewer than|greater than|larger than|smaller than|at least|at most|no more than|no less than|up to",
    about: "about|approximately|approx|roughly|around|nearly|circa|rounded|rounds",
    ends: &[
        " because",
        " since ",
        " as ",
        ", so",
        ", i.e",
        ", that is",
        ", which",
        ", where",
        ", because",
        ", since",
        ", as ",
        ", not ",
        " rather than ",
        " instead of ",
        "; ",
        " which ",
    ],
    hedges: &[
        "about ",
        "approximately ",
        "approx. ",
        "approx ",
        "roughly ",
        "exactly ",
        "equal to ",
        "therefore, ",
        "therefore ",
        "thus ",
        "hence ",
        "then ",
        "simply ",
        "clearly ",
        "for sure ",
        "definitely ",
        "certainly ",
        "obviously ",
        "probably ",
        "most likely ",
        "i think it is ",
        "i think it's ",
        "i think ",
        "i believe it is ",
        "i believe ",
        "it is ",
        "it's ",
        "indeed ",
        "just ",
        "only ",
        "option ",
        "choice ",
        "letter ",
        "answer ",
        "number ",
        "also ",
    ],
    ..NONE
};

const CHINESE: Language = Language {
    spaced: false,
    answer: "(?:正确答案|正確答案|正确选项|正確選項|最终答案|最終答案|答案|最后结果|最终结果|结果|结论|答案选项)[】」\\]]?",
    link: r"[ \t]*(?:应该是|應該是|应为|應為|应选|應選|选|選|就是|是|为|為|等于|等於|\*\*)?[ \t]*[:：=＝]?",
    result: "(?:正确|正確|符合题意|符合題意)的(?:选项|選項|一项|一項|是|为|為)+[ \\t]*[:：]?|选项[为為是][ \\t]*[:：]?",
    not: "(?:应该|應該|肯定|绝对|绝|显然|当然|并|並|也|都|我|而|就)?(?:不会|不會|不可能|不应该|不應該|不应|不能|不该|不再|不)(?:是|等于|等於|为|為|选|選|選擇|选择)|(?:并|並|而|绝|決)非|不等于|不等於|不可能|而不是|没有选|排除",
    filler: "是|选项|選項|答案|选|選|等于|为",
    denied: "(?:项|項|选项|選項)?(?:是|就是|也|都|肯定|显然)?(?:不对|不對|不正确|不正確|错误|錯誤|错|錯|不成立|不符合|不可能|不是(?:正确|正確|答案|选项|對|对)|不是[。！]?$)",
    but: "而应该是|而應該是|而是|应该是|應該是|而应是|应是",
    and: "和|与|與|及|以及|跟",
    or: "或者|或是|或|还是",
    option: "选项|選項|选择|答案",
    right: "(?:项|項|选项|選項)?(?:是|为|最|完全)*(?:正确|正確|对的|對的|符合)",
    choose: "(?:故|所以|因此|应|應|应该|我|则|则应|综上)?(?:选择|選擇|选|選)(?:项|項)?[ \\t]*[:：]?",
    minus: "负|負|零下",
    below_zero: "",
    bound: "大于|小于|大於|小於|超过|超過|不超过|至少|至多|最多|最少|少于|多于|高于|低于|不少于|不大于|不小于|不多于|不低于|不高于",
    about: "约为|约等于|大约|約|约|近似",
    ends: &["，因", "，所以", "因为", "，而不是", "而不是", "，不是", "，而非"],
    hedges: &["约为", "约", "选项", "选", "：", "】", "]"],
    ..NONE
};

const JAPANESE: Language = Language {
    spaced: false,
    verb_last: true,
    answer: "(?:最終的な答え|答え|こたえ|回答|解答|正解|結果)[】」\\]]?",
    link: r"[ \t]*(?:は|が|\*\*)?[ \t]*[:：=＝]?[、]?",
    result: "(?:正しい|適切な|適当な)(?:選択肢|もの|の|答え)(?:は|が)",
    not: "",
    denied: "(?:番|つ|個|だ|という答え)?(?:が|は|も|を|で|では|じゃ|には|とは|と|に)*(?:あるはずがな|な(?:い|く|かっ|らな)|ありません|あり得|ありえ|異なり|異なる|違う|違い?ます|間違|誤り|選ばな|選びません|言えな|言えません|不正解)",
    but: "むしろ|そうではなく|正しくは",
    and: "と|および|及び|ならびに",
    or: "または|もしくは|あるいは|か",
    option: "選択肢|解答|答え",
    right: "(?:番)?(?:が|は|も)(?:一番|最も|唯一)?(?:正しい|正解|適切|答え|正答|適当)",
    choose: "",
    minus: "マイナス",
    bound: "",
    about: "約|およそ|おおよそ|ほぼ|だいたい",
    ends: &["なので", "だから", "であるから"],
    hedges: &["約", "選択肢", "】", "「"],
    verbs: &["です", "である", "だ", "になります", "となります", "でしょう", "になる", "となる", "」"],
    ..NONE
};

const KOREAN: Language = Language {
    spaced: false,
    verb_last: true,
    answer: "(?:답변|정답|답|결과)",
    link: r"[ \t]*(?:은|는|이|\*\*)?[ \t]*[:：=＝]?",
    result: "(?:올바른|옳은|맞는|정확한|알맞은)[ \t]*(?:선택지|보기|답|것|값)(?:은|는|이)",
    denied: r"(?:번)?(?:이라고|라고|이|가|은|는|도|일|을|를)?[ \t]*(?:아니라|아니고|아닌|아니|아닙|아녜|틀리|틀렸|틀린|오답|될[ \t]*수[ \t]*없|수[ \t]*없|선택하지[ \t]*않|고르지[ \t]*않)",
    but: "오히려|대신",
    and: "와|과|및|그리고|하고",
    or: "또는|혹은|이나|나",
    option: "선택지|보기|정답|답",
    right: r"(?:번)?(?:이|가|은|는)[ \t]*(?:가장[ \t]*)?(?:정답|맞|옳|올바|답입니다|답이다|적절)",
    minus: "마이너스|영하|음수",
    bound: "",
    about: "약|대략|거의",
    ends: &["이므로", "기 때문"],
    hedges: &["약 ", "선택지 ", "보기 ", "바로 "],
    verbs: &["입니다", "이다", "예요", "이에요", "이 됩니다", "가 됩니다", "이 된다", "가 된다", "임"],
    ..NONE
};

const GERMAN: Language = Language {
    answer: r"\b(?:antwort|antworten|lösung|lösungen|ergebnis|endergebnis|ergebnisse)(?:[ \t]+\p{L}+){0,2}?",
    link: r"[ \t]+(?:ist|lautet|beträgt|sind|wäre)\b(?:[ \t]+(?:also|daher|somit))?|[ \t]*(?:\*\*)?[:=]",
    unlink: r"[ \t]+(?:kann|darf|muss|sollte|wird)[ \t]+(?:also[ \t]+|daher[ \t]+|gar[ \t]+)?(?:nicht|unmöglich|keinesfalls)\b",
    result: r"\b(?:richtig|korrekt|zutreffend)[ \t]+(?:ist|wäre|sind)\b|\b(?:richtige|korrekte|zutreffende)s?[ \t]+(?:option|auswahl|wahl|lösung|wert|antwortmöglichkeit|aussage)[ \t]*(?:ist|lautet|wäre|:)",
    not: "nicht|niemals|keinesfalls|keineswegs|weder|noch|anstatt|statt|nie",
    filler: "die|der|das|dem|den|gleich|antwort|option|lösung|ergebnis|etwa|nur|wirklich|unbedingt|buchstabe|mehr|wähle|ich|zahl",
    denied: r"(?:ist|wäre|kann)[ \t]+(?:aber[ \t]+|also[ \t]+)?(?:nicht[ \t]+(?:die[ \t]+|das[ \t]+)?(?:richtig|korrekt|antwort|lösung|möglich|sein)|falsch|unmöglich|inkorrekt)|ist[ \t]+es[ \t]+nicht|scheidet[ \t]+aus",
    but: "sondern",
    and: "und|sowie",
    or: "oder|beziehungsweise|bzw\\.",
    option: "antwort|option|möglichkeit|antwortmöglichkeit|buchstabe",
    right: r"(?:ist|wäre|scheint)[ \t]+(?:also[ \t]+|daher[ \t]+)?(?:die[ \t]+)?(?:richtig|korrekt|zutreffend|beste|wahr)",
    choose: r"\b(?:wähle|nehme|entscheide mich für|tippe auf)(?:[ \t]+(?:ich|daher|also|die))*",
    minus: "minus",
    below_zero: "unter null|unter dem gefrierpunkt",
    bound: "mehr als|weniger als|größer als|kleiner als|mindestens|höchstens",
    about: "etwa|ungefähr|circa|ca\\.|rund|knapp|gerundet",
    ends: &[" weil ", ", weil ", ", denn ", ", da ", ", nicht "],
    hedges: &[
        "daher ",
        "also ",
        "etwa ",
        "ungefähr ",
        "genau ",
        "die option ",
        "option ",
        "antwort ",
        "die antwort ",
        "buchstabe ",
        "natürlich ",
        "sicher ",
    ],
    ..NONE
};

const FRENCH: Language = Language {
    answer: r"\b(?:réponses?|reponses?|résultats?|solutions?)(?:[ \t]+\p{L}+){0,2}?",
    link: r"[ \t]+(?:est|sont|vaut|serait)\b(?:[ \t]+(?:donc|alors))?|[ \t\u{a0}]*(?:\*\*)?[:=]",
    unlink: r"[ \t]+(?:n['’](?:est|était|égale)|ne[ \t]+(?:peut|vaut|sont|serait|doit|saurait))(?:[ \t]+(?:donc|être|certainement|absolument))*[ \t]*(?:pas|plus|jamais)?\b(?:[ \t]+être\b)?",
    result: r"\b(?:option|proposition|alternative|choix|lettre)[ \t]+(?:correcte?|exacte?|juste|bonne?)[ \t]+(?:est|serait)\b|\b(?:bonne|bon)[ \t]+(?:option|proposition|choix|lettre)[ \t]*(?:est\b|:)",
    not: "pas|jamais|ni|plutôt que|au lieu de|non pas|et non|non",
    filler: "égale?s?|à|être|la|le|l'|l'option|option|réponse|la réponse|de|du|un|une|choisir|choix|lettre|vraiment|forcément",
    denied: r"(?:est|serait|semble)[ \t]+(?:donc[ \t]+)?(?:fausse?|faux|incorrecte?|impossible|erronée?|inexacte?)|n['’]est[ \t]+pas|ne[ \t]+(?:peut|convient)[ \t]+(?:pas)?",
    but: "mais plutôt|mais",
    and: "et|ainsi que",
    or: "ou",
    option: "option|réponse|choix|lettre|proposition",
    right: r"(?:est|serait|semble)[ \t]+(?:donc[ \t]+)?(?:la[ \t]+)?(?:correcte?|exacte?|juste|bonne|vraie?)\b",
    choose: r"\b(?:choisis|choisissons|choisir|sélectionne|prends|opte pour|retiens)(?:[ \t]+(?:donc|la|le))*",
    minus: "moins",
    below_zero: "sous zéro|au-dessous de zéro|en dessous de zéro",
    bound: "plus de|moins de|plus grand que|plus petit que|supérieure? à|inférieure? à|au moins|au plus",
    about: "environ|approximativement|à peu près|soit environ",
    ends: &[" car ", ", car ", ", puisque", " parce que", ", pas ", ", et non ", " et non "],
    hedges: &[
        "donc ",
        "alors ",
        "environ ",
        "l'option ",
        "la réponse ",
        "réponse ",
        "la lettre ",
        "lettre ",
        "le choix ",
        "la proposition ",
    ],
    ..NONE
};

const SPANISH: Language = Language {
    answer: r"\b(?:respuestas?|resultados?|solución|solucion|soluciones)(?:[ \t]+\p{L}+){0,2}?",
    link: r"[ \t]+(?:es|son|sería|será)\b(?:[ \t]+(?:entonces|igual a|por tanto))?|[ \t]*(?:\*\*)?[:=]",
    unlink: r"[ \t]+no[ \t]+(?:puede|debe|podría|debería)[ \t]+ser\b|[ \t]+no[ \t]+(?:es|son|sería|será|vale)\b",
    result: r"\b(?:opción|opcion|alternativa|letra|elección)[ \t]+(?:correcta|verdadera|adecuada)[ \t]*(?:es\b|sería\b|:)|\bla[ \t]+correcta[ \t]+es\b|\blo[ \t]+correcto[ \t]+es\b",
    not: "no (?:es|son|sería|puede|elijo|elegiría|escojo|escogería|creo)|nunca|jamás|tampoco|ni|en lugar de|en vez de|y no",
    filler: "es|son|ser|sería|puede|igual|a|la|el|opción|respuesta|letra|elijo|elegiría|escojo|escogería|una|un|necesariamente|realmente|exactamente",
    denied: r"(?:no[ \t]+(?:es|puede|sirve|corresponde)|(?:es|sería|resulta)[ \t]+(?:falsa|falso|incorrecta|incorrecto|errónea|imposible))",
    but: "sino|pero sí|sino que es",
    and: "y|e|así como",
    or: "o|u",
    option: "opción|opcion|respuesta|letra|alternativa|inciso",
    right: r"(?:es|sería|parece)[ \t]+(?:la[ \t]+)?(?:correcta|correcto|verdadera|adecuada|respuesta|mejor)",
    choose: r"\b(?:elijo|escojo|elegimos|elegiría|selecciono|marco|opto por)(?:[ \t]+(?:la|el))*",
    minus: "menos",
    below_zero: "bajo cero",
    bound: "más de|menos de|mayor que|menor que|al menos|como máximo|por lo menos",
    about: "aproximadamente|alrededor de|cerca de|unos|casi",
    ends: &[" porque ", ", porque ", ", ya que", " ya que ", ", no ", ", y no ", " y no "],
    hedges: &[
        "aproximadamente ",
        "entonces ",
        "igual a ",
        "cerca de ",
        "la opción ",
        "opción ",
        "la letra ",
        "letra ",
        "la respuesta ",
        "la alternativa ",
        "alternativa ",
        "el número ",
    ],
    ..NONE
};

const PORTUGUESE: Language = Language {
    answer: r"\b(?:respostas?|resultados?|solução|soluções|gabarito)(?:[ \t]+\p{L}+){0,2}?",
    link: r"[ \t]+(?:é|são|seria|será)(?:[ \t]+(?:então|portanto))?[ \t]|[ \t]*(?:\*\*)?[:=]",
    unlink: r"[ \t]+não[ \t]+(?:pode|deve|poderia|deveria)[ \t]+ser\b|[ \t]+não[ \t]+(?:é|são|seria|será|vale)[ \t]",
    result: r"\b(?:opção|opcao|alternativa|letra|escolha)[ \t]+(?:correta|certa|verdadeira)[ \t]*(?:é[ \t]|seria\b|:)|\ba[ \t]+correta[ \t]+é[ \t]",
    not: "não (?:é|são|seria|pode|escolho|escolheria|acho)|nunca|jamais|nem|em vez de|ao invés de|e não",
    filler: "é|ser|são|seria|pode|igual|a|à|o|opção|resposta|letra|alternativa|escolho|escolheria|uma|um|necessariamente|exatamente",
    denied: r"(?:não[ \t]+(?:é|pode|serve|corresponde)|(?:é|está|seria)[ \t]+(?:falsa|falso|incorreta|incorreto|errada|errado|impossível))",
    but: "mas sim|mas|e sim",
    and: "e|bem como",
    or: "ou",
    option: "opção|opcao|resposta|letra|alternativa|item",
    right: r"(?:é|está|seria|parece)[ \t]+(?:a[ \t]+)?(?:correta|correto|certa|verdadeira|resposta|melhor)",
    choose: r"\b(?:escolho|escolhemos|escolheria|seleciono|marco|opto por|opto pela)(?:[ \t]+(?:a|o))*",
    minus: "menos",
    below_zero: "abaixo de zero",
    bound: "mais de|menos de|maior que|menor que|maior do que|pelo menos|no máximo",
    about: "aproximadamente|cerca de|por volta de|quase",
    ends: &[", pois ", " pois ", ", não ", ", e não ", " e não "],
    hedges: &[
        "aproximadamente ",
        "cerca de ",
        "a opção ",
        "opção ",
        "a letra ",
        "letra ",
        "a alternativa ",
        "alternativa ",
        "a resposta ",
        "o número ",
    ],
    ..NONE
};

const RUSSIAN: Language = Language {
    answer: r"(?:ответ|результат|відповідь|адказ|отговор)(?:ом|а|у)?(?:[ \t]+\p{L}+){0,2}?",
    link: r"[ \t]*(?:\*\*)?[:=\u{2014}\u{2013}]|[ \t]+(?:это|есть|равен|равна|равно|будет|является|є|е)[ \t]|[ \t]+-[ \t]",
    unlink: r"[ \t]*[-\u{2014}\u{2013}]?[ \t]+(?:это[ \t]+|точно[ \t]+|явно[ \t]+)?не[ \t]+(?:может[ \t]+(?:быть|равняться)[ \t]+|равен[ \t]+|является[ \t]+|будет[ \t]+|это[ \t]+)?",
    result: r"(?:правильн|верн)(?:ый|ая|ое|ым)[ \t]+(?:вариант(?:ом)?|выбор|буква|решение)(?:[ \t]+ответа)?(?:[ \t]*[:\u{2014}\u{2013}]|[ \t]+(?:это|является|будет|-)[ \t])|(?:правильно|верно)(?:[ \t]*[:\u{2014}\u{2013}]|[ \t]+-)",
    not: "не|ни|вовсе не|а не|вместо",
    filler: "равен|равна|равно|может|быть|это|вариант|ответ|буква|является|будет|выбираю|выбрал|число|бы|стал|выбирать|думаю|что",
    denied: r"(?:-[ \t]*|\u{2014}[ \t]*)?(?:не[ \t]+(?:верн|правильн|подходит|является|может)|неверн|неправильн|невозможн|ошиб)",
    but: "а|но|а именно",
    and: "и",
    or: "или|либо",
    option: "вариант|ответ|буква|пункт",
    right: r"(?:-[ \t]*|\u{2014}[ \t]*|является[ \t]+)?(?:правильн|верн)(?:ый|ая|ое|ым|о|ен|а)",
    choose: r"(?:выбираю|выбираем|выбрать|выбор)(?:[ \t]+(?:вариант|ответ|букву))?",
    minus: "минус",
    below_zero: "ниже нуля|мороза",
    bound: "больше|меньше|более|менее|не менее|не более|свыше|как минимум|как максимум",
    about: "примерно|около|приблизительно|почти",
    ends: &[", так как", ", потому", ", поскольку", ", а не ", ", не "],
    hedges: &["примерно ", "вариант ", "число ", "буква ", "ответ "],
    ..NONE
};

const ARABIC: Language = Language {
    answer: "(?:الإجابة|الاجابة|إجابة|اجابة|الجواب|جواب|پاسخ)(?:[ \\t]+(?:النهائية|النهائي|الصحيحة|الصحيح|نهایی|صحیح))?",
    link: r"[ \t]*(?:هي|هو|تساوي|يساوي|برابر)?[ \t]*[:=]?",
    result: r"(?:النتيجة|الناتج|ناتج)(?:[ \t]+(?:النهائية|النهائي))?[ \t]*(?:هي|هو|تساوي|يساوي)[ \t]*[:=]?|(?:الخيار|الاختيار|الحرف)(?:[ \t]+(?:الصحيح|الأصح|المناسب))?[ \t]*(?:هو|هي|:)",
    not: "ليست?|لا يمكن أن (?:يكون|تكون)|لا يساوي|لا تساوي|لا أختار|بدلا من|وليست?|لن (?:يكون|تكون)|غير",
    filler: "هي|هو|الإجابة|الخيار|يكون|تكون|أن|العدد",
    denied: r"(?:ليست?|غير[ \t]+(?:صحيح|صحيحة|ممكن)|خاطئة?|خطأ)",
    but: "بل|ولكن|لكن",
    and: "و|و ",
    or: "أو|او",
    option: "الخيار|الاختيار|الإجابة|الجواب|الحرف",
    right: r"(?:هو|هي)?[ \t]*(?:الصحيح|الصحيحة|صحيح|صحيحة|الإجابة الصحيحة)",
    choose: "(?:أختار|اختار|نختار|اخترت)(?:[ \\t]+(?:الخيار|الإجابة))?",
    minus: "سالب|ناقص",
    below_zero: "تحت الصفر",
    bound: "أكبر من|أصغر من|أكثر من|أقل من|على الأقل|على الأكثر",
    about: "حوالي|تقريبا|نحو",
    ends: &[" لأن", "، لأن", " وليس ", "، وليس "],
    hedges: &["الخيار ", "حوالي ", "تقريبا ", "العدد ", "الحرف "],
    ..NONE
};

const HINDI: Language = Language {
    verb_last: true,
    answer: "(?:उत्तर|जवाब|परिणाम)",
    link: r"[ \t]*(?:है|हैं)?[ \t]*[:=]?",
    result: "(?:सही|उचित)[ \\t]+(?:विकल्प|चुनाव|अक्षर)[ \\t]*(?:है|हैं)?[ \\t]*[:=]?",
    not: "बजाय",
    denied: r"(?:सही[ \t]+|उत्तर[ \t]+|के[ \t]+बराबर[ \t]+|हो[ \t]+|विकल्प[ \t]+)?(?:नहीं|नही|गलत|ग़लत|ना[ \t]+होकर|न[ \t]+होकर)",
    but: "बल्कि|लेकिन",
    and: "और|तथा|एवं",
    or: "या|अथवा",
    option: "विकल्प|उत्तर",
    right: r"(?:विकल्प[ \t]+)?(?:ही[ \t]+)?सही",
    minus: "ऋणात्मक|ऋण|माइनस",
    below_zero: "शून्य से नीचे",
    bound: "",
    about: "लगभग|करीब",
    ends: &[" क्योंकि"],
    hedges: &["विकल्प ", "लगभग "],
    verbs: &[" है", " हैं", " होगा", " होगी"],
    ..NONE
};

const ITALIAN: Language = Language {
    answer: r"\b(?:risposta|risultato|soluzione)(?:[ \t]+\p{L}+){0,2}?",
    link: r"[ \t]+(?:è|sono|sarebbe)(?:[ \t]+quindi)?[ \t]|[ \t]*(?:\*\*)?[:=]",
    unlink: r"[ \t]+non[ \t]+(?:può|deve)[ \t]+essere\b|[ \t]+non[ \t]+(?:è|sono|sarebbe)[ \t]",
    result: r"\b(?:opzione|alternativa|lettera)[ \t]+(?:corretta|giusta)[ \t]*(?:è[ \t]|:)",
    not: "non (?:è|sono|sarebbe|può|scelgo)|mai|né|invece di|anziché|e non",
    filler: "è|essere|può|uguale|a|la|il|opzione|risposta|lettera|l'opzione",
    denied: r"(?:non[ \t]+(?:è|può)|è[ \t]+(?:sbagliata|errata|falsa|impossibile))",
    but: "ma|bensì",
    and: "e|ed",
    or: "o|oppure",
    option: "opzione|risposta|lettera|alternativa",
    right: r"è[ \t]+(?:la[ \t]+)?(?:corretta|giusta|vera|risposta)",
    minus: "meno",
    below_zero: "sotto zero",
    bound: "più di|meno di|maggiore di|minore di|almeno|al massimo",
    about: "circa|approssimativamente",
    ends: &[", perché", ", non ", " e non "],
    hedges: &["circa ", "la lettera ", "lettera ", "l'opzione "],
    ..NONE
};

/// Further languages of which only the words for the answer are known.
const OTHERS: Language = Language {
    answer: r"\b(?:antwoord|svaret?|vastaus|jawaban(?:nya)?|cevap|yanıt|odpowiedź|odpověď|đáp án|câu trả lời|jibu|válasz|răspuns(?:ul)?)(?:[ \t]+\p{L}+){0,2}?",
    link: r"[ \t]+(?:is|är|er|on|adalah|ialah|to|je|là|ni|este)\b|[ \t]*(?:\*\*)?[:=]",
    not: "niet|inte|ikke|bukan|nie|není|không phải(?: là)?|nu este",
    filler: "is|är|er|adalah|je|là",
    denied: r"değil",
    and: "en|och|og|dan|ve|i|a|và",
    ..NONE
};

const INDIAN: Language = Language {
    answer: "(?:উত্তর|సమాధానం|பதில்|คำตอบ|תשובה)(?:[ \\t]+(?:คือ|என்பது|হল|হলো))?",
    link: r"[ \t]*(?:คือ|היא|הוא)?[ \t]*[:=]?",
    ..NONE
};

/// The alternatives of one field over all languages, and the expression that is built around them.
pub(super) fn pattern(field: fn(&Language) -> &'static str, around: impl Fn(&str) -> String) -> Option<Regex> {
    let alternatives: Vec<&str> = LANGUAGES.iter().map(field).filter(|words| !words.is_empty()).collect();
    Regex::new(&format!("(?i){}", around(&alternatives.join("|")))).ok()
}

/// The literal texts of one field over all languages.
pub(super) fn texts(field: fn(&Language) -> &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    LANGUAGES.iter().flat_map(move |language| field(language).iter().copied())
}
