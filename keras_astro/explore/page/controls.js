// Sliders, choices and the seed; tells when a value has changed.

import { html } from "./image.js";

const decimals = (step) => Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));

function slider(spec, row, changed) {
  const line = html("div", row, null, "line");
  const label = html("label", line, spec.label);
  const output = html("output", line);
  const input = html("input", row);
  input.type = "range";
  input.id = label.htmlFor = `control-${spec.name}`;
  output.htmlFor = input.id;
  Object.assign(input, { min: spec.low, max: spec.high, step: spec.step });
  const tell = () => {
    const unit = spec.unit === "\u2033" ? spec.unit : spec.unit && `\u00a0${spec.unit}`;
    const text = Number(input.value).toFixed(decimals(spec.step)).replace("-", "\u2212");
    output.textContent = text + unit;
    input.setAttribute("aria-valuetext", `${text} ${spec.unit}`);
  };
  input.addEventListener("input", () => { tell(); changed(); });
  return { input, tell };
}

function choice(spec, row, changed) {
  const label = html("label", html("div", row, null, "line"), spec.label);
  const input = html("select", row);
  input.id = label.htmlFor = `control-${spec.name}`;
  for (const option of spec.options) {
    html("option", input, option.replaceAll("_", " ")).value = option;
  }
  input.addEventListener("change", changed);
  return { input, tell() {} };
}

export function controlForm(root, groups, start, changed) {
  const form = html("form", null);
  root.replaceChildren(form);
  form.addEventListener("submit", (event) => event.preventDefault());
  const controls = new Map();
  const seed = { value: String(start) };

  const values = () => {
    const found = { seed: seed.input.value };
    for (const [name, { spec, input }] of controls) {
      if (!hidden(spec)) found[name] = input.value;
    }
    return found;
  };
  const hidden = (spec) => spec.only !== null && spec.only !== undefined
    && !spec.only[1].includes(controls.get(spec.only[0]).input.value);
  const told = () => {
    for (const { spec, row } of controls.values()) row.hidden = hidden(spec);
    changed(values());
  };

  for (const group of groups) {
    const set = html("fieldset", form);
    html("legend", set, group.title);
    for (const spec of group.controls) {
      const row = html("div", set, null, "control");
      const made = (spec.kind === "slider" ? slider : choice)(spec, row, told);
      controls.set(spec.name, { spec, row, ...made });
    }
  }
  const set = html("fieldset", form);
  html("legend", set, "Randomness");
  const row = html("div", set, null, "control");
  const label = html("label", html("div", row, null, "line"), "Seed");
  seed.input = html("input", row);
  seed.input.type = "number";
  seed.input.id = label.htmlFor = "control-seed";
  seed.input.step = 1;
  seed.input.addEventListener("input", told);
  const buttons = html("div", set, null, "buttons");
  const again = html("button", buttons, "Draw anew");
  const reset = html("button", buttons, "Reset");
  again.type = reset.type = "button";

  const fill = (given) => {
    for (const { spec, input, tell } of controls.values()) {
      input.value = given[spec.name] ?? spec.value;
      tell();
    }
    seed.input.value = given.seed ?? seed.value;
    told();
  };
  again.addEventListener("click", () => {
    seed.input.value = Math.max(0, Math.floor(Number(seed.input.value) || 0)) + 1;
    told();
  });
  reset.addEventListener("click", () => fill({}));
  return { fill, values };
}
