"""Public test suites of answer graders, judged by outthink and by math-verify.

    python3 benches/answers/suites.py [--from DIR] [--show SUITE]

The suites are the tests of math-verify, lighteval, inspect_ai and lm-evaluation-harness. They are read from their
repositories at run time and are not part of this project: from DIR where it holds `owner+name/repo` or `name`
(git directories or work trees), else by `git clone --depth 1` into a folder of its own. math-verify itself is
installed into a virtual environment there. What cannot be fetched is skipped, with the reason.

Each case is (reference, reply, whether the reply is right). Both graders see the reply as it is and the reference
as it is: ours runs `find_answer` and `is_correct` (`examples/judge.rs`), theirs `parse` and `verify` with the
extraction of LaTeX and expressions, and of letters too where the reference is a letter. Speed is of judging alone.
"""

import argparse
import ast
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPOSITORIES = {
    "math-verify": "huggingface/Math-Verify",
    "lighteval": "huggingface/lighteval",
    "inspect_ai": "UKGovernmentBEIS/inspect_ai",
    "lm-eval": "EleutherAI/lm-evaluation-harness",
}
THEIRS = r'''
import json, logging, sys, time
from math_verify import ExprExtractionConfig, LatexExtractionConfig, StringExtractionConfig, parse, verify
logging.disable(logging.CRITICAL)
pairs = [json.loads(line) for line in sys.stdin]
out, started = [], time.perf_counter()
for pair in pairs:
    config = [LatexExtractionConfig(), ExprExtractionConfig()]
    if len(pair["gold"]) == 1 and pair["gold"].isalpha():
        config = [StringExtractionConfig(strings=tuple("ABCDEFGHIJ"), lowercase=False)]
    try:
        right = bool(verify(parse(pair["gold"], config), parse(pair["reply"], config)))
    except Exception:
        right = False
    out.append({"right": right})
print(json.dumps({"seconds": time.perf_counter() - started}), file=sys.stderr)
for line in out:
    print(json.dumps(line))
'''


class Source:
    """Files of a repository, from a git directory or a work tree."""

    def __init__(self, suite, given, scratch):
        name = REPOSITORIES[suite]
        options = [given / name.replace("/", "+") / "repo", given / name.split("/")[1]] if given else []
        self.path = next((path for path in options if path.exists()), None)
        if self.path is None:
            self.path = scratch / name.split("/")[1]
            if not self.path.exists():
                clone = ["git", "clone", "--quiet", "--depth", "1", f"https://github.com/{name}", str(self.path)]
                run = subprocess.run(clone, capture_output=True, text=True, check=False)
                if run.returncode:
                    raise OSError(run.stderr.strip().splitlines()[-1])

    def git(self, *arguments):
        run = subprocess.run(["git", "-C", str(self.path), *arguments], capture_output=True, text=True, check=False)
        if run.returncode:
            raise OSError(run.stderr.strip())
        return run.stdout

    def files(self, folder, end):
        return [f for f in self.git("ls-tree", "-r", "--name-only", "HEAD", folder).splitlines() if f.endswith(end)]

    def text(self, path):
        return self.git("show", f"HEAD:{path}")


def rows(text):
    """The rows of all `parametrize` decorators of a test file, as dictionaries of what is a literal."""
    for node in ast.walk(ast.parse(text)):
        if not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "parametrize" and len(node.args) > 1):
            continue
        try:
            names = ast.literal_eval(node.args[0])
        except ValueError:
            continue
        names = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
        for row in getattr(node.args[1], "elts", []):
            row = row.args if isinstance(row, ast.Call) else getattr(row, "elts", [])
            out = {}
            for name, cell in zip(names, row):
                try:
                    out[name] = ast.literal_eval(cell)
                except ValueError:
                    pass
            yield out


def graded(text, wrong=()):
    for row in rows(text):
        expected = row.get("expected", row.get("result"))
        fits = all(isinstance(row.get(k), str) for k in ("gold", "pred")) and isinstance(expected, (int, bool))
        # A row that asks for another precision or a relaxed rule asks for another grader.
        if fits and row.get("precision", 6) == 6 and not row.get("allow_set_relation_comp") and row.get("strict", True):
            yield row["gold"], row["pred"], bool(expected)


def math_verify(source):
    for path in source.files("tests/", ".py"):
        yield from graded(source.text(path))


def lighteval(source):
    for path in source.files("tests/", "test_extractive_match.py"):
        yield from graded(source.text(path))


def inspect_ai(source):
    for case in json.loads(source.text("tests/scorer/math_cases.json")):
        if case["expected"] in ("C", "I"):
            yield case["target"], case["output"], case["expected"] == "C"


def lm_eval(source):
    for row in rows(source.text("tests/test_kormedmcqa.py")):
        if row.get("expected"):
            yield row["expected"], row["output"], True
    # Of the tests of jfinqa, those of what is found in a reply, not those of its helpers.
    finds = source.text("lm_eval/tasks/jfinqa/test_jfinqa_utils.py").split("class TestExtractAnswer")[1].split("\nclass ")[0]
    for row in rows("class TestExtractAnswer" + finds):
        if isinstance(row.get("expected"), str) and row["expected"]:
            yield row["expected"], row["text"], True


READERS = {"math-verify": math_verify, "lighteval": lighteval, "inspect_ai": inspect_ai, "lm-eval": lm_eval}


def judge(command, cases):
    lines = "".join(json.dumps({"gold": gold, "reply": reply}) + "\n" for gold, reply, _ in cases)
    run = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    seconds = json.loads(run.stderr.strip().splitlines()[-1])["seconds"]
    return [json.loads(line) for line in run.stdout.splitlines()], seconds


def environment(scratch):
    python = scratch / "venv" / "bin" / "python"
    if subprocess.run([python, "-c", "import math_verify"], capture_output=True, check=False).returncode if python.exists() else True:
        subprocess.run([sys.executable, "-m", "venv", str(scratch / "venv")], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "math-verify==0.9.0"], check=True)
    return python


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="given", type=pathlib.Path, help="folder with copies of the repositories")
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "outthink-answers")
    parser.add_argument("--judge", help="the built example; without it, it is built in release mode")
    parser.add_argument("--show", help="print the cases of this suite that ours gets wrong")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    if not options.judge:
        build = ["cargo", "build", "--release", "-q", "-p", "outthink-verify", "--example", "judge"]
        subprocess.run(build, cwd=ROOT, check=True)
        options.judge = str(ROOT / "target/release/examples/judge")
    try:
        python = environment(options.scratch)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: math-verify cannot be installed: {error}")
        return
    print(f"{'suite':12} {'n':>4} {'ours':>5} {'theirs':>6}   accepted though wrong: ours, theirs   cases/s: ours, theirs")
    total = [0] * 5
    for suite, reader in READERS.items():
        try:
            cases = list(reader(Source(suite, options.given, options.scratch)))
        except OSError as error:
            print(f"{suite:12} skipped: {error}")
            continue
        (ours, our_time), (theirs, their_time) = judge([options.judge], cases), judge([python, "-c", THEIRS], cases)
        right = [sum(j["right"] == case[2] for j, case in zip(judged, cases)) for judged in (ours, theirs)]
        false = [sum(j["right"] and not case[2] for j, case in zip(judged, cases)) for judged in (ours, theirs)]
        total = [t + n for t, n in zip(total, [len(cases), *right, *false])]
        speed = [len(cases) / seconds for seconds in (our_time, their_time)]
        print(f"{suite:12} {len(cases):4} {right[0]:5} {right[1]:6}   {false[0]:10}, {false[1]:<6} {speed[0]:26.0f}, {speed[1]:.0f}")
        if options.show in (suite, "all"):
            for (gold, reply, expected), our, their in zip(cases, ours, theirs):
                if our["right"] != expected:
                    print(f"  {'missed' if expected else 'FALSE'} gold {gold!r} reply {reply!r} found {our['found']!r} theirs {their['right']}")
    print(f"{'all':12} {total[0]:4} {total[1]:5} {total[2]:6}   {total[3]:10}, {total[4]}")


if __name__ == "__main__":
    main()
