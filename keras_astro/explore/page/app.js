// The page: cases, views, and what is asked of the server.

import { view } from "./chart.js";
import { controlForm } from "./controls.js";
import { html } from "./image.js";
import { section } from "./panels.js";
import { worstList } from "./worst.js";

const at = (id) => document.getElementById(id);
const message = at("message"), status = at("status"), stage = at("stage");
let cases = [], seed = 0, current = null, showing = "simulate";
let sky, model, form, list;
// What a visitor has set, by case.
const kept = new Map();
let drawn = 0;

async function ask(path) {
  let answer, content;
  try {
    answer = await fetch(path);
    content = await answer.json();
  } catch {
    throw { error: "The server does not answer.", hint: "Start kastro explore again." };
  }
  if (!answer.ok) throw content;
  return content;
}

function complain({ error, hint }) {
  message.replaceChildren();
  html("b", message, error);
  if (hint) html("span", message, hint);
  message.hidden = false;
  stage.classList.add("stale");
  status.textContent = "";
}

function show(scene, start) {
  message.hidden = true;
  stage.classList.remove("stale");
  sky.show(scene.sky);
  if (current.model) model.show(scene.model);
  status.textContent = `${Math.round(performance.now() - start)} ms`;
  drawn += 1;
  document.body.dataset.drawn = drawn;
}

// Only the newest question counts; one is under way at most.
const wanted = { path: null, busy: false, then: null };

async function refresh(path, then) {
  wanted.path = path;
  wanted.then = then;
  if (wanted.busy) return;
  wanted.busy = true;
  while (wanted.path) {
    const { path: now, then: after } = wanted;
    const start = performance.now();
    wanted.path = null;
    try {
      const scene = await ask(now);
      if (!wanted.path) after(scene, start);
    } catch (problem) {
      if (problem instanceof Error) throw problem;
      if (!wanted.path) complain(problem);
    } finally {
      wanted.busy = wanted.path !== null;
    }
  }
  wanted.busy = false;
}

function remember(text) {
  history.replaceState(null, "", `#${text}`);
}

function sections(heading) {
  view.forget();
  sky = section(at("sky"), heading);
  model = section(at("model"), "What the model makes of it");
  if (!current.model) howto(model.grid);
}

function howto(grid) {
  const box = html("div", grid, null, "howto");
  html("p", box, "No model is loaded, so this is the simulator alone. Train one, or "
    + "name an exported one, to see its reconstruction and its scores here:");
  html("pre", box, `kastro train ${current.name}\n`
    + `kastro explore runs/${current.name}-train-1`);
}

async function simulate() {
  const name = current.name;
  sections("Simulated");
  const { groups } = await ask(`api/${name}/controls`);
  if (current.name !== name || showing !== "simulate") return;
  form = controlForm(at("side"), groups, seed, (values) => {
    kept.set(name, values);
    const query = new URLSearchParams(values);
    remember(`${name}?${query}`);
    refresh(`api/${name}/scene?${query}`, show);
  });
  form.fill(kept.get(name) ?? {});
}

async function worst(order, row) {
  const name = current.name;
  sections("A row of the data");
  at("side").replaceChildren();
  html("p", at("side"), "Scoring the rows\u2026", "hint");
  const query = order ? `?${new URLSearchParams({ order })}` : "";
  const found = await ask(`api/${name}/worst${query}`);
  if (current.name !== name || showing !== "worst") return;
  const chosen = (number) => {
    list.mark(number);
    const place = new URLSearchParams({ order: found.order, row: number });
    remember(`${name}/worst?${place}`);
    refresh(`api/${name}/row/${number}`, (scene, start) => {
      show(scene, start);
      sky.heading(`Row ${scene.id}`);
    });
  };
  list = worstList(at("side"), found, { chosen, ordered: (next) => open("worst", next) });
  chosen(row ?? list.first);
}

async function open(next, order, row) {
  showing = next;
  for (const id of ["simulate", "worst"]) {
    at(id).setAttribute("aria-pressed", String(id === next));
  }
  message.hidden = true;
  stage.classList.remove("stale");
  try {
    await (next === "worst" ? worst(order, row) : simulate());
  } catch (problem) {
    if (problem instanceof Error) throw problem;
    at("side").replaceChildren();
    complain(problem);
  }
}

function choose(name, next = "simulate", ...rest) {
  current = cases.find((one) => one.name === name) ?? cases[0];
  for (const button of at("cases").children) {
    const selected = button.id === `case-${current.name}`;
    button.setAttribute("aria-selected", String(selected));
    button.tabIndex = selected ? 0 : -1;
    if (selected) button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  document.title = `${current.title} \u00b7 keras-astro explorer`;
  const { title, summary } = current;
  at("summary").textContent = `${title}: ${summary}.`;
  at("about").textContent = current.model ? `Model: ${current.model}` : "No model loaded";
  open(next, ...rest);
}

function tabs() {
  const root = at("cases");
  for (const { name, title, model: path } of cases) {
    const button = html("button", root, title, path ? "with-model" : "");
    button.type = "button";
    button.id = `case-${name}`;
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", "stage");
    if (path) button.setAttribute("aria-label", `${title}, with a model`);
    button.addEventListener("click", () => choose(name));
  }
  root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const place = cases.indexOf(current) + step;
    const next = cases[(place + cases.length) % cases.length];
    choose(next.name);
    at(`case-${next.name}`).focus();
  });
}

// An address of a former visit: case, view and values.
function restore(first) {
  const [place, query] = decodeURIComponent(location.hash.slice(1)).split("?");
  const [name, next] = place.split("/");
  const values = Object.fromEntries(new URLSearchParams(query ?? ""));
  if (!cases.some((one) => one.name === name)) { choose(first); return; }
  if (next === "worst") {
    choose(name, "worst", values.order, values.row && Number(values.row));
    return;
  }
  if (Object.keys(values).length) kept.set(name, values);
  choose(name);
}

at("simulate").addEventListener("click", () => open("simulate"));
at("worst").addEventListener("click", () => open("worst"));

try {
  const found = await ask("api/cases");
  ({ cases, seed } = found);
  tabs();
  restore(found.first);
} catch (problem) {
  complain(problem);
}
