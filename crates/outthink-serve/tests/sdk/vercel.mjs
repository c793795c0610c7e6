// The Vercel AI SDK's provider for OpenAI-compatible servers against the gateway.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const provider = createOpenAICompatible({ name: "outthink", baseURL: process.env.BASE_URL, includeUsage: true });

for (const reasoningEffort of ["none", "low"]) {
  const options = { model: provider("m"), prompt: "What is 2+2?", maxRetries: 0, providerOptions: { outthink: { reasoningEffort } } };
  const reply = await generateText(options);
  assert.equal(reply.text, "The answer is 4.");
  assert.equal(reply.finishReason, "stop");
  assert.ok(reply.usage.outputTokens > 0, JSON.stringify(reply.usage));
  const stream = streamText(options);
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  assert.equal(text, "The answer is 4.");
  assert.match(await stream.reasoningText, /two and two/);
}

console.log("all well");
