"""One budget over a batch against the same spending for each question, over recorded samples.

    python3 benches/batch.py BINARY POOL [--questions 500] [--kills 10] [--at-once 16] [--seed 0] [--orders 1]

A server replays the recorded samples of POOL (a gzipped file with one problem and its samples a line) in an order that the
seed gives and that is the same for every arm. `outthink batch` asks it three times: at the effort `high`; with a third of
what that cost as the budget of the batch, killed on the way; and with the same number of samples for every question, so
many that together they cost no less than the batch did. Several orders are averaged for each question. Needs Python alone.

The accounting is checked to the token. The server sends a reply at once and whole, so one that was cancelled is in its
account and not, or in part, in the receipt, which then says `estimated`. Where it does not, both have to be equal. After a
kill the batch has to come to its receipts and what it lost, and the server must not have sent more than the budget pays for.
"""

import argparse
import asyncio
import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter

USD = 1e-6  # a token, by --price-output 1
# The recorded prompts ask for a final answer, too: a reply without one says little of the question.
ASKED = "Put your final answer in \\boxed{}."


class Replay:
    """A server with the OpenAI API that answers a question with its next recorded sample."""

    def __init__(self, problems):
        self.problems, self.next, self.sent, self.calls, self.tokens = problems, Counter(), Counter(), 0, 0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self.run, args=(ready,), daemon=True).start()
        ready.wait()

    def run(self, ready):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/v1" % server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    def reset(self):
        self.next.clear()
        self.sent.clear()
        self.calls = self.tokens = 0

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: (\d+)", head, re.I)
                body = await reader.readexactly(int(length.group(1))) if length else b""
                kind, reply = self.answer(head.split()[1], body)
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (kind, len(reply), reply)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, path, body):
        if not path.endswith("/chat/completions"):
            return b"application/json", json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()
        request = json.loads(body)
        number = int(re.match(r"\[(\d+)\]", request["messages"][-1]["content"]).group(1))
        samples = self.problems[number]["samples"]
        sample = samples[self.next[number] % len(samples)]
        self.next[number] += 1
        limit = request.get("max_tokens") or request.get("max_completion_tokens") or 1 << 30
        cut = sample["tokens"] > limit
        tokens = min(sample["tokens"], limit)
        self.calls += 1
        self.tokens += tokens
        self.sent[number] += tokens
        text = "..." if cut or sample["answer"] is None else f"The answer is \\boxed{{{sample['answer']}}}."
        usage = {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens}
        if not request.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}
            return b"application/json", json.dumps({"id": "c", "model": "m", "choices": [choice], "usage": usage}).encode()
        chunk = lambda **more: {"id": "c", "object": "chat.completion.chunk", "model": "m", "created": 0, **more}
        delta = lambda delta, end: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        events = [
            delta({"role": "assistant", "content": text}, None),
            delta({}, "length" if cut else "stop"),
            chunk(choices=[], usage=usage),
        ]
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return b"text/event-stream", data.encode()


def load(path, count, seed):
    with gzip.open(path, "rt") as file:
        problems = [json.loads(line) for line in file][:count]
    for number, problem in enumerate(problems):
        random.Random(seed * 1_000_003 + number).shuffle(problem["samples"])
    return problems


def write(folder, name, problems, fields):
    path = os.path.join(folder, name + ".jsonl")
    with open(path, "w") as file:
        for number, problem in enumerate(problems):
            question = f"[{number}] {problem.get('question', problem['problem_id'])}\n{ASKED}"
            body = {"messages": [{"role": "user", "content": question}], "max_tokens": 512, **fields(number)}
            line = {"custom_id": str(number), "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(line) + "\n")
    return path


def batch(binary, server, path, more, kills=0, expected=0):
    command = [binary, "batch", path, "--upstream", server.url, "--price-output", "1", "--json", *more]
    for kill in range(kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and server.calls < expected * (kill + 1) / (kills + 1):
            threading.Event().wait(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    with open(path.removesuffix(".jsonl") + ".out.jsonl") as file:
        lines = [json.loads(line) for line in file]
    results = {int(line["custom_id"]): line for line in lines}
    assert len(results) == len(lines), "a request has two results"
    return json.loads(done.stdout), results


def right(problems, results):
    def one(number, problem):
        if number not in results:
            return 0
        text = results[number]["response"]["body"]["choices"][0]["message"]["content"] or ""
        found = re.search(r"\\boxed\{(.*)\}", text)
        flags = [s["correct"] for s in problem["samples"] if found and str(s["answer"]) == found.group(1)]
        return int(sum(flags) * 2 > len(flags))

    return [one(number, problem) for number, problem in enumerate(problems)]


def interval(differences, seed):
    rng, n = random.Random(seed), len(differences)
    means = sorted(sum(rng.choices(differences, k=n)) / n for _ in range(4_000))
    return means[100], means[3_899]


def receipts(results):
    return {number: line["response"]["body"] for number, line in results.items()}


def left(server, results):
    """Tokens of replies that were cancelled, which are in the server's account alone; all others are equal."""
    rest = 0
    for number, body in receipts(results).items():
        difference = server.sent[number] - body["usage"]["completion_tokens"]
        if difference and not body["outthink"].get("estimated"):
            sys.exit(f"question {number}: the receipt and the server differ by {difference} tokens")
        rest += difference
    return rest


def measure(binary, args, order):
    problems = load(args.pool, args.questions, order)
    server, n = Replay(problems), len(problems)
    with tempfile.TemporaryDirectory() as folder:
        # At `high`.
        path = write(folder, "high", problems, lambda _: {"reasoning_effort": "high"})
        at_once = ["--at-once", str(args.at_once)]
        _, results = batch(binary, server, path, at_once)
        high_right, high_calls, high_spent = right(problems, results), server.calls, server.tokens * USD
        high_left = left(server, results)
        budget = high_spent / 3
        # A third of that as one budget, killed on the way.
        server.reset()
        path = write(folder, "budget", problems, lambda _: {"reasoning_effort": "auto", "outthink": {"strategy": "allocate"}})
        more = ["--budget-usd", f"{budget:.9f}", *at_once]
        whole, results = batch(binary, server, path, more, args.kills, high_calls / 3)
        whole_right, whole_spent = right(problems, results), server.tokens * USD
        counts, own = whole["request_counts"], whole["outthink"]
        assert counts["completed"] + counts["failed"] == n and len(results) == counts["completed"], counts
        assert max(own["cost_usd"], whole_spent) <= budget, "the budget was exceeded"
        billed = sum(body["outthink"]["cost_nano_usd"] for body in receipts(results).values())
        assert counts["failed"] or own["cost_nano_usd"] == billed + own["interrupted_nano_usd"], "a token is not counted once"
        # What a kill lost is in the server's account and in no receipt.
        cancelled = "" if args.kills else f"; {left(server, results)} tokens in replies that were cancelled"
        # The same for every question: so many samples that they cost no less than the batch did with all that was lost.
        server_calls = max(own["samples_drawn"], n)
        while True:
            server.reset()
            each, further = divmod(server_calls, n)
            samples = lambda number: each + (number < further)
            voting = lambda n: {"outthink": {"strategy": "self-consistency", "samples": n}} if n > 1 else {"reasoning_effort": "none"}
            path = write(folder, f"equal-{server_calls}", problems, lambda number: voting(samples(number)))
            _, results = batch(binary, server, path, at_once)
            equal_right, equal_spent = right(problems, results), server.tokens * USD
            left(server, results)
            if equal_spent >= whole_spent:
                break
            server_calls += max(int(server_calls * (whole_spent / equal_spent - 1)), n // 50 + 1)
    percent = lambda flags: f"{100 * sum(flags) / n:.1f} %"
    print(f"{n} questions of {os.path.basename(args.pool)}, order {order}, {args.kills} kills, {args.at_once} at once")
    print(f"high: {percent(high_right)} for ${high_spent:.6f} ({high_left} tokens in replies that were cancelled)")
    print(
        f"one budget of ${budget:.6f}: {percent(whole_right)} for ${whole_spent:.6f} (counted ${own['cost_usd']:.6f}, of it "
        f"${own['interrupted_nano_usd'] / 1e9:.6f} for {own['interrupted']} asked again{cancelled}), "
        f"{counts['failed']} not answered, {own['samples_drawn'] / n:.2f} samples a question"
    )
    print(f"equal: {percent(equal_right)} for ${equal_spent:.6f}, {server_calls / n:.2f} samples a question", flush=True)
    return [a - b for a, b in zip(whole_right, equal_right)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("pool")
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--at-once", type=int, default=16, help="requests at once: those that ran at a kill are asked again")
    parser.add_argument("--seed", type=int, default=0, help="of the first order")
    parser.add_argument("--orders", type=int, default=1)
    args = parser.parse_args()
    measured = [measure(os.path.abspath(args.binary), args, args.seed + i) for i in range(args.orders)]
    differences = [sum(of_question) / args.orders for of_question in zip(*measured)]
    low, most = interval(differences, args.seed)
    mean = 100 * sum(differences) / len(differences)
    print(f"difference {mean:+.1f} points, 95 % interval {100 * low:+.1f} to {100 * most:+.1f}, {args.orders} orders")


main()
