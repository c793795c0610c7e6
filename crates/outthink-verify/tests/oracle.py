"""Judges pairs of answers with math-verify: JSON lines in, JSON lines out.

A line in is {"gold": ..., "target": ...}; a line out is {"equal": true or false}, or
{"error": ...} where the oracle itself failed.
"""

import json
import logging
import sys

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

logging.disable(logging.CRITICAL)
CONFIG = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]


def read(answer):
    return parse("$\\boxed{" + answer + "}$", CONFIG)


for line in sys.stdin:
    pair = json.loads(line)
    try:
        result = {"equal": bool(verify(read(pair["gold"]), read(pair["target"])))}
    except Exception as error:  # the oracle's failures are counted, not hidden
        result = {"error": repr(error)}
    print(json.dumps(result), flush=True)
