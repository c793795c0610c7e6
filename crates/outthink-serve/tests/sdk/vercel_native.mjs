// The Vercel AI SDK's own providers against the gateway: OpenAI's, which speaks Responses, and Anthropic's.
import assert from 'node:assert/strict';
import { generateText, streamText, tool, stepCountIs, jsonSchema } from 'ai';
import { createOpenAI } from '@ai-sdk/openai';
import { createAnthropic } from '@ai-sdk/anthropic';

const baseURL = process.env.BASE_URL;
const models = {
  openai: createOpenAI({ baseURL, apiKey: 'none' })('m'),
  anthropic: createAnthropic({ baseURL, apiKey: 'none' })('m'),
};
let calls = 0;
const add = tool({
  description: 'adds',
  inputSchema: jsonSchema({ type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } } }),
  execute: async ({ a, b }) => {
    calls += 1;
    return a + b;
  },
});

for (const [name, model] of Object.entries(models)) {
  const plain = await generateText({ model, prompt: 'What is 2+2?' });
  assert.equal(plain.text, 'The answer is 4.', name);
  assert.ok(plain.usage.outputTokens > 0, name);

  const stream = streamText({ model, prompt: 'What is 2+2?' });
  let text = '';
  for await (const piece of stream.textStream) text += piece;
  assert.equal(text, 'The answer is 4.', name);

  // A loop of three turns, in which the second and the third send back what came before, by name or whole.
  for (const run of [generateText, streamText]) {
    calls = 0;
    const looped = await run({ model, prompt: 'What is 2+3?', tools: { add }, stopWhen: stepCountIs(3) });
    const steps = await looped.steps;
    assert.equal(steps.length, 3, name);
    assert.equal(calls, 3, name);
    assert.deepEqual(steps.map((step) => step.toolResults[0].output), [5, 5, 5], name);
  }
}
console.log('all well');
