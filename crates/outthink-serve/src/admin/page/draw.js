// Draws requests: trees, votes, beliefs, curves. Texts enter the page as text nodes only.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; a string child is a text, never markup. */
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** As `el`, for drawings. */
function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Billionths of a dollar for people. */
function dollars(nano) {
  const usd = nano / 1e9;
  if (usd === 0) return "$0";
  return "$" + (usd >= 1 ? usd.toFixed(2) : usd.toPrecision(2).replace(/e.*$/, (e) => " · 10^" + Number(e.slice(1))));
}

function number(value) {
  return Math.round(value).toLocaleString("en");
}

function colour(index) {
  return index === undefined || index === null ? "" : String(index % 8);
}

/** The samples of a request as a tree: one branch a sample, as long as its tokens. */
function drawTree(request) {
  const samples = request.samples;
  const width = 320, left = 18;
  const step = Math.max(4, Math.min(16, 150 / Math.max(samples.length, 1)));
  const height = Math.max(24, samples.length * step + 10);
  const most = Math.max(1, ...samples.map((s) => s.tokens));
  const chosen = request.end ? request.end.chosen : null;
  const counts = {};
  for (const s of samples) counts[s.status] = (counts[s.status] || 0) + 1;
  const words = samples.length + " samples: " + Object.entries(counts).map(([k, n]) => n + " " + k).join(", ");
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words });
  if (samples.length) {
    picture.append(svg("path", { class: "trunk", d: `M8 ${height / 2} H ${left - 4} M ${left - 4} ${5 + step / 2} V ${5 + step * (samples.length - .5)}` }));
  }
  picture.append(svg("circle", { cx: 7, cy: height / 2, r: 4, class: "leaf" }));
  const ends = [];
  samples.forEach((sample, row) => {
    const y = 5 + step * (row + .5);
    const from = sample.parent !== undefined && ends[sample.parent] ? ends[sample.parent] : null;
    const start = from ? Math.min(from.x + 8, width - 40) : left;
    const end = start + 8 + (width - 24 - start) * Math.min(1, sample.tokens / most);
    const hue = colour(sample.class);
    if (from) picture.append(svg("path", { class: "trunk", d: `M${from.x} ${from.y} L${start} ${y}` }));
    else picture.append(svg("path", { class: "trunk", d: `M${left - 4} ${y} H ${start}` }));
    const thick = Math.max(2, Math.min(5, step - 2));
    const branch = svg("path", { class: `branch ${sample.status}${hue ? " s" + hue : ""}`, d: `M${start} ${y} H ${end}`, "stroke-width": thick },
      svg("title", {}, `sample ${sample.id}: ${sample.status}, ${sample.tokens} tokens`));
    branch.style.strokeWidth = thick + "px";
    picture.append(branch);
    if (sample.status === "done") picture.append(svg("circle", { class: `leaf${hue ? " f" + hue : ""}`, cx: end, cy: y, r: Math.min(4, step / 2) }));
    if (sample.id === chosen) picture.append(svg("circle", { class: "ring", cx: end, cy: y, r: Math.min(7, step / 2 + 3) }));
    ends[sample.id] = { x: end, y };
  });
  return picture;
}

/** The votes, most first, as bars. */
function drawVotes(request) {
  const list = el("ul", { class: "votes", "aria-label": "Votes" });
  const most = Math.max(1, ...request.votes.map((v) => v.votes));
  for (const vote of request.votes.slice(0, 8)) {
    const bar = el("span", { class: "bar b" + colour(vote.class) });
    bar.style.width = 100 * vote.votes / most + "%";
    const name = el("span", { class: "name" }, vote.answer);
    name.title = vote.answer;
    list.append(el("li", {}, name, bar, el("span", { class: "count" }, String(vote.votes))));
  }
  return list;
}

/** The belief that the leader stays ahead over time, and the moment of stopping. */
function drawBelief(request) {
  const moves = request.moves.filter((m) => m.posterior !== undefined);
  if (moves.length < 1) return null;
  const width = 320, height = 64, left = 26, bottom = 14;
  const last = Math.max(request.end ? request.end.seconds : 0, ...moves.map((m) => m.seconds), 1e-3);
  const x = (seconds) => left + (width - left - 8) * seconds / last;
  const y = (p) => 4 + (height - bottom - 4) * (1 - p);
  const path = moves.map((m, i) => (i ? `H${x(m.seconds)} V` : `M${x(m.seconds)} `) + y(m.posterior)).join(" ");
  const final = moves[moves.length - 1].posterior;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Belief that the leader stays ahead: ${(100 * final).toFixed(1)} % at the end` });
  for (const p of [0, .5, 1]) {
    picture.append(svg("path", { class: "grid", d: `M${left} ${y(p)} H${width - 8}` }),
      svg("text", { x: left - 4, y: y(p) + 4, "text-anchor": "end" }, String(p)));
  }
  picture.append(svg("path", { class: "belief", d: path + (request.end ? ` H${x(last)}` : "") }));
  if (request.end) picture.append(svg("path", { class: "stop", d: `M${x(last)} 0 V${height - bottom}` }));
  picture.append(svg("text", { x: left, y: height - 1 }, "belief that the leader stays ahead"),
    svg("text", { x: width - 8, y: height - 1, "text-anchor": "end" }, last.toFixed(2) + " s"));
  return picture;
}

/** What a request cost against all the samples that it was allowed. */
function costWords(request) {
  const end = request.end;
  const drawn = `${request.samples.length} of ${request.max_samples} samples, ${number(request.tokens)} tokens`;
  if (!end || !end.stop) return drawn;
  const money = end.cost ? `, ${dollars(end.cost)} where ${request.max_samples} samples cost ${dollars(end.fixed)}` : "";
  return drawn + money + `, ${end.seconds.toFixed(2)} s`;
}

/** One request with all that is known of it. */
function drawRequest(request, title) {
  const end = request.end;
  const state = !end ? "running" : end.status === 200 ? "done" : end.status === 499 ? "client left" : end.status ? "error " + end.status : "ending";
  const parts = [
    el("header", {}, el("h3", {}, title || `${request.model} · ${request.effort}`), el("span", { class: "state" + (end && end.status >= 500 ? " bad" : "") }, state)),
    drawTree(request),
    drawVotes(request),
  ];
  const belief = drawBelief(request);
  if (belief) parts.push(belief);
  const last = request.moves[request.moves.length - 1];
  if (end && end.stop_message) parts.push(el("p", { class: "why stopped" }, "stopped: " + end.stop_message));
  else if (last) parts.push(el("p", { class: "why" }, last.why));
  parts.push(el("p", { class: "note" }, costWords(request)));
  if (request.moves.length) {
    const moves = el("ol", { class: "moves" });
    for (const move of request.moves) moves.append(el("li", {}, `${move.seconds.toFixed(2)} s: ${move.what}. ${move.why}`));
    parts.push(el("details", {}, el("summary", {}, `${request.moves.length} decisions, ${request.strategy}${request.key ? ", key " + request.key : ""}`), moves));
  }
  return parts;
}

/** Curves with points, bands and axes: {title, x, y, log_x, log_y, series: [{name, points: [[x, y, low, high]], band}]}. */
function drawFigure(figure) {
  const width = 480, height = 300, left = 64, bottom = 40, top = 10, right = 12;
  const all = figure.series.flatMap((s) => s.points.filter((p) => p.every((v) => v === null || Number.isFinite(v))));
  if (!all.length) return el("p", { class: "note" }, "nothing to draw");
  const scale = (log, values, from, to) => {
    const map = (v) => (log ? Math.log10(v) : v);
    const kept = values.filter((v) => Number.isFinite(map(v)));
    let low = Math.min(...kept.map(map)), high = Math.max(...kept.map(map));
    if (low === high) { low -= .5; high += .5; }
    const at = (v) => from + (to - from) * (map(v) - low) / (high - low);
    const ticks = Array.from({ length: 5 }, (_, i) => low + (high - low) * i / 4).map((v) => (log ? 10 ** v : v));
    return { at, ticks };
  };
  const xs = scale(figure.log_x, all.map((p) => p[0]), left, width - right);
  const ys = scale(figure.log_y, all.flatMap((p) => p.slice(1)).filter((v) => v !== null && v !== undefined), height - bottom, top);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": figure.title });
  const short = (v) => Math.abs(v) >= 1e4 || (v !== 0 && Math.abs(v) < 1e-2) ? v.toExponential(0) : String(Number(v.toPrecision(3)));
  for (const t of ys.ticks) picture.append(svg("path", { class: "grid", d: `M${left} ${ys.at(t)} H${width - right}` }), svg("text", { x: left - 6, y: ys.at(t) + 4, "text-anchor": "end" }, short(t)));
  for (const t of xs.ticks) picture.append(svg("text", { x: xs.at(t), y: height - bottom + 16, "text-anchor": "middle" }, short(t)));
  picture.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, figure.x || ""));
  picture.append(svg("text", { x: 12, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${height / 2})` }, figure.y || ""));
  figure.series.forEach((series, i) => {
    const points = series.points.filter((p) => Number.isFinite(xs.at(p[0])) && Number.isFinite(ys.at(p[1]))).sort((a, b) => a[0] - b[0]);
    const c = colour(i);
    const wide = points.filter((p) => Number.isFinite(p[2]) && Number.isFinite(p[3]));
    if (series.line && wide.length > 1) {
      const upper = wide.map((p) => `${xs.at(p[0])},${ys.at(p[3])}`), lower = wide.map((p) => `${xs.at(p[0])},${ys.at(p[2])}`).reverse();
      picture.append(svg("polygon", { class: "band f" + c, points: upper.concat(lower).join(" ") }));
    }
    if (series.line && points.length > 1) picture.append(svg("polyline", { class: "curve s" + c, points: points.map((p) => `${xs.at(p[0])},${ys.at(p[1])}`).join(" ") }));
    if (!series.line) for (const p of points) {
      if (Number.isFinite(p[2]) && Number.isFinite(p[3])) picture.append(svg("path", { class: "curve s" + c, d: `M${xs.at(p[0])} ${ys.at(p[2])} V${ys.at(p[3])}` }));
      picture.append(svg("circle", { class: "f" + c, cx: xs.at(p[0]), cy: ys.at(p[1]), r: 3.5 }, svg("title", {}, `${series.name}: ${short(p[0])}, ${short(p[1])}`)));
    }
  });
  const legend = el("ul", { class: "votes" });
  figure.series.forEach((series, i) => legend.append(el("li", {}, el("span", { class: "bar b" + colour(i) }), el("span", {}, series.name), "")));
  return el("div", { class: "card" }, el("h3", {}, figure.title), picture, legend);
}
