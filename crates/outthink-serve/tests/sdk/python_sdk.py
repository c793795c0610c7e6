"""The official Python SDK against the gateway."""

import json
import os

import openai

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="none", max_retries=0)
QUESTION = [{"role": "user", "content": "What is 2+2?"}]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]

# Models
assert [m.id for m in client.models.list()] == ["m"]
assert client.models.retrieve("m").object == "model"

# Plain
reply = client.chat.completions.create(model="m", messages=QUESTION)
assert reply.choices[0].message.content == "The answer is 4.", reply
assert reply.choices[0].message.reasoning_content == "two and two", reply
assert reply.choices[0].finish_reason == "stop"
assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
assert reply.usage.completion_tokens_details.reasoning_tokens == 1, reply.usage
assert reply.outthink["samples_drawn"] == 1
assert reply._request_id == reply.outthink["trace_id"]

# A vote, by effort and by our own object
reply = client.chat.completions.create(model="outthink", messages=QUESTION, reasoning_effort="low")
assert reply.outthink["strategy"] == "adaptive" and reply.outthink["answer"] == "4", reply
reply = client.chat.completions.create(
    model="m", messages=QUESTION, extra_body={"outthink": {"strategy": "self-consistency", "samples": 3}}
)
assert reply.outthink["votes"] == [{"answer": "4", "votes": 3}], reply

# Streaming
for effort in ["none", "low"]:
    chunks = list(
        client.chat.completions.create(
            model="m",
            messages=QUESTION,
            stream=True,
            stream_options={"include_usage": True},
            reasoning_effort=effort,
        )
    )
    content = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert content == "The answer is 4.", content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0
    assert chunks[-1].outthink["effort"] == effort

# Tools, whole and through the SDK's own accumulator
reply = client.chat.completions.create(model="m", messages=QUESTION, tools=TOOLS)
call = reply.choices[0].message.tool_calls[0]
assert (call.id, call.function.name, call.function.arguments) == ("call_1", "add", '{"a":2,"b":3}')
assert reply.choices[0].message.content is None and reply.choices[0].finish_reason == "tool_calls"
for effort in ["none", "low"]:
    with client.chat.completions.stream(
        model="m", messages=QUESTION, tools=TOOLS, reasoning_effort=effort
    ) as stream:
        final = stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    assert (call.id, call.function.name, call.function.arguments) == ("call_1", "add", '{"a":2,"b":3}'), final


def refused(kind, **arguments):
    try:
        client.chat.completions.create(**{"model": "m", "messages": QUESTION, **arguments})
    except kind as error:
        return error
    raise AssertionError(f"{arguments} was not refused")


assert refused(openai.NotFoundError, model="gpt-9").code == "model_not_found"
assert refused(openai.BadRequestError, temperature=9).param == "temperature"
assert refused(openai.BadRequestError, reasoning_effort="enormous").param == "reasoning_effort"
assert refused(openai.BadRequestError, n=300).param == "n"
assert refused(openai.BadRequestError, messages=[]).param == "messages"
FAILING = [{"role": "user", "content": "fail"}]
assert refused(openai.InternalServerError, messages=FAILING).status_code == 502
assert refused(openai.InternalServerError, messages=FAILING, stream=True).status_code == 502

# Replies hold to the SDK's types, which are made from the published OpenAPI document
import urllib.request  # noqa: E402

from openai.types.chat import ChatCompletion, ChatCompletionChunk  # noqa: E402
from openai.types.responses import Response, ResponseStreamEvent  # noqa: E402
from pydantic import TypeAdapter  # noqa: E402


def post(path, body):
    request = urllib.request.Request(
        os.environ["BASE_URL"] + path, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return reply.read().decode()


def events(text):
    return [json.loads(e.split("data: ", 1)[1]) for e in text.strip().split("\n\n") if "[DONE]" not in e]


for effort in ["none", "low"]:
    body = {"model": "m", "messages": QUESTION, "reasoning_effort": effort}
    ChatCompletion.model_validate_json(post("/chat/completions", body))
    for chunk in events(post("/chat/completions", {**body, "stream": True})):
        ChatCompletionChunk.model_validate(chunk)
    body = {"model": "m", "input": "What is 2+2?", "reasoning": {"effort": effort, "summary": "auto"}}
    Response.model_validate_json(post("/responses", body))
    for event in events(post("/responses", {**body, "stream": True})):
        TypeAdapter(ResponseStreamEvent).validate_python(event)

# Responses: whole, with a memory, streamed, with tools
first = client.responses.create(
    model="m", input="What is 2+2?", instructions="Be brief.", reasoning={"effort": "none", "summary": "auto"}
)
assert first.output_text == "The answer is 4." and first.status == "completed", first
assert [item.type for item in first.output] == ["reasoning", "message"], first
assert first.output[0].summary[0].text == "two and two"
assert first.usage.output_tokens_details.reasoning_tokens == 1
second = client.responses.create(model="m", input="And why?", previous_response_id=first.id, max_output_tokens=50)
assert second.previous_response_id == first.id and second.output_text == "The answer is 4."
assert client.responses.retrieve(first.id).output_text == first.output_text
client.responses.delete(first.id)
try:
    client.responses.create(model="m", input="And why?", previous_response_id=first.id)
    raise AssertionError("a forgotten response was taken")
except openai.BadRequestError as error:
    assert error.code == "previous_response_not_found", error
for effort in ["none", "low"]:
    with client.responses.stream(
        model="m", input="What is 2+2?", reasoning={"effort": effort, "summary": "auto"}
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "The answer is 4.", final
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
    assert "response.reasoning_summary_text.delta" in kinds and "response.output_text.delta" in kinds, kinds
called = client.responses.create(
    model="m",
    input="What is 2+2?",
    tools=[{"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}, "strict": False}],
)
assert (called.output[0].type, called.output[0].arguments) == ("function_call", '{"a":2,"b":3}'), called

print("all well")
