//! Kinds of replies and answers, with several examples of each: what grades rely on.

mod rows;

use outthink_verify::equivalent;
use rows::check;

fn check_equal(equal: bool, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(a, b)| equivalent(a, b) != equal || equivalent(b, a) != equal)
        .map(|row| format!("{row:?}"))
        .collect();
    assert!(wrong.is_empty(), "equal other than {equal}:\n{}", wrong.join("\n"));
}

#[test]
fn mathematics_without_a_marker() {
    check(
        true,
        &[
            ("7", "Thus, \\(x = 7\\)."),
            ("\\sqrt{5}", "**$\\sqrt{5}$**"),
            ("4", "$$x=4$$"),
            ("1/6", "The probability is \\frac{1}{6}."),
            ("3\\sqrt{2}", "Hence we obtain 3√2."),
            ("1024", "It equals 2^{10}."),
            ("2^n+1", "So, $a_n = 2^n + 1$."),
            ("\\{1,2,3\\}", "The set is {1, 2, 3}."),
            ("(0,\\infty)", "The interval is $(0, \\infty)$"),
            ("-1/2", "It's $-\\frac{1}{2}$"),
            ("5", "\\begin{align*} x &= 2+3 \\\\ &= 5 \\end{align*}"),
            ("x^2+1", "# Solution\n\n\\[ x^2 + 1 \\]"),
            ("12", "3 + 4 + 5 = 12"),
            ("\\frac{\\pi}{4}", "We get \\(\\frac{\\pi}{4}\\) as the value."),
            ("-3", "so the minimum is $-3$, reached at $x = 2$."),
        ],
    );
    check(
        false,
        &[
            ("3", "The area is $2\\pi/3$."),
            ("2", "It is $x^2$."),
            ("5", "so it is $\\log_{10} 5$."),
            ("3", "This is $\\sqrt[3]{7}$."),
            ("4", "It is \\frac{1}{4}."),
            ("2", "We get $e^{-2}$."),
        ],
    );
}

#[test]
fn letters_of_choices() {
    check(
        true,
        &[
            ("C", "The answer is option (C)."),
            ("B", "I'd go with B."),
            ("C", "C is the right answer."),
            ("B", "Correct answer: **B**"),
            ("D", "Answer: (d)"),
            ("D", "The best answer is D: it is the largest."),
            ("B", "[B]"),
            ("B", "B)"),
            ("B", "\\boxed{\\text{B}}"),
            ("C", "\\boxed{\\textbf{(C)}\\ 12}"),
            ("D", "Option D is correct."),
            ("A", "Answer: A. Paris"),
            ("B", "The correct choice is B) 12 apples."),
            ("C", "Therefore, the answer must be C."),
        ],
    );
    check(false, &[("A", "A man walks 5 km."), ("A", "P(A) = 0.5"), ("B", "f(B) = 2"), ("A", "A: 12\nB: 14")]);
}

#[test]
fn markers_of_many_languages() {
    check(
        true,
        &[
            ("B", "La bonne réponse est B."),
            ("C", "La respuesta correcta es la opción C."),
            ("B", "正确答案：B"),
            ("B", "答えはBです"),
            ("B", "정답: B"),
            ("B", "정답은 B입니다."),
            ("C", "الإجابة الصحيحة هي C"),
            ("C", "सही उत्तर: C"),
            ("C", "सही उत्तर C है"),
            ("B", "Die richtige Antwort ist B."),
            ("5", "Die Lösung ist x = 5."),
            ("42", "Das Ergebnis beträgt 42."),
            ("1/2", "Le résultat est $\\frac{1}{2}$."),
            ("1.5", "El resultado es 1,5."),
            ("15", "O resultado é 15."),
            ("42", "Итак, ответ 42."),
            ("7", "Ответ равен 7."),
            ("3", "因此答案为 $x=3$。"),
            ("12", "所以结果是12。"),
            ("12", "答：12"),
            ("12", "よって、答えは 12 である。"),
            ("12", "答え：12"),
            ("12", "따라서 답은 12입니다."),
            ("12", "Kết quả là 12"),
            ("12", "Odpowiedź: 12"),
            ("C", "Cevap: C"),
            ("C", "Antwoord: C"),
            ("12", "Svar: 12"),
            ("C", "Risposta: C"),
            ("12", "A resposta final é $12$."),
            ("12", "La réponse finale est donc 12."),
            ("12", "Die endgültige Antwort lautet: **12**"),
            ("12", "النتيجة هي 12"),
            ("18", "Also verdient sie $18$ Dollar pro Tag."),
            ("Paris", "La réponse est Paris."),
        ],
    );
}

#[test]
fn words_after_a_number() {
    check(
        true,
        &[
            ("36", "The answer is 3 dozen."),
            ("12000", "The answer is 12 thousand."),
            ("15", "The answer is 6 choose 2."),
            ("25", "The answer is 5 squared."),
            ("3/4", "The answer is 3 over 4."),
            ("9-x", "The answer is 9 minus x."),
            ("8+2i", "The answer is 8 plus 2i."),
            ("20000", "The answer is 20K."),
            ("0.1", "The answer is 10 percent."),
            ("7:45 AM", "The answer is 7:45 a.m."),
            ("18", "The answer is $18 per day."),
            ("18", "The answer is 18 apples."),
            ("3\\sqrt{2}", "The answer is 3√2."),
            ("2e", "The answer is 2e."),
            ("5 km", "The answer is 5000 m."),
            ("20", "The answer is 20 minutes."),
        ],
    );
    check(
        false,
        &[
            ("3", "The answer is 3 dozen."),
            ("6", "The answer is 6 choose 2."),
            ("5", "The answer is 5 squared."),
            ("3", "The answer is 3 over 4."),
            ("9", "The answer is 9 minus x."),
            ("20", "The answer is 20K."),
            ("2", "The answer is 2e."),
            ("7:45 PM", "The answer is 7:45 a.m."),
            ("3", "The answer is 3√2."),
            ("5 km", "The answer is 5 m."),
            ("$5", "The answer is €5."),
            ("3", "The answer is 3 halves."),
            ("4", "The answer is 4 and a half."),
            ("2", "The answer is 2 thirds."),
            ("1.5", "The answer is 1.5 trillion."),
        ],
    );
}

#[test]
fn markers_tags_boxes_and_json() {
    check(
        true,
        &[
            ("42", "Final answer: \n\n 42"),
            ("42", "**Answer:** 42"),
            ("42", "### Answer\n42"),
            ("42", "The final answer is: $\\boxed{42}$"),
            ("42", "ANSWER = 42"),
            ("42", "Answer → 42"),
            ("42", "Result = 42"),
            ("4", "Solution: x = 4"),
            ("42", "<solution>42</solution>"),
            ("42", "[ANSWER]42[/ANSWER]"),
            ("Mt. Everest", "The answer is Mt. Everest."),
            ("Washington, D.C.", "The answer is Washington, D.C."),
            ("Mr. Darcy", "The answer is Mr. Darcy. He is proud."),
            ("42", "{\"final_answer\": 42}"),
            ("B", "{\"answer\": \"B\", \"why\": \"A is wrong\"}"),
            ("1,2", "```json\n{\"answer\": [1, 2]}\n```"),
            ("42", "```json\n{\"answer\": 42"),
            ("no", "{\"answer\": false}"),
            ("5", "\\boxed{\\mathbf{5}}"),
            ("5", "$\\boxed{x=5}$"),
            ("5", "\\boxed{\\,5\\,}"),
            ("5", "\\boxed{\\large 5}"),
            ("5", "\\boxed{{5}}"),
            ("5", "\\boxed {5}"),
            ("5", "\\boxed{5\\ \\text{units}}"),
            ("5", "\u{8}oxed{5}"),
            ("5", "\\boxed{5}$."),
            ("5, 7", "\\boxed{5}, \\boxed{7}"),
            ("42", "The answer is 42.</s>"),
            ("42", "The answer is 42.<|endoftext|>Question: 3"),
            ("42", "<think>so 41?</think>The answer is 42."),
        ],
    );
    check(false, &[("42", "<think>\nso 42"), ("42", "[THINK]it is 42"), ("3", "\\boxed{3} is wrong, so \\boxed{4}")]);
}

#[test]
fn numbers_in_many_spellings() {
    check_equal(
        true,
        &[
            ("€ 1.234,56", "1234.56"),
            ("1 234 567", "1234567"),
            ("1.000.000", "1000000"),
            ("\\$1{,}250", "1250"),
            ("75 per cent", "0.75"),
            ("１２", "12"),
            ("۴۲", "42"),
            ("forty-two", "42"),
            ("-3.5", "−3.5"),
            ("£5", "5"),
            ("5\\%", "0.05"),
            ("$2.50", "250 cents"),
            ("1 hour", "60 min"),
            ("2 km", "2000 m"),
            ("3 \\text{ m/s}", "10.8 km/h"),
            ("1\\text{ kg}", "1000 g"),
            ("5 cm^2", "5 square centimeters"),
            ("7 \\text{ liters}", "7000 mL"),
            ("2 weeks", "14 days"),
            ("9\\ \\mathrm{k\\Omega}", "9000\\ \\Omega"),
            ("30°", "30"),
            ("25 °C", "25"),
            ("5 mph", "5 miles per hour"),
            ("5~\\text{N}", "5 newtons"),
            ("6:9", "2:3"),
            ("1:2:3", "2:4:6"),
        ],
    );
    check_equal(
        false,
        &[
            ("3 km", "3 m"),
            ("3 hours", "3 minutes"),
            ("5\\mathrm{~g}", "5\\mathrm{~kg}"),
            ("5 \\text{ lakh}", "5 \\text{ crore}"),
            ("5 °C", "5 °F"),
            ("4 m", "4"),
            ("10 n", "10"),
            ("6 hundred", "6 thousand"),
            ("8 \\text{ million}", "8"),
            ("5 MW", "5 mW"),
            ("5 \\text{ J}", "5 \\text{ N}"),
            ("3:4", "4:3"),
            ("1/3", "0.33"),
            ("£5", "$5"),
        ],
    );
}

#[test]
fn functions_in_pieces_and_words() {
    check_equal(
        false,
        &[
            ("|x-20|", "20-x"),
            ("\\max(x, 1000)", "1000"),
            ("\\lfloor x/100 \\rfloor", "0"),
            ("\\lceil x \\rceil", "x"),
            ("\\sqrt{x^2}", "x"),
            ("\\sqrt{(x-3)^2}", "x-3"),
            ("|x|", "x"),
            ("\\min(n, 50)", "n"),
            ("\\gcd(n, 6)", "n"),
            ("\\lfloor \\sqrt{n} \\rfloor", "\\lfloor \\sqrt{n+1} \\rfloor"),
            ("saw", "was"),
            ("God", "dog"),
            ("ACT", "CAT"),
            ("on", "no"),
            ("BC", "CB"),
            ("tea", "eat"),
            ("SE", "ES"),
            ("10^{-20}x", "0"),
            ("x^{100}", "x^{101}"),
        ],
    );
    check_equal(
        true,
        &[
            ("|x-5|", "|5-x|"),
            ("\\max(x,5)", "\\max\\{5,x\\}"),
            ("\\lfloor 2.7 \\rfloor", "2"),
            ("\\lfloor \\pi \\rfloor", "3"),
            ("\\lceil \\sqrt{10} \\rceil", "4"),
            ("|{-3}|", "3"),
            ("\\sqrt{x^4}", "x^2"),
            ("\\sin(2x)", "2\\sin x\\cos x"),
            ("\\sin 30^\\circ", "\\frac12"),
            ("\\cosh^2 x - \\sinh^2 x", "1"),
            ("\\sqrt{3+2\\sqrt{2}}", "1+\\sqrt{2}"),
            ("\\ln(x^2+1) - \\ln 2", "\\ln\\frac{x^2+1}{2}"),
        ],
    );
}

#[test]
fn forms_of_the_same_answer() {
    check_equal(
        true,
        &[
            ("(a,b)=(1,2)", "(1,2)"),
            ("x=1,y=2;x=3,y=4", "(1,2),(3,4)"),
            ("\\langle 3,-1\\rangle", "(3,-1)"),
            ("y\\in(-\\infty,2)", "y<2"),
            ("]2,5]", "(2,5]"),
            ("\\mathbb{R}\\setminus\\{1,2\\}", "(-\\infty,1)\\cup(1,2)\\cup(2,\\infty)"),
            ("5!!", "15"),
            ("{6 \\choose 3}", "20"),
            ("C(6,3)", "20"),
            ("-\\infty", "-infinity"),
            ("[[1,0],[0,1]]", "\\begin{bmatrix}1&0\\\\0&1\\end{bmatrix}"),
            ("2\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}2\\\\4\\end{pmatrix}"),
            ("\\angle ABC = 45^\\circ", "45"),
            ("\\overline{CD} = 7", "7"),
            ("7 = k", "7"),
            ("y \\approx 3.2", "3.2"),
            ("2+2=4", "4"),
            ("\\operatorname{sin} x", "\\sin x"),
            ("8/2/2", "2"),
            ("Yes", "True"),
            ("(C) Rome", "C"),
            ("\\frac{BC}{AD}=\\frac{2}{3}", "\\frac{2}{3}"),
            ("f(x)=x^2", "x^2"),
            ("x^{3/2}", "x\\sqrt{x}"),
            ("2^{n+2}", "4\\cdot 2^n"),
            ("\\sin^2 x+C", "-\\cos^2 x + 1 + C"),
            ("|x|<3", "(-3,3)"),
            ("3+4j", "3+4i"),
            ("\\pm 3", "3, -3"),
            ("\\text{odd}", "odd"),
        ],
    );
}
