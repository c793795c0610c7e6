"""Other Python clients of chat completions: others.py NAME."""

import os
import sys

URL = os.environ["BASE_URL"]


def litellm():
    import litellm

    ask = dict(model="openai/m", api_base=URL, api_key="none", messages=[{"role": "user", "content": "What is 2+2?"}])
    reply = litellm.completion(**ask)
    assert reply.choices[0].message.content == "The answer is 4." and reply.usage.completion_tokens > 0, reply
    text = "".join(piece.choices[0].delta.content or "" for piece in litellm.completion(stream=True, **ask))
    assert text == "The answer is 4.", text
    reply = litellm.completion(**{**ask, "model": "anthropic/m", "api_base": URL.removesuffix("/v1")})
    assert reply.choices[0].message.content == "The answer is 4.", reply
    reply = litellm.completion(n=3, **ask)
    assert [c.message.content for c in reply.choices] == ["The answer is 4."] * 3, reply


def dspy():
    import dspy

    lm = dspy.LM("openai/m", api_base=URL, api_key="none", cache=False)
    def texts(**fields):
        # A reply with reasoning comes as an object.
        return [reply["text"] if isinstance(reply, dict) else reply for reply in lm("What is 2+2?", **fields)]

    assert texts() == ["The answer is 4."], lm("What is 2+2?")
    assert texts(n=3) == ["The answer is 4."] * 3, lm("What is 2+2?", n=3)


def llm():
    import pathlib
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        models = f"- model_id: m\n  model_name: m\n  api_base: {URL}\n"
        pathlib.Path(home, "extra-openai-models.yaml").write_text(models)
        program = pathlib.Path(sys.executable).with_name("llm")
        env = {**os.environ, "LLM_USER_PATH": home, "OPENAI_API_KEY": "none"}
        for flags in [[], ["--no-stream"]]:
            done = subprocess.run([program, "-m", "m", *flags, "What is 2+2?"], env=env, capture_output=True, text=True)
            assert done.stdout.strip() == "The answer is 4.", done


globals()[sys.argv[1]]()
print("all well")
