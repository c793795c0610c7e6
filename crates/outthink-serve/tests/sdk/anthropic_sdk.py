"""Anthropic's Python SDK against the gateway."""

import os

import anthropic

# The SDK adds /v1 itself.
client = anthropic.Anthropic(base_url=os.environ["BASE_URL"].removesuffix("/v1"), api_key="none", max_retries=0)
QUESTION = [{"role": "user", "content": "What is 2+2?"}]
THINKING = {"type": "enabled", "budget_tokens": 1024}
TOOLS = [{"name": "add", "description": "adds", "input_schema": {"type": "object", "properties": {}}}]


def ask(**fields):
    return client.messages.create(**({"model": "m", "max_tokens": 2048, "messages": QUESTION} | fields))


# Plain
message = ask()
assert [block.type for block in message.content] == ["text"], message
assert message.content[0].text == "The answer is 4." and message.stop_reason == "end_turn", message
assert message.usage.output_tokens > 0 and message.usage.cache_read_input_tokens is not None, message.usage
assert message.outthink["samples_drawn"] == 1
assert message._request_id is None or message._request_id == message.outthink["trace_id"]

# Reasoning
message = ask(thinking=THINKING)
assert [block.type for block in message.content] == ["thinking", "text"], message
assert message.content[0].thinking == "two and two"

# A vote, by the API's own word for effort and by our own object
message = ask(output_config={"effort": "low"})
assert message.outthink["strategy"] == "adaptive" and message.outthink["answer"] == "4", message
message = ask(extra_body={"outthink": {"strategy": "self-consistency", "samples": 3}})
assert message.outthink["votes"] == [{"answer": "4", "votes": 3}], message

# Streaming, by the SDK's own accumulator
for fields in [{}, {"thinking": THINKING}, {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}}]:
    with client.messages.stream(model="m", max_tokens=2048, messages=QUESTION, **fields) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop", kinds
    assert message.content[-1].text == "The answer is 4." and message.stop_reason == "end_turn", message
    assert (message.content[0].type == "thinking") == ("thinking" in fields), message
    assert message.usage.output_tokens > 0, message.usage

# Tools: a loop of three turns, whole and streamed, every call intact
for streamed in [False, True]:
    turns = list(QUESTION)
    for turn in range(3):
        if streamed:
            with client.messages.stream(model="m", max_tokens=2048, messages=turns, tools=TOOLS) as stream:
                message = stream.get_final_message()
        else:
            message = ask(messages=turns, tools=TOOLS)
        calls = [block for block in message.content if block.type == "tool_use"]
        assert message.stop_reason == "tool_use" and len(calls) == 1, message
        assert (calls[0].id, calls[0].name, calls[0].input) == (f"call_{turn + 1}", "add", {"a": 2, "b": 3}), calls
        turns.append({"role": "assistant", "content": message.content})
        turns.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": calls[0].id, "content": "5"}]})

# Counting
assert client.messages.count_tokens(model="m", messages=QUESTION).input_tokens > 0

# Errors
try:
    ask(model="nobody's")
    raise AssertionError("a model that is not there was asked")
except anthropic.NotFoundError as error:
    assert error.body["error"]["type"] == "not_found_error", error.body
try:
    ask(max_tokens=0)
    raise AssertionError("a reply of no tokens was asked for")
except anthropic.BadRequestError as error:
    assert "max_tokens" in str(error), error

print("all well")
