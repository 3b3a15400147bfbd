"""Behaviour of the search page: brushing, highlighting, colouring. No library."""

SCRIPT = r"""
"use strict";
const { axes, trials } = JSON.parse(document.getElementById("data").textContent);
const chart = document.getElementById("chart");
const table = document.getElementById("table");
const colour = document.getElementById("colour");
const rounds = document.getElementById("rounds");
const count = document.getElementById("count");
const clear = document.getElementById("clear");
const dark = matchMedia("(prefers-color-scheme: dark)");
const TOP = 62, BOTTOM = 26, TALL = 440, LEFT = 70, RIGHT = 40, NARROW = 116;
const VIRIDIS = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d",
  "#a0da39", "#e8d71d"];
const brushes = new Map();
let spots = [], lines = [], rows = [], marked = null;

const svg = (name, attributes, parent, text) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
};

const html = (name, parent, text) => {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
};

// The best stand out of the background: dark on light paper, bright on dark.
function shade(t) {
  const at = (dark.matches ? 1 - t : t) * (VIRIDIS.length - 1);
  const i = Math.min(VIRIDIS.length - 2, Math.floor(at));
  const part = (hex, k) => parseInt(hex.slice(2 * k + 1, 2 * k + 3), 16);
  const mix = [0, 1, 2].map((k) => Math.round(
    part(VIRIDIS[i], k) * (1 - (at - i)) + part(VIRIDIS[i + 1], k) * (at - i)));
  return `rgb(${mix.join(",")})`;
}

// Of settings that were trained in rounds, each of more epochs, the last or one round.
const epochs = [...new Set(trials.map((t) => t.epochs))].sort((a, b) => a - b);
const shown = (trial) => rounds.value === "all"
  || (rounds.value === "last" ? trial.last : trial.epochs === Number(rounds.value));

const dashes = (trial) => {
  const fewer = epochs.length - 1 - epochs.indexOf(trial.epochs);
  return fewer === 0 ? "" : `${Math.max(2, 12 / fewer)} 4`;
};

// Colours follow ranks, so that one bad trial does not make all others alike.
function colours() {
  const axis = Number(colour.value);
  const sorted = [...new Set(trials.filter(shown).map((t) => t.heights[axis]))]
    .sort((a, b) => a - b);
  const upward = /auc|accuracy|recall/.test(axes[axis].key);
  return trials.map((t) => {
    if (!shown(t)) return "";
    const rank = sorted.indexOf(t.heights[axis]) / Math.max(1, sorted.length - 1);
    return shade(upward ? 1 - rank : rank);
  });
}

const yOf = (height) => TOP + (1 - height) * (TALL - TOP - BOTTOM);
const heightOf = (y) => 1 - (y - TOP) / (TALL - TOP - BOTTOM);

function path(trial) {
  let d = "", last = null;
  trial.heights.forEach((h, i) => {
    if (h === null) { last = null; return; }
    const point = [spots[i], yOf(h)];
    if (!last) d += `M${point}`;
    else {
      const middle = (last[0] + point[0]) / 2;
      d += `C${middle},${last[1]} ${middle},${point[1]} ${point}`;
    }
    last = point;
  });
  return d;
}

function draw() {
  const room = chart.clientWidth - LEFT - RIGHT;
  const gap = Math.max(NARROW, room / Math.max(1, axes.length - 1));
  const wide = LEFT + RIGHT + gap * (axes.length - 1);
  spots = axes.map((_, i) => LEFT + gap * i);
  chart.replaceChildren();
  const root = svg("svg", { width: wide, height: TALL, role: "img",
    "aria-label": "One line a trial across settings and results" }, chart);
  // The best are drawn last, on top of them the chosen one.
  lines = trials.map((t) => svg("path", { d: path(t), class: "trial" }));
  root.append(...[...lines].reverse(), ...lines.filter((_, i) => trials[i].chosen));
  axes.forEach((axis, i) => drawAxis(root, axis, i, gap));
  root.addEventListener("pointermove", (event) => {
    if (event.buttons) return;
    const box = root.getBoundingClientRect();
    mark(nearest(event.clientX - box.left, event.clientY - box.top), event);
  });
  root.addEventListener("pointerleave", () => mark(null));
  refresh();
}

function drawAxis(root, axis, i, gap) {
  const x = spots[i];
  svg("text", { x, y: 18, class: "section", "text-anchor": "middle" }, root,
    axis.section);
  svg("text", { x, y: 36, class: axis.kind, "text-anchor": "middle" }, root, axis.name);
  svg("line", { x1: x, x2: x, y1: yOf(0), y2: yOf(1), class: "axis" }, root);
  for (const [height, label] of axis.ticks) {
    const y = yOf(height);
    svg("line", { x1: x - 5, x2: x, y1: y, y2: y, class: "axis" }, root);
    svg("text", { x: x - 9, y: y + 4, class: "tick", "text-anchor": "end" }, root,
      label);
  }
  const box = svg("rect", { x: x - 8, width: 16, class: "brush", rx: 3 }, root);
  const grip = svg("rect", { x: x - Math.min(18, gap / 4), y: yOf(1) - 12,
    width: Math.min(36, gap / 2), height: yOf(0) - yOf(1) + 24, class: "grip" }, root);
  const show = () => {
    const range = brushes.get(i);
    box.style.display = range ? "" : "none";
    if (!range) return;
    box.setAttribute("y", yOf(range[1]));
    box.setAttribute("height", Math.max(1, yOf(range[0]) - yOf(range[1])));
  };
  let start = null;
  const at = (event) => heightOf(event.clientY - root.getBoundingClientRect().top);
  grip.addEventListener("pointerdown", (event) => {
    start = at(event);
    grip.setPointerCapture(event.pointerId);
    brushes.delete(i);
    show();
    refresh();
  });
  grip.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const end = at(event);
    if (Math.abs(end - start) > 0.01) {
      brushes.set(i, [Math.min(start, end), Math.max(start, end)]);
    }
    show();
    refresh();
  });
  const stop = () => { start = null; };
  grip.addEventListener("pointerup", stop);
  grip.addEventListener("pointercancel", stop);
  show();
}

const inside = (trial) => shown(trial) && [...brushes].every(([i, [low, high]]) =>
  trial.heights[i] !== null && trial.heights[i] >= low && trial.heights[i] <= high);

function nearest(x, y) {
  let found = null, least = 14;
  lines.forEach((line, i) => {
    if (!inside(trials[i])) return;
    const distance = Math.abs(heightAt(trials[i], x) - y);
    if (distance < least) { least = distance; found = i; }
  });
  return found;
}

function heightAt(trial, x) {
  const i = spots.findIndex((spot, k) => x >= spot && x <= spots[k + 1]);
  if (i < 0 || trial.heights[i] === null || trial.heights[i + 1] === null) return NaN;
  const t = (x - spots[i]) / (spots[i + 1] - spots[i]);
  const ease = t * t * (3 - 2 * t);
  return yOf(trial.heights[i] * (1 - ease) + trial.heights[i + 1] * ease);
}

function mark(index, event) {
  if (index !== marked) {
    for (const list of [lines, rows]) {
      if (marked !== null) list[marked].classList.remove("on");
      if (index !== null) list[index].classList.add("on");
    }
    if (index !== null) lines[index].parentNode.insertBefore(lines[index],
      lines[index].parentNode.querySelector(":not(path)"));
    marked = index;
  }
  document.getElementById("tip")?.remove();
  if (index === null || !event) return;
  const tip = html("div", chart, `${trials[index].note}: `
    + `objective ${trials[index].texts.at(-1)}`);
  tip.id = "tip";
  const box = chart.getBoundingClientRect();
  const left = event.clientX - box.left + chart.scrollLeft + 14;
  const room = chart.scrollLeft + chart.clientWidth - tip.offsetWidth - 8;
  tip.style.left = `${Math.min(left, room)}px`;
  tip.style.top = `${event.clientY - box.top - 34}px`;
}

function fillTable() {
  const head = html("tr", html("thead", table));
  html("th", head, "trial");
  for (const axis of [...axes].reverse()) {
    const cell = html("th", head);
    html("small", cell, axis.section);
    cell.append(axis.name);
  }
  const body = html("tbody", table);
  rows = trials.map((trial, i) => {
    const row = html("tr", body);
    const first = html("td", row);
    html("span", first).className = "swatch";
    first.append(trial.number);
    if (trial.front) html("b", first, " \u25cf").title = "no other trial dominates it";
    for (const text of [...trial.texts].reverse()) html("td", row, text);
    row.addEventListener("pointerenter", () => mark(i));
    row.addEventListener("pointerleave", () => mark(null));
    return row;
  });
}

function refresh() {
  const paint = colours();
  let kept = 0, there = 0;
  trials.forEach((trial, i) => {
    const out = !inside(trial), hidden = !shown(trial);
    kept += !out;
    there += !hidden;
    lines[i].style.stroke = paint[i];
    lines[i].style.strokeDasharray = dashes(trial);
    lines[i].style.display = hidden ? "none" : "";
    rows[i].hidden = hidden;
    lines[i].classList.toggle("first", trial.chosen);
    lines[i].classList.toggle("front", Boolean(trial.front));
    lines[i].classList.toggle("out", out);
    rows[i].classList.toggle("out", out);
    rows[i].querySelector(".swatch").style.background = paint[i];
  });
  count.textContent = `${kept} of ${there} trials`;
  clear.disabled = brushes.size === 0;
  const ramp = document.getElementById("ramp"), pen = ramp.getContext("2d");
  for (let x = 0; x < ramp.width; x++) {
    pen.fillStyle = shade(x / (ramp.width - 1));
    pen.fillRect(x, 0, 1, ramp.height);
  }
}

axes.forEach((axis, i) => {
  if (axis.kind !== "result") return;
  const option = html("option", colour, axis.name);
  option.value = i;
  option.selected = i === axes.length - 1;
});
function choice(value, text) { html("option", rounds, text).value = value; }

choice("last", "the last of each setting");
if (epochs.length > 1) {
  for (const n of epochs) {
    const many = trials.filter((t) => t.epochs === n).length;
    choice(n, `${n} epochs (${many})`);
  }
  choice("all", `all (${trials.length})`);
}
document.getElementById("choice").hidden = epochs.length < 2;
document.getElementById("dashes").hidden = epochs.length < 2;
fillTable();
draw();
rounds.addEventListener("change", refresh);
colour.addEventListener("change", refresh);
clear.addEventListener("click", () => { brushes.clear(); draw(); });
addEventListener("keydown", (event) => { if (event.key === "Escape") clear.click(); });
new ResizeObserver(draw).observe(chart);
dark.addEventListener("change", refresh);
"""
