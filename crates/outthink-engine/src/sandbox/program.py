import ast
import io
import json
import math
import os
import sys

LONGEST = 4096
nonce = sys.argv.pop()
out = os.dup(1)
# What is written past `sys.stdout` goes nowhere, so that it cannot drown the outcome.
nothing = os.open(os.devnull, os.O_WRONLY)
os.dup2(nothing, 1)
os.dup2(nothing, 2)


class Printed(io.TextIOBase):
    """The end of what a program prints."""

    text = ""

    def writable(self):
        return True

    def write(self, text):
        self.text = (self.text + text)[-2 * LONGEST :]
        return len(text)


def shown(value):
    while isinstance(value, (list, tuple, set)) and len(value) == 1:
        value = next(iter(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the outcome is {value}, which is not a finite number")
        # Twelve digits hide what binary fractions add: 0.1 + 0.2 is 0.3.
        value = float(f"{value:.12g}")
        if value.is_integer() and abs(value) < 1e15:
            value = int(value)
    text = str(value).strip()
    if not text:
        raise ValueError("the outcome is an empty text")
    if len(text) > LONGEST:
        raise ValueError(f"the outcome has more than {LONGEST} characters")
    return text


def outcome(code):
    tree = ast.parse(code, "program.py")
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    space = {"__name__": "__main__"}
    printed = sys.stdout = Printed()
    sys.stdin = io.StringIO("")
    exec(compile(tree, "program.py", "exec"), space)
    value = None if last is None else eval(compile(last, "program.py", "eval"), space)
    if space.get("ans") is not None:
        return shown(space["ans"])
    lines = [line for line in printed.text.splitlines() if line.strip()]
    if lines:
        line = lines[-1].strip()
        try:
            number = float(line)
        except ValueError:
            return shown(line)
        return shown(number) if "." in line or not math.isfinite(number) else shown(line)
    if value is not None:
        return shown(value)
    for name in ("answer", "result"):
        if space.get(name) is not None and not callable(space[name]):
            return shown(space[name])
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef):
            needed = len(node.args.posonlyargs + node.args.args) - len(node.args.defaults)
            if needed == 0 and None not in node.args.kw_defaults:
                value = space[node.name]()
                if value is not None:
                    return shown(value)
                break
    raise ValueError("the program printed nothing and assigned nothing to `ans`")


def described(error):
    text = f"{type(error).__name__}: {error}"[:400]
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "program.py":
            line = trace.tb_lineno
        trace = trace.tb_next
    return text if line is None else f"{text} (line {line})"


try:
    with open("/code/answer.py", encoding="utf-8") as file:
        report = {"value": outcome(file.read())}
except BaseException as error:
    report = {"error": described(error)}
os.write(out, f"\n{nonce} {json.dumps(report)}\n".encode())
os._exit(0)
