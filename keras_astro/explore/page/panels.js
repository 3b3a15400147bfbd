// Panels of a scene; those that stay are updated in place, so that nothing flickers.

import { chartPanel } from "./chart.js";
import { cloudPanel } from "./cloud.js";
import { html, imagePanel, short } from "./image.js";

const MARKS = { pass: ["\u2713", "Passed"], fail: ["\u2717", "Failed"],
  note: ["!", "Note"] };

// A panel whose inside is built anew with each update.
function plain(kind, build) {
  return () => {
    const node = html("figure", null, null, `panel ${kind}`);
    return {
      node,
      update(data) {
        node.replaceChildren();
        if (data.span) node.className = `panel ${kind} span-${data.span}`;
        if (data.title) html("h3", node, data.title);
        build(node, data);
        if (data.note) html("figcaption", node, data.note);
      },
    };
  };
}

function facts(node, { facts: pairs, verdicts }) {
  if (verdicts.length) {
    const list = html("ul", node, null, "verdicts");
    for (const [kind, text] of verdicts) {
      const item = html("li", list, null, kind);
      const mark = html("span", item, MARKS[kind][0], "mark");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", MARKS[kind][1]);
      html("span", item, text);
    }
  }
  if (!pairs.length) return;
  const list = html("dl", node, null, "facts");
  for (const [name, text] of pairs) {
    const pair = html("div", list);
    html("dt", pair, name);
    html("dd", pair, text);
  }
}

function bars(node, { rows, truth }) {
  for (const [name, value] of rows) {
    const row = html("div", node, null, name === truth ? "share true" : "share");
    html("span", row, name === truth ? `${name} (true)` : name);
    const rail = html("div", row, null, "rail");
    html("span", rail).style.width = `${100 * (value ?? 0)}%`;
    html("span", row, value === null ? "unknown" : `${(100 * value).toFixed(1)} %`,
      "value");
  }
}

function intervals(node, { rows }) {
  for (const row of rows) {
    const line = html("div", node, null, "interval");
    html("span", line, row.label);
    const [low, high] = row.axis;
    const at = (v) => 100 * Math.min(1, Math.max(0, (v - low) / (high - low)));
    const place = html("div", line, null, "place");
    const track = html("div", place, null, "track");
    html("span", track, null, "axis");
    for (const kind of ["outer", "inner"]) {
      const bar = html("span", track, null, kind);
      const [a, b] = row[kind].map(at);
      bar.style.left = `${a}%`;
      bar.style.width = `max(2px, ${b - a}%)`;
    }
    html("span", track, null, "mean").style.left = `${at(row.mean)}%`;
    if (row.truth !== null) {
      html("span", track, null, "truth").style.left = `${at(row.truth)}%`;
    }
    const limits = html("div", place, null, "ends");
    html("span", limits, short(low));
    html("span", limits, short(high));
    const unit = row.unit && row.unit !== "\u2033" ? ` ${row.unit}` : row.unit;
    const numbers = html("div", line, null, "numbers");
    numbers.append(`${short(row.mean)} \u00b1 ${short(Number((row.error ?? NaN)
      .toPrecision(2)))}${unit}`);
    const truth = row.truth === null ? "truth unknown" : `truth ${short(row.truth)}${unit}`;
    html("small", numbers, truth);
  }
}

const KINDS = {
  image: imagePanel,
  chart: chartPanel,
  cloud: cloudPanel,
  facts: plain("facts-panel", facts),
  bars: plain("bars", bars),
  intervals: plain("intervals", intervals),
};

// A section with a heading whose panels follow what it is given.
export function section(root, heading) {
  root.replaceChildren();
  html("h2", root, heading);
  const grid = html("div", root, null, "panels");
  let shown = [], key = "";
  return {
    grid,
    heading(text) { root.firstChild.textContent = text; },
    show(panels) {
      const next = panels.map(({ kind, title }) => `${kind} ${title}`).join("|");
      if (next !== key) {
        shown = panels.map(({ kind }) => KINDS[kind]());
        grid.replaceChildren(...shown.map(({ node }) => node));
        key = next;
      }
      panels.forEach((panel, i) => shown[i].update(panel));
    },
  };
}
