// The box to ask: one request an effort, side by side, streamed.
"use strict";

const lanes = new Map();
let asking = null;

/** The events of a streamed reply, as objects. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").filter((l) => l.startsWith("data:")).map((l) => l.slice(5).trimStart()).join("\n");
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

/** A column for one effort. */
function lane(effort) {
  const picture = el("div", {});
  const thought = el("p", { class: "thought", tabindex: "0" });
  const thinking = el("details", { open: "" }, el("summary", {}, "the leading sample's thought"), thought);
  const answer = el("p", { class: "answer" });
  const receipt = el("p", { class: "note receipt" });
  const card = el("article", { class: "card", "data-effort": effort, "aria-label": "effort " + effort },
    el("header", {}, el("h3", {}, "effort " + effort), el("span", { class: "state" }, "waiting")), picture, thinking, answer, receipt);
  return {
    card, effort, thought, answer, receipt, thinking,
    state(words) { card.querySelector(".state").textContent = words; },
    draw(request) { picture.replaceChildren(...drawRequest(request, " ").slice(1)); },
  };
}

async function askOne(column, body, signal) {
  const response = await fetch("/v1/chat/completions", {
    method: "POST", signal, headers: { ...authorisation(), "content-type": "application/json", "x-outthink-watch": "1" },
    body: JSON.stringify(body),
  });
  const trace = response.headers.get("x-outthink-trace-id");
  if (!response.ok) {
    const error = (await response.json().catch(() => ({}))).error;
    throw new Error(error ? error.message : "status " + response.status);
  }
  lanes.set(trace, column);
  const known = requests.get(trace);
  if (known) column.draw(known);
  column.state("thinking");
  for await (const event of events(response)) {
    if (event.error) throw new Error(event.error.message);
    const delta = event.choices && event.choices[0] ? event.choices[0].delta : {};
    const thought = delta.reasoning_content || delta.reasoning;
    if (thought) {
      column.thought.append(thought);
      column.thought.scrollTop = column.thought.scrollHeight;
    }
    if (delta.content) column.answer.append(delta.content);
    if (event.outthink) tellReceipt(column, event.outthink);
  }
  column.state("done");
  if (!column.thought.textContent) column.thinking.hidden = true;
}

function tellReceipt(column, receipt) {
  const share = receipt.confidence && receipt.confidence.vote_share;
  const parts = [];
  if (receipt.answer) parts.push("answer " + receipt.answer);
  if (share !== null && share !== undefined) parts.push((100 * share).toFixed(0) + " % of the votes");
  parts.push(receipt.samples_drawn + (receipt.samples_drawn === 1 ? " sample" : " samples"), receipt.stop_message);
  column.receipt.textContent = parts.join(" · ");
}

async function ask(question, model, efforts) {
  if (asking) asking.abort();
  const controller = asking = new AbortController();
  lanes.clear();
  const place = document.getElementById("lanes");
  const columns = efforts.map(lane);
  place.replaceChildren(...columns.map((c) => c.card));
  const [go, halt] = [document.getElementById("go"), document.getElementById("halt")];
  go.disabled = true;
  halt.hidden = false;
  await Promise.all(columns.map(async (column) => {
    const body = { messages: [{ role: "user", content: question }], reasoning_effort: column.effort, stream: true };
    if (model) body.model = model;
    try {
      await askOne(column, body, controller.signal);
    } catch (error) {
      const stopped = error.name === "AbortError";
      column.state(stopped ? "stopped by you" : "failed");
      if (!stopped) column.answer.append(el("span", { class: "bad" }, error.message));
    }
  }));
  if (asking === controller) {
    asking = null;
    go.disabled = false;
    halt.hidden = true;
  }
}
