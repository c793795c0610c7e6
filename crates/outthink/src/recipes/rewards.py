"""The reward: outthink's verifier, asked over HTTP. Written by `outthink train recipe`.

Start the gateway first: `outthink serve`. The environment variable OUTTHINK_REWARDS names another
address, OUTTHINK_GATEWAY_KEY a key where the gateway asks for one.
"""

import json
import os
import urllib.error
import urllib.request

URL = os.environ.get("OUTTHINK_REWARDS", @REWARDS@)


def judge(prompts, completions, golds, timeout=60.0):
    """Scores in [0, 1], one for each completion, in their order."""
    items = [
        {"prompt": prompt, "completion": completion, "gold": gold}
        for prompt, completion, gold in zip(prompts, completions, golds, strict=True)
    ]
    headers = {"content-type": "application/json"}
    if key := os.environ.get("OUTTHINK_GATEWAY_KEY"):
        headers["authorization"] = f"Bearer {key}"
    request = urllib.request.Request(URL, json.dumps({"items": items}).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            data = json.load(reply)["data"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{URL} answered {error.code}: {error.read().decode(errors='replace')}") from error
    except urllib.error.URLError as error:
        raise RuntimeError(f"no gateway at {URL} ({error.reason}): start `outthink serve`") from error
    scores = [0.0] * len(items)
    for row in data:
        scores[row["index"]] = float(row["score"])
    return scores
