// Every reply and every event of a stream against the published schemas. The types of the official SDKs are made from
// them; as JSON schemas without further properties they also find fields that do not exist and null where there may be
// none. With OUTTHINK_OPENAI_SPEC, a path to OpenAI's openapi.json, replies are held against that, too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import Ajv from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import { createGenerator } from "ts-json-schema-generator";

const BASE = process.env.BASE_URL;
const OPENAI = "node_modules/openai/resources";
const ANTHROPIC = "node_modules/@anthropic-ai/sdk/resources";
const options = { strict: false, allErrors: true, validateFormats: false };
const spec = process.env.OUTTHINK_OPENAI_SPEC && JSON.parse(readFileSync(process.env.OUTTHINK_OPENAI_SPEC));
const published = spec && new Ajv2020(options).addSchema(withNulls(spec), "openai");
const faults = [];
let checked = 0;

/** The same document with `nullable`, which is of an older version than the document says, as a type. */
function withNulls(value) {
  if (Array.isArray(value)) return value.map(withNulls);
  if (value === null || typeof value !== "object") return value;
  const { nullable, ...rest } = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withNulls(inner)]));
  if (nullable !== true || (rest.type === undefined && rest.anyOf === undefined)) return rest;
  return { anyOf: [rest, { type: "null" }] };
}

/** The members of a union of objects by their `type`; none for what is no union. */
function union(schemas, name) {
  const members = new Map();
  for (const { $ref } of schemas[name].anyOf ?? schemas[name].oneOf ?? []) {
    const member = $ref.split("/").pop();
    const { type } = schemas[member].properties;
    members.set(type.const ?? type.enum[0], member);
  }
  return members;
}

/** A check by the types of a file, and by a schema of the published document. Unions take the member whose `type` fits. */
function checker(path, type, name, adapt = (schema) => schema) {
  const generator = createGenerator({ path, type, additionalProperties: false, skipTypeCheck: true, expose: "all", jsDoc: "none" });
  const schema = adapt(generator.createSchema(type));
  const ajv = new Ajv(options).addSchema(schema, "types");
  const members = union(schema.definitions, type);
  const ofDocument = published && name && union(spec.components.schemas, name);
  const at = (schemas, name) => schemas.get(name) ?? null;
  return (value, place) => {
    checked += 1;
    const member = members.size ? at(members, value.type) : type;
    if (member === null) return faults.push(`${place}: no ${type} has the type ${value.type}`);
    const checks = [[`types' ${member}`, ajv.getSchema(`types#/definitions/${member}`)]];
    if (ofDocument) {
      const member = ofDocument.size ? at(ofDocument, value.type) : name;
      if (member === null) return faults.push(`${place}: the document has no ${name} of type ${value.type}`);
      checks.push([`document's ${member}`, published.getSchema(`openai#/components/schemas/${member}`)]);
    }
    for (const [by, check] of checks) {
      if (!check(value)) {
        // Of a union that does not fit, the deepest mistake says most.
        const ranked = check.errors.filter((e) => !["anyOf", "oneOf"].includes(e.keyword));
        const depth = (error) => error.instancePath.split("/").length;
        const words = ranked.sort((a, b) => depth(b) - depth(a)).slice(0, 4);
        faults.push(`${place}: ${by}: ${words.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`).join("; ")}`);
      }
    }
  };
}

/** `output_text` is put in by the SDK and is not sent; a function's name is required by the document and missing here. */
function sent(schema) {
  for (const object of Object.values(schema.definitions)) {
    if (object.properties?.output_text && object.properties.output) {
      delete object.properties.output_text;
      object.required = object.required.filter((field) => field !== "output_text");
    }
  }
  const done = schema.definitions.ResponseFunctionCallArgumentsDoneEvent;
  if (done) done.properties.name = { type: "string" };
  return schema;
}

const responses = `${OPENAI}/responses/responses.d.ts`;
const chats = `${OPENAI}/chat/completions/completions.d.ts`;
const messages = `${ANTHROPIC}/messages/messages.d.ts`;
const isResponse = checker(responses, "Response", "Response", sent);
const isResponseEvent = checker(responses, "ResponseStreamEvent", "ResponseStreamEvent", sent);
const isCompletion = checker(chats, "ChatCompletion", "CreateChatCompletionResponse");
const isChunk = checker(chats, "ChatCompletionChunk", "CreateChatCompletionStreamResponse");
const isMessage = checker(messages, "Message");
const isMessageEvent = checker(messages, "RawMessageStreamEvent");
const isMessageError = checker(`${ANTHROPIC}/shared.d.ts`, "ErrorResponse");
const isCount = checker(messages, "MessageTokensCount");

/** Without the fields that docs/gateway.md names as ours. */
function bare(value) {
  const { outthink, ...rest } = value;
  return rest;
}

/** As `bare`, for a choice, whose message or delta may show reasoning. */
function bareChat(reply) {
  const choices = reply.choices.map((choice) => {
    const field = choice.message ? "message" : "delta";
    const { reasoning, reasoning_content, ...rest } = choice[field];
    // Citations of an engine are passed on where they come; the schema has them in whole messages alone.
    if (field === "delta") delete rest.annotations;
    return bare({ ...choice, [field]: rest });
  });
  return bare({ ...reply, choices });
}

async function post(path, body) {
  const headers = { "content-type": "application/json", "anthropic-version": "2023-06-01" };
  const reply = await fetch(`${BASE}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await reply.text();
  if (!reply.headers.get("content-type").startsWith("text/event-stream")) return { status: reply.status, body: JSON.parse(text) };
  const events = text.split("\n\n").map((block) => block.split("\n").filter((line) => line && !line.startsWith(":")));
  const read = (lines) => ({
    name: lines.find((line) => line.startsWith("event: "))?.slice(7),
    data: lines.find((line) => line.startsWith("data: "))?.slice(6),
  });
  return { status: reply.status, events: events.filter((lines) => lines.length).map(read) };
}

const holds = (place, condition, words) => condition || faults.push(`${place}: ${words}`);
const same = (place, a, b, words) =>
  holds(place, isDeepStrictEqual(a, b), `${words}: ${JSON.stringify(a)} is not ${JSON.stringify(b)}`);

/** The order of a response's events, and that what was streamed is what the last of them says. */
function ordered(place, events) {
  const [texts, done, open] = [new Map(), [], new Set()];
  const kinds = events.map((event) => event.type);
  same(place, kinds.slice(0, 2), ["response.created", "response.in_progress"], "it begins wrongly");
  const ends = ["response.completed", "response.incomplete", "response.failed"];
  holds(place, ends.includes(kinds.at(-1)) && !kinds.slice(0, -1).some((kind) => ends.includes(kind)), `it ends with ${kinds.at(-1)}`);
  events.forEach((event, number) => {
    same(place, event.sequence_number, number, "sequence_number");
    const key = `${event.output_index}/${event.content_index ?? event.summary_index ?? ""}`;
    if (event.type === "response.output_item.added") {
      same(place, event.output_index, done.length, "output_index of a new item");
      holds(place, open.size === 0, "an item begins before the last one is done");
      open.add(`${event.output_index}`);
      same(place, event.item.status ?? "in_progress", "in_progress", "status of an item that begins");
    } else if (event.type === "response.output_item.done") {
      holds(place, open.delete(`${event.output_index}`) && open.size === 0, "an item is done that is not open, or has open parts");
      done.push(event.item);
    } else if (event.type.endsWith("part.added")) {
      holds(place, open.has(`${event.output_index}`), "a part of no item");
      open.add(key);
    } else if (event.type.endsWith("part.done")) {
      holds(place, open.delete(key), "a part is done that is not open");
      same(place, texts.get(key) ?? "", event.part.text ?? event.part.refusal, "the text of a part");
    } else if (event.type.endsWith(".delta")) {
      holds(place, open.has(`${event.output_index}`), "a delta of no item");
      if (event.content_index !== undefined || event.summary_index !== undefined) holds(place, open.has(key), "a delta of no part");
      texts.set(key, (texts.get(key) ?? "") + event.delta);
    } else if (event.type.endsWith(".done")) {
      same(place, texts.get(key) ?? "", event.text ?? event.refusal ?? event.arguments ?? event.input, "a text that is done");
    }
  });
  const last = events.at(-1).response;
  if (kinds.at(-1) !== "response.failed") same(place, done, last.output, "the output");
  return last;
}

const withoutIds = (items) => JSON.parse(JSON.stringify(items), (key, value) => (key === "id" || key === "encrypted_content" ? "" : value));
const FUNCTION = { type: "function", name: "add", parameters: { type: "object", properties: {} }, strict: false };
const tool = (type, more) => ({ type, ...more });

async function response(question, more = {}) {
  const place = `responses ${question} ${JSON.stringify(more)}`;
  const body = { model: "m", input: `${question}: what is 2+2?`, ...more };
  const whole = await post("/responses", body);
  const streamed = await post("/responses", { ...body, stream: true });
  if (whole.status !== 200) {
    same(place, Object.keys(bare(whole.body.error)).sort(), ["code", "message", "param", "type"], "the error's fields");
    return whole;
  }
  isResponse(bare(whole.body), place);
  const events = streamed.events.map(({ name, data }) => {
    const event = JSON.parse(data);
    same(place, name, event.type, "the event's name");
    if (event.response) event.response = bare(event.response);
    isResponseEvent(event, `${place}, streamed ${event.type}`);
    return event;
  });
  const last = ordered(place, events);
  // Of a vote, a stream shows more reasoning than that of the reply which was chosen.
  const shown = (items) => withoutIds(items.filter((item) => more.reasoning?.effort !== "low" || item.type !== "reasoning"));
  same(place, shown(last.output), shown(whole.body.output), "streamed and whole");
  for (const field of ["status", "incomplete_details", "usage"]) same(place, last[field], whole.body[field], field);
  return whole.body;
}

const kinds = (reply) => reply.output.map((item) => item.type);
for (const effort of ["none", "low"]) {
  const reasoning = { effort, summary: "auto" };
  const include = ["reasoning.encrypted_content", "message.output_text.logprobs"];
  for (const question of ["plain", "nothing", "cut", "cut in thought", "filtered", "unknown", "stopped", "refused", "cited", "tokens", "signed"]) {
    await response(question, { reasoning });
    await response(question, { reasoning, include, store: false });
  }
  assert.deepEqual(kinds(await response("think", { reasoning })), ["reasoning", "message"]);
  const several = { reasoning, tools: [FUNCTION], instructions: "Be brief.", metadata: { a: "b" }, user: "u", max_output_tokens: 99 };
  assert.deepEqual(kinds(await response("several", several)).slice(-3), ["message", "function_call", "function_call"]);
  for (const [type, item, more] of [
    ["custom", "custom_tool_call", { name: "add", format: { type: "grammar", syntax: "lark", definition: "start: /.+/" } }],
    ["namespace", "function_call", { name: "n", description: "numbers", tools: [FUNCTION] }],
    ["shell", "shell_call"],
    ["local_shell", "local_shell_call"],
    ["apply_patch", "apply_patch_call"],
  ]) {
    const reply = await response("call", { reasoning, tools: [tool(type, more), { type: "web_search" }] });
    assert.equal(reply.output.at(-1).type, item);
  }
}
await response("plain", { temperature: 0.5, top_p: 0.9, truncation: "auto", text: { verbosity: "low" }, service_tier: "auto", safety_identifier: "s", prompt_cache_key: "k", top_logprobs: 2, max_tool_calls: 3, parallel_tool_calls: false, tool_choice: "none", tools: [FUNCTION] });
await response("think", { text: { format: { type: "json_schema", name: "n", schema: { type: "object", properties: {} }, strict: true } } });
assert.equal((await response("fails")).status, 502);
{
  const { events } = await post("/responses", { model: "m", input: "fails late: x", stream: true });
  const read = events.map(({ data }) => JSON.parse(data)).map((event) => (event.response ? { ...event, response: bare(event.response) } : event));
  read.forEach((event) => isResponseEvent(event, `responses fails late, ${event.type}`));
  assert.equal(ordered("responses fails late", read).status, "failed");
}
{
  const begun = (await post("/responses", { model: "m", input: "plain: x", background: true })).body;
  isResponse(bare(begun), "responses, background");
  let later;
  do later = await (await fetch(`${BASE}/responses/${begun.id}`)).json();
  while (["queued", "in_progress"].includes(later.status));
  isResponse(bare(later), "responses, background, at its end");
  assert.equal(later.status, "completed");
  const failing = (await post("/responses", { model: "m", input: "fails: x", background: true })).body;
  do later = await (await fetch(`${BASE}/responses/${failing.id}`)).json();
  while (["queued", "in_progress"].includes(later.status));
  isResponse(bare(later), "responses, background, failed");
  assert.equal(later.status, "failed");
}

async function chat(question, more = {}) {
  const place = `chat ${question} ${JSON.stringify(more)}`;
  const body = { model: "m", messages: [{ role: "user", content: `${question}: what is 2+2?` }], ...more };
  const whole = await post("/chat/completions", body);
  isCompletion(bareChat(whole.body), place);
  const streamed = await post("/chat/completions", { ...body, stream: true, stream_options: { include_usage: true } });
  assert.equal(streamed.events.at(-1).data, "[DONE]");
  const chunks = streamed.events.slice(0, -1).map(({ data }) => JSON.parse(data));
  chunks.forEach((chunk) => isChunk(bareChat(chunk), `${place}, streamed`));
  for (const choice of whole.body.choices) {
    const own = chunks.flatMap((chunk) => chunk.choices).filter((other) => other.index === choice.index);
    const text = own.map((other) => other.delta.content ?? "").join("");
    same(place, text, choice.message.content ?? "", "the streamed text");
    same(place, own.at(-1).finish_reason, choice.finish_reason, "finish_reason");
  }
  return whole.body;
}

for (const effort of ["none", "low"]) {
  for (const question of ["plain", "think", "nothing", "cut", "cut in thought", "filtered", "stopped", "refused", "cited"]) {
    await chat(question, { reasoning_effort: effort });
  }
  await chat("tokens", { reasoning_effort: effort, logprobs: true, top_logprobs: 2 });
  await chat("plain", { reasoning_effort: effort, n: 2 });
  const { parameters, name } = FUNCTION;
  const reply = await chat("several", { reasoning_effort: effort, tools: [{ type: "function", function: { name, parameters } }] });
  assert.equal(reply.choices[0].message.tool_calls.length, 2);
}

/** The message that a stream of events makes, and their order. */
function gathered(place, events) {
  const kinds = events.map((event) => event.type).filter((kind) => kind !== "ping");
  same(place, [kinds[0], kinds.at(-2), kinds.at(-1)], ["message_start", "message_delta", "message_stop"], "the frame");
  const message = structuredClone(events[0].message);
  let open = null;
  for (const event of events) {
    if (event.type === "content_block_start") {
      same(place, [open, event.index], [null, message.content.length], "a block begins");
      message.content.push(structuredClone(event.content_block));
      open = { index: event.index, json: "" };
    } else if (event.type === "content_block_delta") {
      same(place, event.index, open?.index, "the delta's index");
      const block = message.content.at(-1);
      const { type, ...delta } = event.delta;
      const wanted = { text_delta: "text", citations_delta: "text", input_json_delta: "tool_use", thinking_delta: "thinking", signature_delta: "thinking" };
      same(place, wanted[type], block.type, "a delta of another block");
      if (type === "input_json_delta") open.json += delta.partial_json;
      else if (type === "citations_delta") (block.citations ??= []).push(delta.citation);
      else for (const [field, text] of Object.entries(delta)) block[field] += text;
    } else if (event.type === "content_block_stop") {
      same(place, event.index, open?.index, "a block ends");
      if (message.content.at(-1).type === "tool_use") message.content.at(-1).input = JSON.parse(open.json || "{}");
      open = null;
    } else if (event.type === "message_delta") {
      Object.assign(message, event.delta);
      Object.assign(message.usage, event.usage);
    }
  }
  return message;
}

async function message(question, more = {}) {
  const place = `messages ${question} ${JSON.stringify(more)}`;
  const body = { model: "m", max_tokens: 4096, messages: [{ role: "user", content: `${question}: what is 2+2?` }], ...more };
  const whole = await post("/messages", body);
  const streamed = await post("/messages", { ...body, stream: true });
  if (whole.status !== 200) {
    isMessageError(bare(whole.body), place);
    return whole;
  }
  isMessage(bare(whole.body), place);
  const events = streamed.events.map(({ name, data }) => {
    const event = bare(JSON.parse(data));
    same(place, name, event.type, "the event's name");
    // The SDKs leave it out of their types: it says that the connection lives.
    if (event.type === "ping") same(place, event, { type: "ping" }, "a ping");
    else isMessageEvent(event, `${place}, streamed ${event.type}`);
    return event;
  });
  const { id, ...gained } = gathered(place, events);
  const { id: _, ...wanted } = bare(whole.body);
  // Of a vote, a stream shows more reasoning than that of the reply which was chosen.
  const shown = (content) => (more.outthink?.effort === "low" ? content.filter((block) => block.type !== "thinking") : content);
  [gained.content, wanted.content] = [shown(gained.content), shown(wanted.content)];
  // The end of a stream has these counts alone.
  for (const field of ["cache_creation", "inference_geo", "service_tier", "speed"]) delete wanted.usage[field], delete gained.usage[field];
  for (const field of Object.keys(wanted)) same(place, gained[field], wanted[field], `streamed and whole: ${field}`);
  return whole.body;
}

const blocks = (reply) => reply.content.map((block) => block.type);
for (const effort of ["none", "low"]) {
  const outthink = { effort };
  const thinking = { type: "adaptive" };
  for (const question of ["plain", "nothing", "cut", "cut in thought", "filtered", "unknown", "refused", "cited", "signed"]) {
    await message(question, { outthink });
    await message(question, { outthink, thinking });
  }
  assert.equal((await message("stopped", { outthink, stop_sequences: ["."] })).stop_reason, "end_turn");
  assert.deepEqual(blocks(await message("think", { outthink, thinking })), ["thinking", "text"]);
  const tools = [{ name: "add", input_schema: { type: "object" } }];
  assert.deepEqual(blocks(await message("several", { outthink, tools })), ["text", "tool_use", "tool_use"]);
  assert.equal((await message("call", { outthink, tools })).stop_reason, "tool_use");
}
assert.equal((await message("fails")).status, 502);
assert.equal((await message("plain", { max_tokens: null })).status, 400);
{
  const body = { model: "m", max_tokens: 9, stream: true, messages: [{ role: "user", content: "fails late: x" }] };
  const { events } = await post("/messages", body);
  const { name, data } = events.at(-1);
  assert.equal(name, "error");
  isMessageError(bare(JSON.parse(data)), "messages fails late");
  isCount(bare((await post("/messages/count_tokens", { model: "m", messages: body.messages })).body), "count_tokens");
}

const distinct = [...new Set(faults.map((fault) => fault.slice(0, 700)))];
assert.equal(distinct.length, 0, `${distinct.length} faults in ${checked} checks:\n${distinct.slice(0, Number(process.env.FAULTS ?? 20)).join("\n")}`);
console.log(`${checked} replies and events checked${published ? ", by OpenAI's document too" : ""}`);
console.log("all well");
