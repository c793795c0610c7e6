"""LangChain and instructor against the gateway."""

import os

import instructor
import openai
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

URL = os.environ["BASE_URL"]

for effort in ["none", "low"]:
    model = ChatOpenAI(base_url=URL, api_key="none", model="m", reasoning_effort=effort, max_retries=0)
    reply = model.invoke("What is 2+2?")
    assert reply.content == "The answer is 4.", reply
    assert reply.usage_metadata["output_tokens"] > 0, reply
    assert "".join(chunk.content for chunk in model.stream("What is 2+2?")) == "The answer is 4."


class Sum(BaseModel):
    value: int


client = instructor.from_openai(
    openai.OpenAI(base_url=URL, api_key="none", max_retries=0), mode=instructor.Mode.JSON_SCHEMA
)
for effort in ["none", "low"]:
    answer = client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "What is 2+2?"}],
        response_model=Sum,
        reasoning_effort=effort,
        max_retries=1,
    )
    assert answer.value == 4, answer

print("all well")
