// A tool loop of ten turns through one SDK for Node: loops.mjs NAME. Nine calls of `add`, then the answer.
import assert from 'node:assert/strict';

const baseURL = process.env.BASE_URL;
const question = 'Add one, nine times, beginning with 0.';
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };

async function vercel(model) {
  const { generateText, tool, stepCountIs, jsonSchema } = await import('ai');
  const add = tool({ description: 'adds one', inputSchema: jsonSchema(schema), execute: async ({ n }) => n + 1 });
  return (await generateText({ model, prompt: question, tools: { add }, stopWhen: stepCountIs(12) })).text;
}

const loops = {
  async openai() {
    const { default: OpenAI } = await import('openai');
    const client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
    const tools = [{ type: 'function', function: { name: 'add', description: 'adds one', parameters: schema } }];
    const messages = [{ role: 'user', content: question }];
    let message;
    for (let turn = 0; turn < 10; turn += 1) {
      ({ message } = (await client.chat.completions.create({ model: 'm', messages, tools })).choices[0]);
      messages.push(message);
      for (const call of message.tool_calls ?? []) {
        const n = JSON.parse(call.function.arguments).n + 1;
        messages.push({ role: 'tool', tool_call_id: call.id, content: String(n) });
      }
    }
    return message.content;
  },
  async vercel_compatible() {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    return vercel(createOpenAICompatible({ name: 'o', baseURL, apiKey: 'none' })('m'));
  },
  async vercel_openai() {
    const { createOpenAI } = await import('@ai-sdk/openai');
    return vercel(createOpenAI({ baseURL, apiKey: 'none' })('m'));
  },
  async vercel_anthropic() {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    return vercel(createAnthropic({ baseURL, apiKey: 'none' })('m'));
  },
};

assert.equal(await loops[process.argv[2]](), 'The answer is 9.');
console.log('all well');
