// The official Node SDK against the gateway.

import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "What is 2+2?" }];
const tools = [{ type: "function", function: { name: "add", parameters: { type: "object", properties: {} } } }];

// Models
assert.deepEqual((await client.models.list()).data.map((m) => m.id), ["m"]);
assert.equal((await client.models.retrieve("m")).object, "model");

// Plain
const plain = await client.chat.completions.create({ model: "m", messages });
assert.equal(plain.choices[0].message.content, "The answer is 4.");
assert.equal(plain.choices[0].message.reasoning_content, "two and two");
assert.equal(plain.usage.completion_tokens_details.reasoning_tokens, 1);
assert.equal(plain._request_id, plain.outthink.trace_id);

// A vote
const outthink = { strategy: "self-consistency", samples: 3 };
const vote = await client.chat.completions.create({ model: "outthink", messages, outthink });
assert.deepEqual(vote.outthink.votes, [{ answer: "4", votes: 3 }]);

// Streaming
for (const reasoning_effort of ["none", "low"]) {
  const chunks = [];
  const stream_options = { include_usage: true };
  const stream = await client.chat.completions.create({
    model: "m", messages, stream: true, stream_options, reasoning_effort,
  });
  for await (const chunk of stream) chunks.push(chunk);
  const content = chunks.map((c) => c.choices[0]?.delta.content ?? "").join("");
  assert.equal(content, "The answer is 4.");
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
  assert.equal(chunks.at(-1).outthink.effort, reasoning_effort);
}

// Tools, whole and through the SDK's own accumulator
const called = await client.chat.completions.create({ model: "m", messages, tools });
const expected = { name: "add", arguments: '{"a":2,"b":3}' };
assert.deepEqual(called.choices[0].message.tool_calls[0].function, expected);
assert.equal(called.choices[0].message.content, null);
for (const reasoning_effort of ["none", "low"]) {
  const stream = client.chat.completions.stream({ model: "m", messages, tools, reasoning_effort });
  const final = await stream.finalChatCompletion();
  const { name, arguments: text } = final.choices[0].message.tool_calls[0].function;
  assert.deepEqual({ name, arguments: text }, expected);
}

async function refused(kind, fields) {
  try {
    await client.chat.completions.create({ model: "m", messages, ...fields });
  } catch (error) {
    assert.ok(error instanceof kind, String(error));
    return error;
  }
  assert.fail(`${JSON.stringify(fields)} was not refused`);
}

assert.equal((await refused(OpenAI.NotFoundError, { model: "gpt-9" })).code, "model_not_found");
assert.equal((await refused(OpenAI.BadRequestError, { temperature: 9 })).param, "temperature");
assert.equal((await refused(OpenAI.BadRequestError, { reasoning_effort: "enormous" })).param, "reasoning_effort");
const failing = [{ role: "user", content: "fail" }];
assert.equal((await refused(OpenAI.InternalServerError, { messages: failing })).status, 502);
assert.equal((await refused(OpenAI.InternalServerError, { messages: failing, stream: true })).status, 502);

console.log("all well");
