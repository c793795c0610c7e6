"""The OpenAI Agents SDK by its default model class, which speaks Responses, and pydantic-ai's."""

import asyncio
import os

from agents import Agent, ModelSettings, Runner, SQLiteSession, function_tool, set_tracing_disabled, WebSearchTool
from agents import ApplyPatchTool, ShellTool, set_default_openai_client
from agents.editor import ApplyPatchResult
from openai import AsyncOpenAI
from openai.types.shared import Reasoning
from pydantic_ai import Agent as PydanticAgent
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

set_tracing_disabled(True)
client = AsyncOpenAI(base_url=os.environ["BASE_URL"], api_key="none", max_retries=0)
set_default_openai_client(client, use_for_tracing=False)
calls = []


@function_tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    calls.append((a, b))
    return a + b


async def agents():
    # Without tools the SDK sends an empty list of them.
    plain = Agent(name="plain", instructions="Be brief.", model="m")
    assert (await Runner.run(plain, "What is 2+2?")).final_output == "The answer is 4."
    for store in [True, False]:
        calls.clear()
        include = ["reasoning.encrypted_content"] if not store else []
        settings = ModelSettings(store=store, response_include=include, reasoning=Reasoning(effort="high"))
        adder = Agent(name="adder", model="m", tools=[add, WebSearchTool()], model_settings=settings)
        assert (await Runner.run(adder, "What is 2+3?")).final_output == "The sum is 5."
        assert calls == [(2, 3)] * 3, calls
        streamed = Runner.run_streamed(adder, "What is 2+3?")
        kinds = {event.type async for event in streamed.stream_events()}
        assert streamed.final_output == "The sum is 5." and "raw_response_event" in kinds, kinds
    # Tools that the API describes: what the model asks for is carried out here
    ran = []

    def shell(request):
        ran.append(list(request.data.action.commands))
        return "5"

    class Editor:
        def create_file(self, operation):
            ran.append((operation.path, operation.diff))
            return ApplyPatchResult(status="completed", output="created")

        update_file = delete_file = create_file

    for tool, did in [(ShellTool(executor=shell), ["echo 5"]), (ApplyPatchTool(editor=Editor()), ("sum.txt", "+5"))]:
        for store in [True, False]:
            ran.clear()
            worker = Agent(name="worker", model="m", tools=[tool], model_settings=ModelSettings(store=store))
            assert (await Runner.run(worker, "What is 2+3?")).final_output == "The sum is 5."
            assert ran == [did] * 3, ran
    # A session sends all items of the turns before.
    session = SQLiteSession("s")
    for _ in range(2):
        assert (await Runner.run(plain, "What is 2+2?", session=session)).final_output == "The answer is 4."


async def pydantic():
    model = OpenAIResponsesModel("m", provider=OpenAIProvider(openai_client=client))
    assert (await PydanticAgent(model).run("What is 2+2?")).output == "The answer is 4."
    agent, seen = PydanticAgent(model), []

    @agent.tool_plain
    def add(a: int, b: int) -> int:
        seen.append((a, b))
        return a + b

    assert (await agent.run("What is 2+3?")).output == "The sum is 5."
    async with agent.run_stream("What is 2+3?") as streamed:
        assert await streamed.get_output() == "The sum is 5."
    assert seen == [(2, 3)] * 6, seen


async def main():
    await agents()
    await pydantic()


asyncio.run(main())
print("all well")
