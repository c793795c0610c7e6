"""What every engine must do through the gateway, one function a check.

A check gives a short word of what it saw, or raises: `AssertionError` for what is wrong, `Skip` for what this engine
or model does not have. The first line of its docstring is the column's meaning in docs/engines.md.
"""

import json
import re
import time

import web
from problems import problems


class Skip(Exception):
    """Not there, and why."""


def user(text):
    return [{"role": "user", "content": text}]


def said(reply):
    """Status 200 and a choice; gives its message, its finish reason and its usage."""
    status, body = reply
    assert status == 200, f"{status}: {body.get('error', {}).get('message', body)}"[:300]
    choice = body["choices"][0]
    return choice["message"], choice["finish_reason"], body["usage"]


def has_text(message, at):
    text = message.get("content") or ""
    thought = message.get("reasoning_content") or ""
    assert text.strip(), f"empty content after {len(thought)} characters of reasoning"
    if at.model.reasons:
        assert thought, f"no reasoning before {text!r}"
        assert "</think>" not in text + thought and "<think>" not in text + thought, f"marks in {text!r}"
    return text


def limit(at, tokens=48):
    """A limit for models that might not stop by themselves; a reasoner gets none."""
    return {} if at.model.reasons else {"max_tokens": tokens}


def plain(at):
    """a chat completion, whole"""
    message, finish, _ = said(at.chat(messages=user(at.model.question), reasoning_effort="none" if not at.model.reasons else "auto", **limit(at)))
    has_text(message, at)
    return finish


def streamed(at):
    """the same as a stream, with usage at its end"""
    found = at.stream(messages=user(at.model.question), outthink={"strategy": "single"}, **limit(at))
    deltas = [e["choices"][0]["delta"] for e in found if e["choices"]]
    joined = {k: "".join(d.get(k) or "" for d in deltas) for k in ("content", "reasoning_content")}
    has_text(joined, at)
    pieces = sum(bool(d.get("content") or d.get("reasoning_content")) for d in deltas)
    assert pieces > 1, f"{pieces} piece"
    assert found[-1].get("usage"), "no usage"
    return f"{pieces} pieces"


def samples(at):
    """four samples and a vote over them"""
    question = at.model.question if at.model.reasons else "What is 2 + 3? Give the number."
    status, body = at.chat(
        messages=user(question), outthink={"strategy": "self-consistency", "samples": 4}, temperature=1, **limit(at)
    )
    said((status, body))
    drawn = body["outthink"]["samples_drawn"]
    assert drawn == 4, f"{drawn} samples"
    return f"{sum(v['votes'] for v in body['outthink']['votes'])} votes"


def logprobs(at):
    """log-probabilities of the reply's tokens"""
    status, body = at.chat(
        messages=user(at.model.question), logprobs=True, top_logprobs=2, outthink={"strategy": "single"}, **limit(at)
    )
    said((status, body))
    content = (body["choices"][0].get("logprobs") or {}).get("content")
    assert content, f"none; notes: {body['outthink'].get('notes')}"
    assert all(t["logprob"] <= 0 for t in content)
    return f"{len(content)} tokens"


TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "The weather of a city.",
        "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def tools(at):
    """a greedy call of a required tool: the same as the engine's own; *fits* where its arguments fit the tool's schema"""
    if at.model.reasons:
        raise Skip("the model knows characters of its task alone")
    asked = {
        "messages": user("What is the weather in Paris?"), "tools": [TOOL], "tool_choice": "required", "max_tokens": 80,
        "temperature": 0,
    }
    message, finish, _ = said(at.chat(**asked, outthink={"strategy": "single"}))
    calls = [call["function"] for call in message.get("tool_calls") or []]
    status, direct = web.post(f"{at.engine.url}/v1/chat/completions", {"model": at.gateway.model, **asked})
    assert status == 200, direct
    own = [call["function"] for call in direct["choices"][0]["message"].get("tool_calls") or []]
    if not calls and not own:
        raise Skip("the engine by itself makes no call with this model's template")
    assert calls == own, f"{calls} where the engine itself makes {own} ({finish})"
    arguments = json.loads(calls[0]["arguments"])
    fits = isinstance(arguments, dict) and isinstance(arguments.get("city"), str)
    return "fits" if fits else f"the engine's own: `{calls[0]['arguments']}`"


def schema(at):
    """a reply in the form of a JSON schema"""
    if at.model.reasons:
        raise Skip("the model knows characters of its task alone")
    form = {
        "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False,
    }
    message, _, _ = said(at.chat(
        messages=user("Give a small number as JSON with the key n."), max_tokens=40, outthink={"strategy": "single"},
        response_format={"type": "json_schema", "json_schema": {"name": "number", "schema": form, "strict": True}},
    ))
    assert isinstance(json.loads(message["content"])["n"], int), message["content"]
    return "valid"


def stop(at):
    """a stop text ends the reply and is not in it"""
    if at.model.reasons:
        raise Skip("its replies are one number")
    words = [" and", ".", ","]
    message, finish, _ = said(at.chat(
        messages=user("Describe the sea in one long sentence."), stop=words, max_tokens=120, temperature=0,
        outthink={"strategy": "single"},
    ))
    assert finish == "stop" and not any(w in message["content"] for w in words), (finish, message["content"])
    return "met"


def long_prompt(at):
    """a prompt of some 1,500 tokens"""
    text = " ".join(str(i % 10) for i in range(740)) if at.model.reasons else "The sea is wide. " * 300
    status, body = at.chat(messages=user(text), max_tokens=4, outthink={"strategy": "single"})
    assert status == 200, f"{status}: {body}"[:300]
    prompt = body["usage"]["prompt_tokens"]
    assert prompt > 1200, f"{prompt} tokens"
    return f"{prompt} tokens"


def continuation(at):
    """the beginning of a reply is continued (`outthink probe`)"""
    kinds = {f["ability"]: f for f in at.abilities["findings"]}
    wanted = ["continuation"] + (["open_reasoning", "forced_end"] if at.model.reasons else [])
    bad = [w for w in wanted if kinds[w]["verdict"] != "yes"]
    assert not bad, "; ".join(f"{w}: {kinds[w]['verdict']} ({kinds[w]['how']})" for w in bad)
    return kinds["continuation"].get("way") or "yes"


def forced_end(at):
    """reasoning is closed at a cap, and an answer comes"""
    if not at.model.reasons:
        raise Skip("no reasoning")
    cap = 60
    status, body = at.chat(messages=user(at.model.question), outthink={**CAPPED, "thinking_cap": cap})
    message, _, usage = said((status, body))
    has_text(message, at)
    assert usage["completion_tokens"] <= cap + 30, usage
    return f"{usage['completion_tokens']} tokens"


# How desk-reasoner spells the end of its reasoning.
CLOSING = "</think>#### "
CAPPED = {"strategy": "budget-forcing", "settings": {"closing": CLOSING}}
EARLY = {"every": 40, "agree": 5, "answer_tokens": 4, "words": CLOSING, "closing": CLOSING}


def early_exit(at):
    """reasoning is closed once probes agree on the answer"""
    if not at.model.reasons:
        raise Skip("no reasoning")
    status, body = at.chat(messages=user(at.model.question), outthink={"strategy": "probe", "settings": EARLY})
    message, _, usage = said((status, body))
    has_text(message, at)
    return f"{usage['completion_tokens']} tokens"


def answers(at):
    """held-out problems, without any flag: right ones of twenty"""
    if not at.model.reasons:
        raise Skip("no reasoning")
    right = 0
    for question, gold in problems(20, at.model.levels):
        message, _, _ = said(at.chat(messages=user(question)))
        right += has_text(message, at).split()[-1] == gold
    assert right >= 17, f"{right} of 20"
    return f"{right}/20"


def cancellation(at):
    """a client that leaves stops the engine's work, by the engine's own counter"""
    if at.counters() is None:
        raise Skip("the engine counts nothing")
    body = {"messages": user("Tell me a very long story."), "max_tokens": 1500} if not at.model.reasons else {
        "messages": user("x900 1+2*3-4 mod 5")}
    at.stream(most=3, outthink={"strategy": "single"}, ignore_eos=True, **body)
    began = time.monotonic()
    while at.counters()["running"]:
        assert time.monotonic() - began < 5, "still at work after 5 s"
        time.sleep(0.01)
    waited = time.monotonic() - began
    generated = at.counters()["generated"]
    time.sleep(0.5)
    assert at.counters()["generated"] == generated, "goes on"
    return f"{waited * 1e3:.0f} ms"


def bill(at):
    """the bill of eight requests equals the engine's own counters, or its own usage, to the token; where streams were closed before their end, which the receipt says, no more is billed than was counted"""
    asked = [
        {"outthink": {"strategy": "single"}},
        {"outthink": {"strategy": "self-consistency", "samples": 3}},
        {"outthink": {"strategy": "single"}, "stream": True},
        {"outthink": {"strategy": "adaptive", "samples": 5}, "stream": True},
    ]
    if at.model.reasons:
        asked += [
            {"outthink": {**CAPPED, "thinking_cap": 40}},
            {"outthink": {**CAPPED, "thinking_cap": 90}, "stream": True},
            {"outthink": {"strategy": "single"}, "max_tokens": 20},
            {"outthink": {"strategy": "single"}, "max_tokens": 20, "stream": True},
        ]
    else:
        asked += [{"outthink": {"strategy": "single"}, "logprobs": True}, {"outthink": {"strategy": "single"}, "n": 1}]
        asked += [{"outthink": {"strategy": "adaptive"}, "response_format": {"type": "text"}}, {"stop": ["."]}]
    if at.counters() is None:
        return same_usage(at)
    equal, closed, wrong = 0, 0, []
    for number, fields in enumerate(asked):
        # A question of its own each: what is checked once of a model is on no request's bill.
        text = f"{number % 5}+2*3-{1 + number // 5} mod 5" if at.model.reasons else f"Say {number} words about the number {number}."
        fields = {**limit(at), "messages": user(text), **fields}
        before = at.counters()
        if fields.pop("stream", False):
            last = at.stream(**fields)[-1]
            usage, receipt = last["usage"], last["outthink"]
        else:
            status, body = at.chat(**fields)
            _, _, usage = said((status, body))
            receipt = body["outthink"]
        time.sleep(0.3)
        after = at.counters()
        mine = usage["completion_tokens"], usage["prompt_tokens"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        theirs = int(after["generated"] - before["generated"]), int(after["prompt"] - before["prompt"])
        # llama.cpp counts the prompt tokens that it computed, without those of its cache.
        if at.engine.name == "llama.cpp":
            mine = mine[0], mine[1] - cached
        # A stream that is closed before its end brings no usage: neither what the engine generated after the last
        # piece that arrived, nor how much of the prompt was in its cache.
        beyond = theirs[0] - mine[0], abs(theirs[1] - mine[1])
        if mine == theirs:
            equal += 1
        elif receipt.get("estimated") and receipt["cancelled_tokens"] and 0 <= beyond[0] <= 64 and beyond[1] <= usage["prompt_tokens"] // 5:
            closed += 1
        else:
            name = fields["outthink"].get("strategy") if "outthink" in fields else "auto"
            wrong.append(f"{number} {name}: billed {mine}, counted {theirs} (generated, prompt)")
    assert not wrong, f"{equal} of {len(asked)} equal; " + "; ".join(wrong)
    return f"{equal} of {len(asked)}" + (f", {closed} with closed streams" if closed else "")


def closed_streams(at):
    """early exit: what the engine generated on streams that were closed, beyond the tokens that arrived and are billed"""
    if not at.model.reasons:
        raise Skip("no reasoning")
    if at.counters() is None:
        raise Skip("the engine counts nothing")
    beyond = []
    for number in range(8):
        before = at.counters()
        _, _, usage = said(at.chat(messages=user(f"{number % 5}*3+2-{1 + number // 5} mod 5"), outthink={"strategy": "probe", "settings": EARLY}))
        time.sleep(0.3)
        beyond.append(int(at.counters()["generated"] - before["generated"]) - usage["completion_tokens"])
    # No token is billed that the engine did not generate; what came after the last piece that was read is nobody's.
    assert min(beyond) >= 0, f"more billed than generated: {beyond}"
    assert max(beyond) <= EARLY["every"] * 4, f"the engine went on: {beyond}"
    return f"0 to {max(beyond)} tokens" if min(beyond) == 0 else f"{min(beyond)} to {max(beyond)} tokens"


def same_usage(at):
    """Greedy requests to the engine itself and through the gateway: the same usage."""
    for number in range(4):
        text = f"{number}+2*3 mod 5" if at.model.reasons else f"Say a word about the number {number}."
        fields = {"messages": user(text), "temperature": 0, **({"max_tokens": 400} if at.model.reasons else limit(at))}
        status, direct = web.post(f"{at.engine.url}/v1/chat/completions", {"model": at.gateway.model, **fields})
        assert status == 200, direct
        _, _, usage = said(at.chat(**fields, outthink={"strategy": "single"}))
        for what in ("prompt_tokens", "completion_tokens"):
            assert usage[what] == direct["usage"][what], f"{what}: {usage[what]}, the engine says {direct['usage'][what]}"
    return "4 of 4 by usage"


ALL = [
    plain, streamed, samples, logprobs, tools, schema, stop, long_prompt, continuation, forced_end, early_exit,
    cancellation, bill, closed_streams, answers,
]
