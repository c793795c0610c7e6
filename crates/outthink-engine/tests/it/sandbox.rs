//! Hostile programs in the sandbox. Skipped, with a printed reason, where there is none.

use outthink_core::{Prompt, Sample, Verifier as _};
use outthink_engine::sandbox::{PythonTests, SandboxLimits};

const LIMITS: SandboxLimits = SandboxLimits { seconds: 2, memory: 256 << 20, file: 1 << 20, parallel: 2 };

async fn tests(source: &str) -> Option<PythonTests> {
    match PythonTests::new(source, LIMITS).await {
        Ok(tests) => Some(tests),
        Err(error) => {
            // A machine without the tools refuses; one with them must not.
            assert!(error.to_string().contains("code is not run here"), "{error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

async fn score(tests: &PythonTests, code: &str) -> f64 {
    let sample = Sample { content: format!("```python\n{code}\n```"), ..Sample::default() };
    tests.score(&Prompt::user("?"), &sample).await.unwrap().score.unwrap()
}

#[tokio::test]
async fn the_share_of_passed_tests_is_the_score() {
    let Some(tests) = tests("import math\nassert add(1, 2) == 3\nassert add(-1, 1) == 0\nassert add(0.5, 0.5) == math.floor(1)\nassert add('a', 'b') == 'ab'").await else {
        return;
    };
    assert_eq!(score(&tests, "def add(a, b):\n    return a + b").await, 1.0);
    assert_eq!(score(&tests, "def add(a, b):\n    return int(a) + int(b)").await, 0.5);
    assert_eq!(score(&tests, "def add(a, b):\n    syntax error").await, 0.0);
    assert_eq!(score(&tests, "raise SystemExit(0)").await, 0.0);
    assert_eq!(score(&tests, "import os\nos._exit(0)").await, 0.0);
    assert_eq!(score(&tests, "print('x' * 10_000_000)\ndef add(a, b):\n    return a + b").await, 1.0);
}

/// Each program tries something and says by `done()` whether it could.
#[tokio::test]
async fn hostile_programs_get_nowhere_and_end_in_time() {
    let Some(tests) = tests("assert not done()").await else { return };
    for (what, attempt) in [
        ("a fork bomb", "import os\nwhile True:\n    os.fork()"),
        ("a shell", "import subprocess\nsubprocess.run(['/bin/sh', '-c', 'true'], check=True)"),
        ("spawning", "import os\nos.posix_spawn('/bin/true', ['true'], {})"),
        ("the network", "import socket\nsocket.create_connection(('1.1.1.1', 53), 1)"),
        ("a local socket", "import socket\nsocket.socketpair()"),
        ("writing to the system", "open('/usr/x', 'w').write('x')"),
        ("writing to the root", "open('/x', 'w').write('x')"),
        ("writing to its code", "open('/code/tests.py', 'w').write('')"),
        ("a large file", "open('/tmp/x', 'wb').write(b'x' * (8 << 20))"),
        ("many files", "for i in range(64):\n    open(f'/tmp/{i}', 'wb').write(b'x' * (512 << 10))"),
        ("much memory", "x = bytearray(1 << 30)"),
        ("reading secrets", "open('/etc/shadow').read()"),
        ("the home of the user", "import os\nassert os.listdir('/root') or os.listdir('/home')"),
        ("the environment", "import os\nassert set(os.environ) - {'PATH', 'HOME', 'LANG', 'PWD', 'LC_CTYPE'}"),
        ("a process of others", "import os\nassert len([p for p in os.listdir('/proc') if p.isdigit()]) > 4"),
        ("killing its parent", "import os\nos.kill(os.getppid(), 9)\nassert os.getppid() > 1"),
        ("namespaces", "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0"),
    ] {
        let code = format!(
            "def done():\n    try:\n{}\n        return True\n    except BaseException:\n        return False",
            attempt.lines().map(|line| format!("        {line}")).collect::<Vec<_>>().join("\n")
        );
        assert_eq!(score(&tests, &code).await, 1.0, "{what}");
    }
    for (what, code) in [
        ("an endless loop", "while True:\n    pass"),
        ("endless sleep", "import time\ntime.sleep(10_000)"),
        (
            "a thread bomb",
            "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(1_000,)).start()",
        ),
        ("endless output", "while True:\n    print('x' * 100_000)"),
        ("deep recursion", "import sys\nsys.setrecursionlimit(10**9)\ndef f():\n    return f()\nf()"),
    ] {
        assert_eq!(score(&tests, code).await, 0.0, "{what}");
    }
}
