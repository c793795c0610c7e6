"""Runs one list of checks over real engines behind the gateway, and writes the table into docs/engines.md.

usage: run.py [--engine NAME]... [--model NAME]... [--check NAME]... [--write]
"""

import argparse
import datetime
import re
import subprocess
import sys
import time

import checks
import models
import parts

ENGINES = {"vllm": parts.Vllm, "llama.cpp": parts.Llama, "transformers": parts.Transformers}
MODELS = {"plain": models.Plain, "reasoner": models.Reasoner}
PAGE = parts.REPOSITORY / "docs/engines.md"
BEGIN, END = "<!-- engines: begin -->", "<!-- engines: end -->"


class At:
    """One engine with one model behind a gateway of its own."""

    def __init__(self, engine, gateway, model):
        self.engine, self.gateway, self.model = engine, gateway, model
        self.chat, self.stream, self.counters = gateway.chat, gateway.stream, engine.counters
        self.found = None

    @property
    def abilities(self):
        if self.found is None:
            self.found = self.gateway.abilities()
        return self.found


def say(text):
    print(text, flush=True)


def run_checks(at, chosen):
    """The cells of one row: what was seen, by the check's name."""
    cells = {}
    for check in chosen:
        began = time.monotonic()
        try:
            cell = ("ok", check(at))
        except checks.Skip as why:
            cell = ("-", str(why))
        except Exception as why:  # Whatever goes wrong is this cell's; the others are still run.
            cell = ("FAIL", str(why) or repr(why))
        cells[check.__name__] = cell
        say(f"  {check.__name__:<13} {cell[0]:<4} {cell[1]}  ({time.monotonic() - began:.1f} s)")
    return cells


def row(engine_class, model, chosen):
    """Starts an engine and a gateway, and runs the checks."""
    engine = engine_class(model)
    with engine.process:
        gateway = parts.Gateway(engine, model)
        with gateway.process:
            say(f"{engine.name} ({engine.version}), {model.about}")
            return engine.version, run_checks(At(engine, gateway, model), chosen)


def table(rows, chosen):
    """The rows as Markdown, with the failures below."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=parts.REPOSITORY, capture_output=True, text=True)
    today = datetime.date.today().isoformat()
    lines = [f"As run on {today} at commit {commit.stdout.strip()}, one processor core for each engine.", ""]
    heads = [check.__name__.replace("_", " ") for check in chosen]
    lines += ["| engine | model | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(heads)]
    failed, skipped = [], {}
    for name, about, version, cells in rows:
        words = []
        for check in chosen:
            kind, text = cells[check.__name__]
            words.append({"ok": f"✓ {text}", "FAIL": "**fails**", "-": "–"}[kind])
            if kind == "FAIL":
                failed.append(f"- **{name}, {about}, {check.__name__.replace('_', ' ')}**: {text}")
            if kind == "-":
                skipped.setdefault((check.__name__, text), []).append(f"{name} {about}")
        lines.append(f"| {version} | {about} | " + " | ".join(words) + " |")
    lines += ["", "Columns: " + "; ".join(f"*{h}*: {c.__doc__.splitlines()[0]}" for h, c in zip(heads, chosen)) + "."]
    if failed:
        lines += ["", "What fails:", "", *failed]
    return "\n".join(lines)


def write(text):
    page = PAGE.read_text()
    assert BEGIN in page and END in page, f"no marks in {PAGE}"
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", page, flags=re.S))


def main():
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--engine", action="append", choices=ENGINES)
    asked.add_argument("--model", action="append", choices=MODELS)
    asked.add_argument("--check", action="append", choices=[c.__name__ for c in checks.ALL])
    asked.add_argument("--write", action="store_true", help="write the table into docs/engines.md")
    asked = asked.parse_args()
    chosen = [c for c in checks.ALL if not asked.check or c.__name__ in asked.check]
    rows, failures = [], 0
    for name in asked.engine or ENGINES:
        for kind in asked.model or MODELS:
            model = MODELS[kind]()
            try:
                version, cells = row(ENGINES[name], model, chosen)
            except parts.Absent as why:
                say(f"skipped: {name}, {kind}: {why}")
                continue
            except RuntimeError as why:
                say(f"FAIL {name}, {kind}: {why}")
                failures += 1
                continue
            failures += sum(cell[0] == "FAIL" for cell in cells.values())
            rows.append((name, model.about, version, cells))
    if rows:
        text = table(rows, chosen)
        say("\n" + text)
        if asked.write:
            write(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
