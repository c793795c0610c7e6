//! Programs as answers, in the real sandbox. Skipped, with a printed reason, where there is none.

use flate2::read::GzDecoder;
use futures_util::StreamExt as _;
use outthink_core::{ProgramOutcome, ProgramRunner as _, Sample};
use outthink_engine::sandbox::{PythonPrograms, SandboxLimits};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

const LIMITS: SandboxLimits = SandboxLimits { seconds: 5, memory: 256 << 20, file: 1 << 20, parallel: 2 };

async fn programs() -> Option<PythonPrograms> {
    match PythonPrograms::new(LIMITS).await {
        Ok(programs) => Some(programs),
        Err(error) => {
            assert!(error.to_string().contains("code is not run here"), "{error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

#[tokio::test]
async fn an_answer_is_read_however_the_program_gives_it() {
    let Some(programs) = programs().await else { return };
    for (program, answer) in [
        ("eggs = 16 - 3 - 4\nans = eggs * 2", "18"),
        ("print('working')\nprint(7 / 2)\n", "3.5"),
        ("print(6 / 2)", "3"),
        ("ans = 0.1 + 0.2", "0.3"),
        ("print(99)\nans = 5", "5"),
        ("total = 4\ntotal * 3", "12"),
        ("answer = [8]", "8"),
        ("def solution():\n    return 40 + 2", "42"),
        ("def solution(n=3):\n    print(n)\n\nsolution()", "3"),
        ("def helper(x):\n    return x\n\ndef solver():\n    return helper(9)", "9"),
        ("from fractions import Fraction\nans = Fraction(1, 3) + Fraction(1, 6)", "1/2"),
        ("ans = 10**20", "100000000000000000000"),
        ("print('x' * 9)\nprint('Monday')", "Monday"),
        ("for i in range(200_000):\n    print(i)", "199999"),
    ] {
        assert_eq!(programs.run(program).await.unwrap(), ProgramOutcome::Value(answer.into()), "{program}");
    }
}

#[tokio::test]
async fn the_program_of_a_reply_is_run_and_a_reply_without_one_is_no_error() {
    let Some(programs) = programs().await else { return };
    for (content, outcome) in [
        ("Here:\n```python\nans = 6 * 7\n```", ProgramOutcome::Value("42".into())),
        ("The answer is 42.", ProgramOutcome::Missing),
    ] {
        let sample = Sample { content: content.into(), ..Sample::default() };
        assert_eq!(programs.outcome(&sample).await.unwrap(), outcome);
    }
    assert!(programs.timeout() > std::time::Duration::from_secs(LIMITS.seconds));
}

#[tokio::test]
async fn a_failed_program_says_what_failed_and_where() {
    let Some(programs) = programs().await else { return };
    for (program, part) in [
        ("a = 1\nans = a + b", "NameError: name 'b' is not defined (line 2)"),
        ("a = 1\nans = (a", "(line 2)"),
        ("ans = 1 / 0", "ZeroDivisionError: division by zero (line 1)"),
        ("a = 1", "printed nothing"),
        ("ans = float('inf')", "not a finite number"),
        ("print(float('nan'))", "not a finite number"),
        ("ans = 'x' * 5000", "more than 4096 characters"),
        ("ans = input()", "EOFError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("x = bytearray(1 << 30)", "MemoryError"),
        ("open('/etc/passwd').read()", "FileNotFoundError"),
        ("import socket\nsocket.create_connection(('1.1.1.1', 53), 1)", "Error"),
    ] {
        let outcome = programs.run(program).await.unwrap();
        let ProgramOutcome::Error(text) = &outcome else { panic!("{program}: {outcome:?}") };
        assert!(text.contains(part), "{program}: {text}");
    }
    let quick = PythonPrograms::new(SandboxLimits { seconds: 1, ..LIMITS }).await.unwrap();
    for program in ["while True:\n    pass", "import os\nos._exit(0)"] {
        assert_eq!(quick.run(program).await.unwrap(), ProgramOutcome::Stopped, "{program}");
    }
}

/// Every twentieth greedy program that code-davinci-002 wrote for GSM8K and SVAMP (Program-of-Thoughts'
/// published outputs) has the outcome that its authors recorded. The zero-shot prompt begins every program
/// with `import numpy as np`, which a system's Python need not have: the line is left out, and the programs
/// that use it are too.
#[tokio::test]
async fn recorded_programs_have_their_recorded_answers() {
    let name = "../../../shared/data/pools/pot_gsm8k_svamp_davinci.jsonl.gz";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return;
    };
    let Some(programs) = programs().await else { return };
    let (mut cases, mut by_numpy) = (Vec::new(), 0);
    for line in BufReader::new(GzDecoder::new(file)).lines().step_by(20) {
        let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let sample = &row["samples"][0];
        let text = sample["text"].as_str().unwrap().replace("import numpy as np\n", "");
        if text.contains("np.") {
            by_numpy += 1;
            continue;
        }
        cases.push((row["problem_id"].to_string(), text, sample["answer"].as_str().map(str::to_owned)));
    }
    let programs = &programs;
    let ran = futures_util::stream::iter(cases).map(|(id, text, recorded)| async move {
        let outcome = programs.run(&text).await.unwrap();
        let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
        let same = match (&outcome, &recorded) {
            (ProgramOutcome::Value(ours), Some(theirs)) => match (number(ours), number(theirs)) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-3 * b.abs().max(1.0),
                _ => ours == theirs,
            },
            (ProgramOutcome::Error(_) | ProgramOutcome::Stopped, None) => true,
            _ => false,
        };
        if !same {
            eprintln!("{id}: {outcome:?}, recorded {recorded:?}\n{text}");
        }
        same
    });
    let same: Vec<bool> = ran.buffer_unordered(2).collect().await;
    let agreeing = same.iter().filter(|same| **same).count();
    eprintln!("{agreeing} of {} programs have their recorded outcome; {by_numpy} need numpy", same.len());
    assert!(same.len() > 100 && agreeing * 100 >= same.len() * 95, "{agreeing} of {}", same.len());
}
