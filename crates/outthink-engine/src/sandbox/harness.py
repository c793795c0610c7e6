import ast
import os
import sys

nonce = sys.argv.pop()
out = os.dup(1)
# What the code prints goes nowhere, so that it cannot drown the result.
nothing = os.open(os.devnull, os.O_WRONLY)
os.dup2(nothing, 1)
os.dup2(nothing, 2)
code = open("/code/answer.py", encoding="utf-8").read()
tests = ast.parse(open("/code/tests.py", encoding="utf-8").read())
space = {"__name__": "answer"}
passed = total = 0
try:
    exec(compile(code, "answer.py", "exec"), space)
except BaseException:
    space = None
for node in tests.body:
    setup = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    counted = not isinstance(node, setup)
    total += counted
    if space is None:
        continue
    try:
        exec(compile(ast.Module([node], []), "tests.py", "exec"), space)
        passed += counted
    except BaseException:
        pass
os.write(out, f"\n{nonce} {passed} {total}\n".encode())
os._exit(0)
