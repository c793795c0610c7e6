"""The Responses API by the official Python SDK: replies and streams hold to its types, tools of all kinds, conversations,
and reasoning that a client carries itself."""

import os

import openai
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

client = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key="none", max_retries=0)
EVENT = TypeAdapter(ResponseStreamEvent)
SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}}
FUNCTION = {"type": "function", "name": "add", "parameters": SCHEMA, "strict": False}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
CUSTOM = {"type": "custom", "name": "add", "description": "adds", "format": GRAMMAR}
WITHIN = {"type": "namespace", "name": "n", "description": "numbers", "tools": [FUNCTION]}
SEARCH = {"type": "web_search"}
SEALED = ["reasoning.encrypted_content"]


def strict(model):
    """The object again, by its type and with nothing left open: unions are resolved by their own discriminators."""
    return type(model).model_validate(model.model_dump(mode="json", warnings="error"), strict=False)


def both(**arguments):
    """The response whole, and the one that a stream ends with, with its events held against each other."""
    whole = strict(client.responses.create(model="m", **arguments))
    events = [EVENT.validate_python(e.model_dump()) for e in client.responses.create(model="m", stream=True, **arguments)]
    assert [e.sequence_number for e in events] == list(range(len(events)))
    kinds = [e.type for e in events]
    assert kinds[:2] == ["response.created", "response.in_progress"] and kinds[-1] == "response.completed", kinds
    done = [e.item.model_dump() for e in events if e.type == "response.output_item.done"]
    added = [e for e in events if e.type == "response.output_item.added"]
    last = events[-1].response
    assert done == [item.model_dump() for item in last.output] and len(added) == len(done)
    assert [item.type for item in whole.output] == [item.type for item in last.output]
    assert whole.output_text == last.output_text
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == last.output_text, text
    for kind, field in [("function_call_arguments", "arguments"), ("custom_tool_call_input", "input")]:
        deltas = "".join(e.delta for e in events if e.type == f"response.{kind}.delta")
        whole_calls = "".join(getattr(e, field) for e in events if e.type == f"response.{kind}.done")
        assert deltas == whole_calls, (deltas, whole_calls)
    return whole, last


# Text, at no effort and by a vote
for effort in ["none", "low"]:
    for response in both(input="What is 2+2?", reasoning={"effort": effort, "summary": "auto"}):
        assert response.output_text == "The answer is 4.", response
        assert [item.type for item in response.output] == ["reasoning", "message"], response

# Tools of each kind come back as they were given
for tool, kind in [(FUNCTION, "function_call"), (CUSTOM, "custom_tool_call"), (WITHIN, "function_call")]:
    for effort in ["none", "low"]:
        for response in both(input="What is 2+3?", tools=[tool, SEARCH], reasoning={"effort": effort}):
            call = response.output[-1]
            assert (call.type, call.name, call.call_id) == (kind, "add", "call_1"), call
            assert (call.input if kind == "custom_tool_call" else call.arguments) == '{"a":2,"b":3}', call
            assert "web_search" in str(response.outthink["notes"]), response.outthink
            if tool is WITHIN:
                assert call.namespace == "n", call

# Tools that the API describes and the client carries out
for kind, field, value in [
    ("shell", "action", {"commands": ["echo 5"]}),
    ("local_shell", "action", {"type": "exec", "command": ["echo", "5"]}),
    ("apply_patch", "operation", {"type": "create_file", "path": "sum.txt", "diff": "+5"}),
]:
    # The API has no choice for the oldest of them.
    choice = "required" if kind == "local_shell" else {"type": kind}
    for response in both(input="What is 2+3?", tools=[{"type": kind}], tool_choice=choice):
        call = response.output[-1]
        assert call.type == f"{kind}_call" and call.call_id == "call_1", call
        assert value.items() <= getattr(call, field).model_dump().items(), call

# A loop of tools: by the response's id, by a conversation, and with everything in the client's hands
conversation = client.conversations.create(metadata={"topic": "sums"}, items=[{"role": "user", "content": "Be brief."}])
for way in ["previous", "conversation", "client"]:
    more = {"tools": [FUNCTION], "store": way == "previous", "include": SEALED}
    if way == "conversation":
        more["conversation"] = conversation.id
    items, last, turns = [{"role": "user", "content": "What is 2+3?"}], None, 0
    history = list(items)
    while True:
        sent = history if way == "client" else items
        previous = {"previous_response_id": last.id} if way == "previous" and last else {}
        last = strict(client.responses.create(model="m", input=sent, **more, **previous))
        calls = [item for item in last.output if item.type == "function_call"]
        if not calls:
            break
        turns += 1
        items = [{"type": "function_call_output", "call_id": call.call_id, "output": "5"} for call in calls]
        history += [item.model_dump(exclude_none=True) for item in last.output] + items
    assert (turns, last.output_text) == (3, "The sum is 5."), (way, turns, last)
listed = [item.type for item in client.conversations.items.list(conversation.id, order="asc", limit=100)]
assert listed[:2] == ["message", "message"] and listed.count("function_call_output") == 3, listed
assert client.conversations.retrieve(conversation.id).metadata == {"topic": "sums"}
assert client.conversations.update(conversation.id, metadata={"topic": "more"}).metadata == {"topic": "more"}
assert client.conversations.delete(conversation.id).deleted
try:
    client.responses.create(model="m", input="x", conversation=conversation.id)
    raise AssertionError("a deleted conversation was taken")
except openai.NotFoundError as error:
    assert error.code == "conversation_not_found", error

# Reasoning that the client carries
for response in both(input="What is 2+2?", include=SEALED, store=False):
    reasoning = response.output[0]
    assert reasoning.type == "reasoning" and reasoning.summary == [] and reasoning.encrypted_content, reasoning

# What is remembered of a response
first = client.responses.create(model="m", input=[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
texts = [item.content[0].text for item in client.responses.input_items.list(first.id, order="asc")]
assert texts == ["a", "b"], texts
assert client.responses.input_tokens.count(model="m", input="What is 2+2?").input_tokens > 0
Response.model_validate(client.responses.retrieve(first.id).model_dump())

# Structured output by the SDK's own parser
from pydantic import BaseModel  # noqa: E402


class Number(BaseModel):
    value: int


parsed = client.responses.parse(model="m", input="What is 2+2?", text_format=Number)
assert parsed.output_parsed == Number(value=4), parsed
with client.responses.stream(model="m", input="What is 2+3?", tools=[FUNCTION]) as stream:
    kinds = {event.type for event in stream}
    call = stream.get_final_response().output[-1]
assert "response.function_call_arguments.done" in kinds and call.name == "add", kinds

print("all well")
