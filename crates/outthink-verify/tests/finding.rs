//! Where answers stand in replies of many languages: denied ones, compound ones, letters, options of the question.

mod rows;

use outthink_verify::{Grader, find_answer};
use rows::check;

#[test]
fn what_stands_for_a_denied_value_is_the_answer() {
    check(
        true,
        &[
            ("6", "The answer is not 5 but 6."),
            ("6", "The answer is not 5, it is 6."),
            ("6", "The answer is not 5. It is 6."),
            ("A", "The answer is not B but A."),
            ("4", "The answer is 4. The answer is not 5."),
            ("6", "答案不是5而是6。"),
            ("6", "答案不是5，而是6。"),
            ("C", "答案不是B，而是C。"),
            ("6", "答えは5ではなく6です。"),
            ("C", "答えはBではなくCです。"),
            ("6", "답은 5가 아니라 6입니다."),
            ("C", "정답은 B가 아니라 C입니다."),
            ("6", "Die Antwort ist nicht 5, sondern 6."),
            ("6", "La réponse n'est pas 5 mais 6."),
            ("6", "La respuesta no es 5 sino 6."),
            ("6", "A resposta não é 5, mas sim 6."),
            ("6", "Ответ не 5, а 6."),
            ("6", "الإجابة ليست 5 بل 6."),
            ("6", "उत्तर 5 नहीं, बल्कि 6 है।"),
        ],
    );
}

#[test]
fn denied_values_are_no_answers() {
    check(
        false,
        &[
            ("5", "The answer isn't 5."),
            ("5", "The answer is definitely not 5."),
            ("5", "The answer can't be 5."),
            ("5", "The answer is never 5."),
            ("5", "The answer is not 5 but 6."),
            ("5", "It is not 5."),
            ("5", "5 is not the answer."),
            ("5", "5 is wrong."),
            ("B", "B is wrong."),
            ("B", "Option B is incorrect."),
            ("B", "The answer is not B."),
            ("B", "(B) is not correct."),
            ("B", "I don't think it is B."),
            ("B", "The answer isn't (B)."),
            ("B", "The correct answer cannot be B."),
            ("5", "We know 2+3=5. The answer is not 5."),
            ("5", "The answer is 5. Wait, the answer is not 5."),
            ("5", "答案并非5。"),
            ("5", "答案不可能是5。"),
            ("5", "答案不等于5。"),
            ("B", "答案不是B。"),
            ("B", "不选B。"),
            ("B", "B不正确。"),
            ("B", "B是错误的。"),
            ("B", "我不会选B。"),
            ("5", "答えは5ではない。"),
            ("5", "答えは5ではなく6です。"),
            ("B", "答えはBではない。"),
            ("B", "Bは間違いです。"),
            ("5", "5は答えではありません。"),
            ("B", "正解はBじゃない。"),
            ("5", "答えは5とは限らない。"),
            ("5", "답은 5가 아니다."),
            ("5", "답은 5가 아니라 6입니다."),
            ("B", "정답은 B가 아니다."),
            ("B", "B는 틀렸습니다."),
            ("5", "5는 정답이 아닙니다."),
            ("5", "Die Antwort ist nicht 5."),
            ("5", "Die Antwort kann nicht 5 sein."),
            ("B", "Die Antwort ist nicht B."),
            ("B", "B ist falsch."),
            ("B", "B ist nicht richtig."),
            ("B", "Ich würde nicht B wählen."),
            ("5", "Das Ergebnis ist nicht gleich 5."),
            ("5", "Es ist nicht 5."),
            ("5", "La réponse n'est pas 5."),
            ("5", "La réponse ne peut pas être 5."),
            ("B", "La réponse n'est pas B."),
            ("B", "La réponse n’est pas B."),
            ("B", "Ce n'est pas B."),
            ("B", "B est fausse."),
            ("5", "Ce n'est pas 5."),
            ("5", "La respuesta no puede ser 5."),
            ("B", "La respuesta no es la B."),
            ("B", "La opción B no es correcta."),
            ("B", "No es B."),
            ("5", "No es 5."),
            ("5", "A resposta não pode ser 5."),
            ("B", "A resposta não é B."),
            ("B", "A alternativa B está errada."),
            ("5", "Não é 5."),
            ("5", "Ответ не равен 5."),
            ("5", "Ответ — не 5."),
            ("B", "Ответ не B."),
            ("B", "Вариант B неверный."),
            ("5", "Это не 5."),
            ("5", "Ответ не может быть 5."),
            ("5", "الجواب ليس 5."),
            ("5", "الإجابة ليست 5."),
            ("B", "الإجابة ليست B."),
            ("5", "لا يمكن أن تكون الإجابة 5."),
            ("5", "उत्तर 5 नहीं है।"),
            ("B", "उत्तर B नहीं है।"),
            ("B", "विकल्प B गलत है।"),
            ("B", "सही उत्तर B नहीं है।"),
        ],
    );
}

#[test]
fn several_letters_are_a_set_or_no_single_letter() {
    check(
        true,
        &[
            ("AB", "The answer is A and B."),
            ("A,C", "Las respuestas son A y C."),
            ("A,C", "As respostas são A e C."),
            ("A,C", "Les réponses sont A et C."),
            ("A,C", "答案是A、C。"),
            ("A,C", "答案：AC"),
            ("A,C", "उत्तर A और C है।"),
            ("A,C", "الإجابة هي A و C."),
            ("A,C", "정답은 A, C입니다."),
            ("A", "The answer is A, since C is wrong."),
            ("A", "The answer is A, I think."),
            ("A", "The answer is A, C is too small."),
            ("A,B", "\\boxed{A} and \\boxed{B}"),
            ("A, B", "<answer>A, B</answer>"),
        ],
    );
    check(
        false,
        &[
            ("A", "The answer is A and B."),
            ("A", "The answer is (A) and (B)."),
            ("A", "Both A and B."),
            ("A", "Die Antwort ist A oder B."),
            ("A", "The answer is A or B."),
            ("B", "The answer is A or B."),
            ("A", "答案：AC"),
            ("A", "उत्तर A और C है।"),
            ("A", "الإجابة هي A و C."),
            ("A", "Ответ: A и C."),
            ("A", "정답은 A, C입니다."),
            ("A", "\\boxed{A, B}"),
            ("A", "<answer>A, B</answer>"),
        ],
    );
}

#[test]
fn an_answer_is_taken_whole() {
    check(
        true,
        &[
            ("2 hours 30 minutes", "The answer is 2 hours 30 minutes."),
            ("18", "The answer is 18 eggs that are left."),
            ("18", "The answer is 18 dollars per day for 5 days."),
            ("18", "The answer is 18, which is 3 times 6."),
            ("18", "The answer is 18 because 3*6=18."),
            ("18", "The answer is 18 apples in total."),
            ("7", "The answer is 7 (since 3+4=7)."),
        ],
    );
    check(
        false,
        &[
            ("5", "The answer is 5 feet 3 inches."),
            ("3", "The answer is 3 dollars and 50 cents."),
            ("3", "Die Antwort ist 3 Stunden 20 Minuten."),
            ("3", "Die Antwort ist 3 Stunden und 20 Minuten."),
            ("3", "La réponse est 3 heures et 20 minutes."),
            ("3", "La respuesta es 3 horas y 20 minutos."),
            ("3", "A resposta é 3 horas e 20 minutos."),
            ("3", "Ответ: 3 часа 20 минут."),
            ("3", "答案是3小时20分钟。"),
            ("3", "答えは3時間20分です。"),
            ("3", "답은 3시간 20분입니다."),
            ("3", "الإجابة هي 3 ساعات و 20 دقيقة."),
            ("3", "उत्तर 3 घंटे 20 मिनट है।"),
            ("3", "The answer is 3 of 4."),
            ("3", "The answer is 3 to 4."),
            ("3", "The answer is 3 : 4."),
            ("3", "The answer is 3 by 4."),
            ("3", "The answer is 3 plus 4i."),
            ("3", "The answer is 3 R 1."),
            ("3", "The answer is 3 remainder 1."),
            ("3", "The answer is 3 1/2."),
            ("3", "The answer is 3 and 1/2."),
            ("10", "The answer is 10 x 5."),
            ("1", "The answer is 1; 2; 3."),
        ],
    );
}

#[test]
fn letters_are_found_in_every_language() {
    check(
        true,
        &[
            ("B", "Die richtige Antwort ist (B)."),
            ("B", "Ich wähle B."),
            ("B", "Lösung: B"),
            ("B", "Option B ist korrekt."),
            ("B", "C'est la réponse B."),
            ("B", "La réponse B est correcte."),
            ("B", "L'option B est la bonne."),
            ("B", "La opción B es correcta."),
            ("B", "Elijo la opción B."),
            ("B", "La letra correcta es B."),
            ("B", "A letra correta é B."),
            ("B", "Escolho a alternativa B."),
            ("B", "Alternativa B"),
            ("B", "Gabarito: B"),
            ("B", "Вариант B верный."),
            ("B", "Выбираю B."),
            ("B", "Правильный ответ: B"),
            ("B", "Правильный ответ — B."),
            ("B", "Верный вариант — B."),
            ("B", "选项B正确。"),
            ("B", "B选项正确。"),
            ("B", "因此应选B。"),
            ("B", "故答案为：B"),
            ("B", "故答案选B"),
            ("B", "综上，选B."),
            ("B", "本题选B"),
            ("B", "正确选项是B"),
            ("B", "正しい選択肢はBです。"),
            ("B", "Bが正解です。"),
            ("B", "答えは(B)です。"),
            ("2", "正解は2番です。"),
            ("B", "B가 정답입니다."),
            ("B", "정답은 (B)입니다."),
            ("B", "올바른 선택지는 B입니다."),
            ("3", "정답: ③"),
            ("B", "विकल्प B सही है।"),
            ("B", "सही उत्तर (B) है।"),
            ("B", "उत्तर: (B)"),
            ("B", "الخيار الصحيح هو B."),
            ("B", "الإجابة الصحيحة هي (B)."),
            ("B", "أختار B."),
            ("B", "The correct option is B."),
            ("B", "I'll go with (B)."),
            ("B", "My choice: B"),
            ("B", "B, because it is larger."),
            ("B", "So B is right."),
            ("C", "Choice C is best."),
        ],
    );
    check(false, &[("A", "A man has 5 apples."), ("A", "A is a vowel. The answer is 5."), ("I", "I think so.")]);
}

#[test]
fn boxes_hold_words_and_signs_too() {
    check(
        true,
        &[
            ("42", "The answer is \\boxed{42}, not \\boxed{41}."),
            ("42", "$\\boxed{42}$ rather than $\\boxed{41}$."),
            ("42", "Answer: \\boxed{42"),
            ("1/2", "$\\boxed{\\frac{1}{2}$"),
            ("42", "\\boxed{\\text{Answer: }42}"),
            ("42", "\\boxed{\\text{Die Antwort ist }42}"),
            ("B", "\\boxed{\\text{Answer: B}}"),
            ("B", "\\boxed{\\text{(B) 5}}"),
            ("B", "\\boxed{B. 5}"),
            ("B", "\\boxed{\\mathbf{B}}"),
            ("B", "\\boxed{\\text{choice B}}"),
            ("42", "\\boxed{=42}"),
            ("42", "\\boxed{42 \\blacksquare}"),
            ("42", "\\boxed{\\textcolor{red}{42}}"),
            ("42", "\\boxed{\\underline{42}}"),
            ("42", "42 ✅"),
            ("42", "\\boxed{42 ✓}"),
        ],
    );
    check(false, &[("5", "It is not $\\boxed{5}$."), ("5", "\\boxed{5} is wrong.")]);
}

#[test]
fn tags_and_fields_hold_statements() {
    check(
        true,
        &[
            ("42", "<answer>\\boxed{42}</answer>"),
            ("B", "<answer>Option B</answer>"),
            ("B", "<answer>The answer is B.</answer>"),
            ("42", "<answer> = 42 </answer>"),
            ("42", "<final_answer>Answer: 42</final_answer>"),
            ("B", "{\"answer\": \"Option B\"}"),
            ("B", "{\"answer\": \"(B) Paris\"}"),
            ("42", "{\"final answer\": 42}"),
            ("42", "{\"Final_Answer\": \"42\"}"),
            ("42", "{\"answer\": {\"number\": 42, \"unit\": \"cm\"}}"),
            ("42", "{\"output\": {\"answer\": 42}}"),
            ("42", "{\"reasoning\": \"41?\", \"answer\": 42}"),
            ("42", "```json\n{\"result\": 42}\n```"),
            ("B", "{\"correct_option\": \"B\"}"),
        ],
    );
    check(false, &[("B", "{\"choice\": \"B\", \"answer\": \"Paris\"}")]);
}

#[test]
fn signs_and_hedges_around_an_answer() {
    check(
        true,
        &[
            ("5", "The answer is 5!"),
            ("5", "It's 5!"),
            ("120", "The answer is $5!$."),
            ("120", "The number of permutations is 5!"),
            ("120", "The answer is 5!."),
            ("B", "The answer is B!"),
            ("-5", "So it is minus 5."),
            ("-5", "It is 5 degrees below zero."),
            ("Yes", "Yes, since 4 > 2."),
            ("no", "No, because 3 < 4."),
            ("5", "The answer is 5, not 6."),
            ("5", "So it is 5, not 6."),
            ("no solution", "The answer is no solution."),
            ("no real solutions", "The answer is no real solutions."),
            ("None", "The answer is none."),
            ("не существует", "Ответ: не существует."),
            ("无解", "答案是无解。"),
            ("不存在", "答案是不存在。"),
            ("does not exist", "The answer is: does not exist."),
            ("7", "It is not hard to see that the value is 7."),
            ("7", "x is not 0, so x = 7."),
            ("-5", "答案是-5。"),
            ("5", "答案为约5。"),
            ("3.14", "答案约为3.14。"),
        ],
    );
    check(
        false,
        &[
            ("5", "So it is minus 5."),
            ("6", "The answer is 5, not 6."),
            ("6", "So it is 5, not 6."),
            ("Not enough information", "The answer is not enough information."),
            ("5", "答案至少是5。"),
            ("5", "答案小于5。"),
        ],
    );
}

#[test]
fn corrections_and_titles() {
    check(
        true,
        &[
            ("7", "Not only is x odd, the answer is 7."),
            ("No", "The answer is No."),
            ("no", "La respuesta es no."),
            ("Nein", "Die Antwort ist nein."),
            ("not defined", "\\boxed{\\text{not defined}}"),
            ("undefined", "The answer is undefined."),
            ("DNE", "\\boxed{DNE}"),
            ("not enough information", "<answer>not enough information</answer>"),
            ("3", "The answer is 3 because 4 is not prime."),
            ("3", "The answer is 3, as 4 does not work."),
            ("3", "Since 4 is not possible, the answer is 3."),
            ("3", "4 doesn't work, so 3."),
            ("3", "It isn't 4. It's 3."),
            ("3", "So, it's 3 and not 4."),
            ("3", "Hence 3, instead of 4."),
            ("3", "It is 3 rather than 4."),
            ("B", "The answer is B. It is not A."),
            ("B", "B. A is incorrect because it is too small."),
            ("B", "B) is correct, A) is not."),
            ("B", "A is incorrect, B is correct."),
            ("B", "While A is right about x, the correct answer is B."),
            ("D", "We can rule out A, B and C. The answer is D."),
            ("D", "A, B, and C are wrong, so D is correct."),
            ("A", "Answer: A\n\nExplanation: B is wrong."),
            ("A", "A\n\nExplanation: B is not right."),
            ("B", "The answer is B, not A."),
            ("5", "The answer is \\boxed{5}. It is not 6."),
            ("10", "The answer is 10 because it's not 5 but 10."),
        ],
    );
    check(
        false,
        &[
            ("4", "Hence 3, instead of 4."),
            ("4", "It is 3 rather than 4."),
            ("A", "The answer is B. It is not A."),
            ("A", "B) is correct, A) is not."),
            ("A", "A is incorrect, B is correct."),
            ("A", "A, B, and C are wrong."),
            ("A", "None of A, B, C."),
            ("A", "The answer is B, not A."),
            ("B", "not B"),
            ("5", "not 5"),
            ("5", "x \\neq 5"),
            ("5", "The answer is $\\neq 5$."),
            ("6", "The answer is \\boxed{5}. It is not 6."),
            ("5", "I don't know whether it is 5."),
            ("5", "Maybe 5, maybe 6."),
        ],
    );
}

#[test]
fn parts_lists_and_labels() {
    check(
        true,
        &[
            ("5, 6, 7", "The answer is 5, 6 and 7."),
            ("60", "The answer is 60 miles per hour."),
            ("60 mph", "The answer is 60 miles per hour."),
            ("8", "The answer is 8 hours a day."),
            ("8", "The answer is 8 ways."),
            ("8", "The answer is 8 ways to do it."),
            ("8", "The answer is 8 people in the room."),
            ("8", "The answer is 8 boys and some girls."),
            ("8", "The answer is 8 in total."),
            ("8", "The answer is 8 in all."),
            ("8", "The answer is 8 of them."),
            ("8", "答案是8个。"),
            ("8", "答案是8元。"),
            ("8", "答えは8個です。"),
            ("8", "답은 8개입니다."),
            ("8", "उत्तर 8 सेब है।"),
            ("8", "الإجابة هي 8 تفاحات."),
            ("8", "Ответ: 8 яблок."),
            ("8", "Die Antwort ist 8 Äpfel."),
            ("8", "La réponse est 8 pommes."),
        ],
    );
    check(
        false,
        &[
            ("5", "5 Fuß 3 Zoll"),
            ("2", "Die Antwort ist 2 von 3."),
            ("2", "La réponse est 2 sur 3."),
            ("2", "La respuesta es 2 de 3."),
            ("2", "Ответ: 2 из 3."),
            ("2", "答えは2対3です。"),
            ("2", "답은 2 대 3입니다."),
            ("2", "उत्तर 2 में से 3 है।"),
            ("2", "答案是2又3分之1。"),
            ("2", "The answer is 2⅓."),
            ("2", "The answer is 2 3/4."),
            ("5", "The answer is 5 or 6."),
            ("5", "The answer is 5 and 6."),
            ("5", "The answer is 5 to 6."),
            ("5", "The answer is 5-6."),
            ("5", "The answer is between 5 and 6."),
            ("6", "The answer is between 5 and 6."),
            ("5", "The answer is 5, 6."),
            ("5", "The answer is 5, 6 and 7."),
            ("7", "The answer is 5, 6 and 7."),
            ("5", "Die Antwort ist 5 und 6."),
            ("5", "La réponse est 5 et 6."),
            ("5", "答案是5和6。"),
            ("6", "答案是5和6。"),
            ("5", "答えは5と6です。"),
            ("5", "답은 5와 6입니다."),
            ("5", "उत्तर 5 और 6 है।"),
            ("5", "الإجابة هي 5 و 6."),
            ("5", "Ответ: 5 и 6."),
            ("5", "La respuesta es 5 y 6."),
            ("5", "A resposta é 5 e 6."),
            ("3", "The answer is 3x."),
            ("3", "The answer is 3 i."),
            ("3", "The answer is 3e5."),
            ("3", "The answer is 3:30."),
            ("3", "The answer is 3rd Street."),
            ("3", "The answer is 3 million dollars."),
            ("5", "5 hundred"),
        ],
    );
}

#[test]
fn letters_in_prose_and_beside_nouns() {
    check(
        true,
        &[
            ("I", "The answer is I."),
            ("E", "The answer is E."),
            ("C", "The answer is C. the mitochondrion."),
            ("B", "The answer is B. four."),
            ("B", "答案选B"),
            ("B", "答案：（B）"),
            ("B", "因此，正确答案是 B 选项。"),
            ("B", "正确的是B。"),
            ("B", "B 是正确答案。"),
            ("B", "A选项错误，B选项正确。"),
            ("B", "【答案】 B\n【解析】略"),
            ("B", "选项为B"),
            ("BCD", "故选BCD．"),
            ("B", "答えはＢ"),
            ("B", "（B）が正解"),
            ("B", "정답은 B번입니다."),
            ("B", "답: (B)"),
            ("2", "정답은 2번입니다."),
            ("B", "Correct answer - B"),
            ("B", "Ans: (B)"),
            ("B", "Ans. B"),
            ("b", "Answer: b"),
            ("B", "Answer is option (b)."),
            ("B", "The answer: **(B)**"),
            ("B", "**B**"),
            ("B", "`B`"),
            ("B", "> B"),
            ("B", "My answer is B."),
            ("B", "I choose (B)."),
            ("B", "Select B"),
            ("B", "It's B."),
            ("B", "It is (B)."),
            ("B", "B!"),
            ("B", "$B$"),
            ("B", "\\(B\\)"),
            ("B", "\\text{B}"),
            ("42", "<answer>42</answer> done"),
            ("42", "<answer>42"),
            ("42", "{\"answer\": 42} trailing"),
            ("42", "Answer: ```42```"),
            ("42", "```\n42\n```"),
        ],
    );
    check(
        false,
        &[
            ("A", "I am sure."),
            ("C", "C. elegans"),
            ("C", "The answer is C. elegans."),
            ("A", "Vitamin A is good."),
            ("A", "Grade A."),
            ("B", "He has type B blood."),
            ("C", "The temperature is 5 C."),
            ("C", "Answer: 5 C"),
            ("A", "A and B are parallel."),
            ("A", "Point A is at (1,2)."),
            ("A", "Hepatitis A"),
            ("A", "A选项错误，B选项正确。"),
            ("A", "A是错误的，因此选B。"),
            ("B", "故选BCD．"),
            ("41", "<answer>41</answer>\n<answer>42</answer>"),
        ],
    );
}

#[test]
fn options_of_the_question_count() {
    // Question, and rows of reference, reply and whether it is right.
    type Rows = &'static [(&'static str, &'static str, bool)];
    let questions: &[(&str, Rows)] = &[
        (
            "Which planet is largest?\n(A) Mars\n(B) Venus\n(C) Earth\n(D) Jupiter",
            &[
                ("D", "jupiter", true),
                ("D", "The answer is **Jupiter**.", true),
                ("D", "\\boxed{\\text{Jupiter}}", true),
                ("D", "It's not Mars. It is Jupiter.", true),
                ("A", "It's not Mars. It is Jupiter.", false),
                ("A", "It is not Mars.", false),
                ("D", "The answer is (D) Mars.", false),
                ("A", "The answer is (D) Mars.", false),
                ("D", "\\boxed{D. Jupiter}", true),
                ("D", "D) Jupiter is the largest planet", true),
                ("(D)", "D", true),
                ("D) Jupiter", "Jupiter", true),
                ("D", "E", false),
                ("D", "<answer>Jupiter</answer>", true),
                ("D", "{\"answer\": \"Jupiter\"}", true),
                ("D", "Saturn", false),
                ("D", "The answer is d.", true),
                ("D", "(d)", true),
                ("D", "Mars or Jupiter.", false),
                ("D", "A and D", false),
                ("D", "The largest planet is Jupiter.", true),
                ("D", "The answer is the gas giant Jupiter.", true),
            ],
        ),
        (
            "¿Cuál?\na. rojo\nb. azul\nc. verde",
            &[("b", "La respuesta es azul.", true), ("b", "La respuesta es a.", false)],
        ),
        (
            "Which of these?\n1. red\n2. blue\n3. green",
            &[("2", "blue", true), ("2", "The answer is 2.", true), ("2", "red", false), ("2", "2. red", false)],
        ),
        (
            "Read.\n1. Tom has 3 apples.\n2. He buys 4 more.\nHow many has he?",
            &[("7", "The answer is 7.", true), ("2", "The answer is 2.", true)],
        ),
        ("Solve:\na) Find x if x+1=3.\nb) Find y if y+1=5.", &[("2", "x = 2", true), ("4", "The answer is 4.", true)]),
        ("What?\n- A) 3\n- B) 4", &[("B", "4", true)]),
        ("What?\n* A. 3\n* B. 4", &[("B", "4", true)]),
        ("What?\n(a) 3\n(b) 4", &[("b", "4", true)]),
        ("What?\n[A] 3\n[B] 4", &[("B", "4", true)]),
        ("What?\nA．3\nB．4", &[("B", "4", true)]),
        ("下列哪个？\n（A）火星\n（B）木星", &[("B", "木星", true)]),
        ("下列哪个？\nA．火星  B．木星", &[("B", "木星", true)]),
        ("다음 중?\n① 화성\n② 목성", &[("2", "목성", true), ("②", "정답은 ②번입니다.", true)]),
        ("다음 중?\n① 화성 ② 목성", &[("2", "정답은 목성입니다.", true)]),
        ("どれ？\nア. 火星\nイ. 木星", &[("イ", "答えは木星です。", true)]),
        ("क्या?\n(क) मंगल\n(ख) बृहस्पति", &[("ख", "बृहस्पति", true)]),
        ("क्या?\n(A) मंगल\n(B) बृहस्पति", &[("B", "उत्तर बृहस्पति है।", true)]),
        ("Что?\nА. Марс\nБ. Юпитер", &[("Б", "Ответ: Юпитер.", true)]),
        ("Что?\nа) Марс\nб) Юпитер", &[("б", "Юпитер", true)]),
        ("ما؟\n(أ) المريخ\n(ب) المشتري", &[("ب", "الإجابة هي المشتري.", true), ("ب", "الإجابة هي (أ).", false)]),
        ("Compute $1+1$.\n$\\text{(A) }1\\qquad\\text{(B) }2\\qquad\\text{(C) }3$", &[("B", "$\\boxed{2}$", true)]),
        (
            "Compute $1+1$.\n$\\textbf{(A)}\\ \\frac12\\qquad\\textbf{(B)}\\ \\frac13$",
            &[("B", "$\\boxed{\\frac{1}{3}}$", true)],
        ),
        ("Compute.\n$\\mathrm{(A) \\ } 1 \\qquad \\mathrm{(B) \\ } 2$", &[("B", "2", true)]),
        ("Q? Options: A: 1, B: 2, C: 3", &[("B", "2", true)]),
        ("{\"A\": \"red\", \"B\": \"blue\"} Which colour is the sky?", &[("B", "blue", true)]),
        ("What is A. B. Smith's age?", &[("5", "5", true)]),
        ("Q?\nA: 5 m\nB: 5 km", &[("B", "5 km", true), ("B", "5000 m", true), ("B", "5", false)]),
        ("Q?\nA) True\nB) False", &[("B", "False", true), ("A", "False", false)]),
        ("Q?\nA) yes\nB) no", &[("B", "No, because it is small.", true)]),
    ];
    let mut wrong = Vec::new();
    for (question, rows) in questions {
        for (gold, reply, right) in *rows {
            let graded = Grader::new(gold, Some(question)).grade(reply);
            if graded.correct != *right {
                wrong.push(format!("{question:?} {gold:?} {reply:?} found {:?}", graded.answer));
            }
        }
    }
    assert!(wrong.is_empty(), "graded otherwise:\n{}", wrong.join("\n"));
}

#[test]
fn what_nothing_marks_is_weak_evidence() {
    for reply in
        ["It is not hard to see that we get 7.", "There are twelve of them.", "It will be Monday.", "\\boxed{12"]
    {
        assert!(find_answer(reply).is_some_and(|answer| answer.kind.is_weak()), "{reply}");
    }
}
