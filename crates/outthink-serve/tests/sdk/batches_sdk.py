"""Files and batches by the official Python SDK, and its other things that come several at a time."""

import json
import os
import time

import openai

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="none", max_retries=0)
QUESTION = [{"role": "user", "content": "What is 2+2?"}]


def line(name, url="/v1/chat/completions", **body):
    return json.dumps({"custom_id": name, "method": "POST", "url": url, "body": {"model": "m", **body}}) + "\n"


def ended(batch):
    for _ in range(600):
        batch = client.batches.retrieve(batch.id)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return batch
        time.sleep(0.05)
    raise AssertionError(batch)


# Chat completions
text = "".join(line(f"r{n}", messages=QUESTION) for n in range(5)) + line("bad", messages=[])
file = client.files.create(file=("in.jsonl", text.encode()), purpose="batch")
assert (file.object, file.purpose, file.filename, file.bytes) == ("file", "batch", "in.jsonl", len(text)), file
assert client.files.retrieve(file.id).id == file.id
assert client.files.content(file.id).text == text
batch = client.batches.create(
    input_file_id=file.id,
    endpoint="/v1/chat/completions",
    completion_window="24h",
    metadata={"job": "nightly"},
    extra_body={"outthink": {"budget_tokens": 100_000}},
)
assert batch.object == "batch" and batch.input_file_id == file.id and batch.metadata == {"job": "nightly"}, batch
batch = ended(batch)
assert batch.status == "completed" and batch.errors is None, batch
assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (6, 5, 1), batch
assert batch.usage.total_tokens == batch.usage.input_tokens + batch.usage.output_tokens > 0, batch
results = [json.loads(result) for result in client.files.content(batch.output_file_id).text.splitlines()]
assert [result["custom_id"] for result in results] == [f"r{n}" for n in range(5)]
for result in results:
    reply = openai.types.chat.ChatCompletion.model_validate(result["response"]["body"])
    assert reply.choices[0].message.content == "The answer is 4.", reply
(failed,) = [json.loads(error) for error in client.files.content(batch.error_file_id).text.splitlines()]
assert failed["custom_id"] == "bad" and failed["response"]["status_code"] == 400, failed
assert [found.id for found in client.batches.list(limit=1)] == [batch.id]
assert {found.id for found in client.files.list(purpose="batch_output")} == {batch.output_file_id, batch.error_file_id}

# Responses
text = line("a", "/v1/responses", input="What is 2+2?")
file = client.files.create(file=("responses.jsonl", text.encode()), purpose="batch")
batch = ended(client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h"))
(result,) = client.files.content(batch.output_file_id).text.splitlines()
reply = openai.types.responses.Response.model_validate(json.loads(result)["response"]["body"])
assert reply.output_text == "The answer is 4.", reply

# Cancelled, and what cannot be
text = "".join(line(f"c{n}", "/v1/responses", input="What is 2+2?") for n in range(3000))
file = client.files.create(file=("many.jsonl", text.encode()), purpose="batch")
cancelled = client.batches.cancel(client.batches.create(
    input_file_id=file.id, endpoint="/v1/responses", completion_window="24h").id)
assert cancelled.status in ("cancelling", "cancelled"), cancelled
assert ended(cancelled).status == "cancelled"
try:
    client.batches.cancel(batch.id)
    raise AssertionError("a batch that has ended was cancelled")
except openai.ConflictError as error:
    assert error.code == "batch_not_cancellable", error
assert client.files.delete(file.id).deleted
try:
    client.files.retrieve(file.id)
    raise AssertionError("a deleted file is there")
except openai.NotFoundError:
    pass

# A file with a mistake
file = client.files.create(file=("bad.jsonl", b"{}\n"), purpose="batch")
batch = ended(client.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h"))
assert batch.status == "failed" and batch.errors.data[0].line == 1, batch

# Several final answers
reply = client.chat.completions.create(model="m", messages=QUESTION, n=3, reasoning_effort="low")
assert [choice.index for choice in reply.choices] == [0, 1, 2], reply
assert all(choice.message.content == "The answer is 4." for choice in reply.choices), reply
receipts = [choice.outthink for choice in reply.choices]
assert len({receipt["trace_id"] for receipt in receipts}) == 3, receipts
assert sum(receipt["samples_drawn"] for receipt in receipts) == reply.outthink["samples_drawn"] >= 6, reply.outthink
said, usage = ["", "", ""], []
for chunk in client.chat.completions.create(
    model="m", messages=QUESTION, n=3, stream=True, stream_options={"include_usage": True}
):
    for choice in chunk.choices:
        said[choice.index] += choice.delta.content or ""
    usage += [chunk.usage] if chunk.usage else []
assert said == ["The answer is 4."] * 3 and len(usage) == 1, (said, usage)

# In the background
response = client.responses.create(model="m", input="What is 2+2?", background=True)
assert response.status in ("queued", "in_progress") and response.background, response
for _ in range(600):
    response = client.responses.retrieve(response.id)
    if response.status not in ("queued", "in_progress"):
        break
    time.sleep(0.05)
assert response.status == "completed" and response.output_text == "The answer is 4.", response

print("all well")
