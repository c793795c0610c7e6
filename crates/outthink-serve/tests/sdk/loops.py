"""A tool loop of ten turns through one Python SDK: loops.py NAME. Nine calls of `add`, then the answer."""

import asyncio
import json
import os
import sys

URL = os.environ["BASE_URL"]
QUESTION = "Add one, nine times, beginning with 0."
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def openai_chat():
    from openai import OpenAI

    client = OpenAI(base_url=URL, api_key="none", max_retries=0)
    tools = [{"type": "function", "function": {"name": "add", "description": "adds one", "parameters": SCHEMA}}]
    messages = [{"role": "user", "content": QUESTION}]
    for _ in range(10):
        message = client.chat.completions.create(model="m", messages=messages, tools=tools).choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls or []:
            n = json.loads(call.function.arguments)["n"] + 1
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(n)})
    return message.content


def openai_responses(by_id=True):
    from openai import OpenAI

    client = OpenAI(base_url=URL, api_key="none", max_retries=0)
    tools = [{"type": "function", "name": "add", "description": "adds one", "parameters": SCHEMA, "strict": False}]
    given, last = [{"role": "user", "content": QUESTION}], None
    for _ in range(10):
        before = {"previous_response_id": last} if by_id and last else {}
        response = client.responses.create(model="m", input=given, tools=tools, **before)
        calls = [item for item in response.output if item.type == "function_call"]
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": str(json.loads(call.arguments)["n"] + 1)}
            for call in calls
        ]
        given = results if by_id else given + response.output + results
        last = response.id
    return response.output_text


def openai_responses_whole():
    return openai_responses(by_id=False)


def anthropic():
    from anthropic import Anthropic

    client = Anthropic(base_url=URL.removesuffix("/v1"), api_key="none", max_retries=0)
    tools = [{"name": "add", "description": "adds one", "input_schema": SCHEMA}]
    messages = [{"role": "user", "content": QUESTION}]
    for _ in range(10):
        message = client.messages.create(model="m", max_tokens=2048, messages=messages, tools=tools)
        messages.append({"role": "assistant", "content": message.content})
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": str(block.input["n"] + 1)}
            for block in message.content if block.type == "tool_use"
        ]
        if results:
            messages.append({"role": "user", "content": results})
    return message.content[-1].text


def agents():
    from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
    from openai import AsyncOpenAI

    set_tracing_disabled(True)
    set_default_openai_client(AsyncOpenAI(base_url=URL, api_key="none", max_retries=0), use_for_tracing=False)

    @function_tool
    def add(n: int) -> int:
        """Adds one."""
        return n + 1

    agent = Agent(name="adder", model="m", tools=[add])
    return asyncio.run(Runner.run(agent, QUESTION, max_turns=12)).final_output


def pydantic_ai():
    from openai import AsyncOpenAI
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(openai_client=AsyncOpenAI(base_url=URL, api_key="none", max_retries=0))
    agent = Agent(OpenAIChatModel("m", provider=provider))

    @agent.tool_plain
    def add(n: int) -> int:
        """Adds one."""
        return n + 1

    return agent.run_sync(QUESTION).output


def langchain():
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_openai import ChatOpenAI

    tool = {"type": "function", "function": {"name": "add", "description": "adds one", "parameters": SCHEMA}}
    model = ChatOpenAI(model="m", base_url=URL, api_key="none", max_retries=0).bind_tools([tool])
    messages = [HumanMessage(QUESTION)]
    for _ in range(10):
        message = model.invoke(messages)
        messages.append(message)
        messages += [ToolMessage(str(call["args"]["n"] + 1), tool_call_id=call["id"]) for call in message.tool_calls]
    return message.content


said = globals()[sys.argv[1]]()
assert said == "The answer is 9.", said
print("all well")
