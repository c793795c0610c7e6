// The page: what runs, what was spent, laws, keys. It talks to its own gateway and to nobody else.
"use strict";

const requests = new Map();
const KEPT = 60;
let secret = "";
let drawing = 0;
const stale = new Set();

const at = (id) => document.getElementById(id);

function authorisation() {
  return secret ? { authorization: "Bearer " + secret } : {};
}

async function get(path, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...authorisation(), ...options.headers } });
  if (response.status === 401 || response.status === 403) throw Object.assign(new Error("locked"), { locked: true });
  if (!response.ok) {
    const error = (await response.json().catch(() => ({}))).error;
    throw new Error(error ? error.message : "status " + response.status);
  }
  return response;
}

/** Draws a request again at the next frame. */
function touch(id) {
  stale.add(id);
  if (!drawing) drawing = requestAnimationFrame(drawStale);
}

function drawStale() {
  drawing = 0;
  const place = at("trees");
  for (const id of stale) {
    const request = requests.get(id);
    if (!request) continue;
    let card = place.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (!card) {
      card = el("article", { class: "card", "data-id": id });
      place.prepend(card);
    }
    const open = card.querySelector("details")?.open;
    card.replaceChildren(...drawRequest(request));
    if (open) card.querySelector("details").open = true;
    const column = lanes.get(id);
    if (column) column.draw(request);
  }
  stale.clear();
  while (place.children.length > KEPT) place.lastChild.remove();
  at("no-trees").hidden = place.children.length > 0;
}

function hear(event) {
  if (event.type === "begin" || event.type === "end") {
    requests.set(event.request.id, event.request);
    touch(event.request.id);
    if (event.type === "end") tellSpend();
    for (const id of requests.keys()) {
      if (requests.size <= 4 * KEPT) break;
      requests.delete(id);
    }
    return;
  }
  const request = requests.get(event.id);
  if (!request) return;
  if (event.samples) request.samples = event.samples;
  if (event.tokens !== undefined) request.tokens = event.tokens;
  if (event.votes) request.votes = event.votes;
  if (event.move) request.moves.push(event.move);
  touch(event.id);
}

let spendTimer = 0;
/** The sums come from the gateway, at most once a second. */
function tellSpend() {
  if (spendTimer) return;
  spendTimer = setTimeout(async () => {
    spendTimer = 0;
    try {
      showSpend(await (await get("/outthink/spend")).json());
      await loadKeys();
    } catch { /* The feed says that the gateway is gone. */ }
  }, 500);
}

function showSpend(spend) {
  at("requests").textContent = number(spend.requests);
  at("samples").textContent = number(spend.samples);
  at("tokens").textContent = number(spend.tokens);
  const priced = spend.cost > 0;
  at("spent").textContent = priced ? dollars(spend.cost) : number(spend.tokens) + " tokens";
  at("fixed").textContent = priced ? dollars(spend.fixed) : number(spend.fixed_tokens) + " tokens";
  const [paid, fixed] = priced ? [spend.cost, spend.fixed] : [spend.tokens, spend.fixed_tokens];
  at("saved").textContent = fixed > 0 ? (100 * (1 - paid / fixed)).toFixed(0) + " %" : "–";
  at("spend-note").textContent = "Since the start. Fixed-N draws all the samples that an effort allows; it is priced at the mean of the samples that were drawn." +
    (priced ? "" : " The models have no price, so tokens are compared.");
}

async function feed() {
  for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
    try {
      const response = await get("/outthink/live");
      at("link").textContent = "live";
      wait = 500;
      await load();
      for await (const event of events(response)) {
        if (event.type === "behind") await load();
        else hear(event);
      }
    } catch (error) {
      if (error.locked) return lock();
    }
    at("link").textContent = "not connected; trying again";
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

function lock() {
  at("link").textContent = "locked";
  at("unlock").hidden = false;
  at("main").hidden = true;
  at("key").focus();
}

async function load() {
  const state = await (await get("/outthink/state")).json();
  for (const request of state.requests) {
    requests.set(request.id, request);
    touch(request.id);
  }
  const model = at("model"), before = model.value;
  model.replaceChildren(...state.models.map((id) => el("option", { value: id }, id)));
  if (before) model.value = before;
  drawEfforts(state);
  showSpend(state.spend);
  drawReport(state.report);
  if (!state.answers_shown) at("live-note").append(" Answers of others are named by letters: their texts are not kept.");
  await loadKeys();
}

function drawEfforts(state) {
  const place = at("efforts");
  if (place.querySelector("input")) return;
  const largest = document.querySelector("[name=largest_effort]");
  for (const effort of state.efforts) {
    const box = el("input", { type: "checkbox", name: "effort", value: effort });
    box.checked = ["none", "low", "high"].includes(effort);
    place.append(el("label", {}, box, effort));
    largest.append(el("option", { value: effort }, effort));
  }
}

function drawReport(report) {
  const place = at("report");
  if (!report) {
    place.replaceChildren(el("p", { class: "note" }, "No report is configured. Write one with ", el("code", {}, "outthink fit"), " or ",
      el("code", {}, "outthink replay --json"), " and name it as ", el("code", {}, "observability.report"), " in outthink.toml."));
    return;
  }
  const parts = [];
  for (const words of report.verdicts) parts.push(el("p", {}, el("strong", {}, words.name + ": "), words.text));
  const figures = el("div", { class: "figure-grid" });
  for (const figure of report.figures) figures.append(drawFigure(figure));
  place.replaceChildren(...parts, figures);
}

async function loadKeys() {
  const { keys, teams } = await (await get("/outthink/keys")).json();
  const place = at("key-list");
  at("new-key").hidden = keys === null;
  if (keys === null) {
    place.replaceChildren(el("p", { class: "note" }, "Keys are off: this gateway answers its own machine only."));
    return;
  }
  if (!keys.length) {
    place.replaceChildren(el("p", { class: "note" }, "No keys yet."));
    return;
  }
  drawTeams(teams);
  const rows = keys.map((key) => {
    const dash = (value) => (value === null || value === undefined ? "–" : String(value));
    const last = el("td", {});
    if (key.revoked) last.append("revoked");
    else {
      const button = el("button", { type: "button", "aria-label": "Revoke " + key.name }, "Revoke");
      button.addEventListener("click", () => revoke(key.name, button));
      last.append(button);
    }
    return el("tr", {}, el("td", {}, key.name + (key.admin ? " (admin)" : "")), el("td", {}, key.id), el("td", {}, dash(key.team)),
      ...budgets(key), el("td", {}, dollars(key.reserved)),
      el("td", {}, number(key.requests)), el("td", {}, dash(key.limits.requests_per_minute)), el("td", {}, dash(key.limits.tokens_per_minute)),
      el("td", {}, dash(key.limits.largest_effort)), el("td", {}, key.limits.models.length ? key.limits.models.join(", ") : "all"), last);
  });
  const head = ["Name", "Id", "Team", "Spent today", "This month", "A session", "Held", "Requests", "A minute", "Tokens a minute", "Effort", "Models", ""];
  redraw(place, tableOf(head, rows));
}

function tableOf(head, rows) {
  return el("table", {}, el("thead", {}, el("tr", {}, ...head.map((h) => el("th", { scope: "col" }, h)))), el("tbody", {}, ...rows));
}

// A button that has the focus keeps it: a table is drawn again only where it changed.
function redraw(place, table) {
  if (place.firstChild?.outerHTML !== table.outerHTML && !place.contains(document.activeElement)) place.replaceChildren(table);
}

// What a key or a team has spent of its budgets: of the day, of the month, and what a session may cost.
function budgets(payer) {
  const cell = (balance, limit) => {
    const money = el("td", {}, `${dollars(balance.spent)}${limit ? " of " + dollars(limit) : ""}`);
    if (limit) {
      const [spent, held] = [el("span"), el("span", { class: "held" })];
      spent.style.width = Math.min(100, 100 * balance.spent / limit) + "%";
      held.style.width = Math.min(100, 100 * balance.reserved / limit) + "%";
      money.append(el("span", { class: "meter" }, spent, held));
    }
    return money;
  };
  const session = payer.limits.cost_per_session;
  return [cell(payer, payer.limits.cost_per_day), cell(payer.month, payer.limits.cost_per_month), el("td", {}, session ? dollars(session) : "–")];
}

function drawTeams(teams) {
  const place = at("team-list");
  place.hidden = !teams.length;
  const rows = teams.map((team) => el("tr", {}, el("td", {}, team.name), el("td", {}, number(team.keys)), ...budgets(team), el("td", {}, dollars(team.reserved))));
  redraw(place, tableOf(["Team", "Keys", "Spent today", "This month", "A session", "Held"], rows));
}

async function revoke(name, button) {
  if (button.textContent === "Revoke") {
    button.textContent = "Sure?";
    setTimeout(() => { button.textContent = "Revoke"; }, 4000);
    return;
  }
  button.blur();
  try {
    await get("/outthink/keys/" + encodeURIComponent(name), { method: "DELETE" });
    at("key-told").replaceChildren("Revoked " + name + ".");
  } catch (error) {
    at("key-told").replaceChildren(el("span", { class: "bad" }, error.message));
  }
  await loadKeys();
}

async function makeKey(form) {
  const data = new FormData(form);
  const filled = (name) => (data.get(name) === "" ? null : data.get(name));
  const count = (name) => (filled(name) === null ? null : Number(filled(name)));
  const body = {
    name: data.get("name"), team: filled("team"), usd_per_day: count("usd_per_day"), usd_per_month: count("usd_per_month"),
    usd_per_session: count("usd_per_session"), requests_per_minute: count("requests_per_minute"),
    tokens_per_minute: count("tokens_per_minute"), largest_effort: filled("largest_effort"),
    models: (filled("models") || "").split(",").map((m) => m.trim()).filter(Boolean),
  };
  try {
    const made = await (await get("/outthink/keys", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();
    at("key-told").replaceChildren(`The key of ${made.name}, shown this once: `, el("code", {}, made.key));
    form.reset();
    await loadKeys();
  } catch (error) {
    at("key-told").replaceChildren(el("span", { class: "bad" }, error.message));
  }
}

at("question-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const efforts = [...document.querySelectorAll("[name=effort]:checked")].map((box) => box.value);
  if (efforts.length) ask(at("question").value, at("model").value, efforts);
});
at("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("question-form").requestSubmit();
});
at("halt").addEventListener("click", () => asking && asking.abort());
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  makeKey(event.target);
});
at("unlock").addEventListener("submit", async (event) => {
  event.preventDefault();
  secret = at("key").value.trim();
  try {
    await get("/outthink/state");
    at("unlock").hidden = true;
    at("main").hidden = false;
    at("key").value = "";
    at("main").focus();
    feed();
  } catch (error) {
    secret = "";
    at("unlock-error").textContent = error.locked ? "That is not an administrator's key." : error.message;
  }
});
feed();
