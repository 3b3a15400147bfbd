// The list of a model's worst rows.

import { html, paint, unpack } from "./image.js";

function sparkline(canvas, values) {
  canvas.width = 160;
  canvas.height = 160;
  const p = canvas.getContext("2d");
  const most = Math.max(...values), least = Math.min(...values, most - 1e-9);
  p.strokeStyle = getComputedStyle(document.documentElement)
    .getPropertyValue("--link").trim();
  p.lineWidth = 3;
  p.beginPath();
  values.forEach((value, i) => p.lineTo((160 * i) / (values.length - 1),
    150 - (140 * (value - least)) / (most - least)));
  p.stroke();
}

export function worstList(root, found, { chosen, ordered }) {
  root.replaceChildren();
  const label = html("label", root, "Worst by");
  const select = html("select", label);
  select.id = "order";
  for (const [name, text] of found.orders) html("option", select, text).value = name;
  select.value = found.order;
  select.addEventListener("change", () => ordered(select.value));
  html("p", root, `The worst ${found.rows.length} of ${found.count} rows of `
    + `${found.source}.`, "hint");
  const list = html("ol", root);
  list.id = "list";
  const buttons = new Map();
  found.rows.forEach((row) => {
    const button = html("button", html("li", list));
    button.type = "button";
    const canvas = html("canvas", button);
    canvas.setAttribute("aria-hidden", "true");
    const words = html("span", button);
    html("b", words, row.id);
    html("small", words, row.text);
    const small = row.thumbnail;
    if (small.kind === "line") sparkline(canvas, unpack(small.data));
    else {
      paint(canvas, unpack(small.data, Uint8Array), small.shape, "magma",
        (v) => v / 255);
    }
    button.addEventListener("click", () => chosen(row.row));
    buttons.set(row.row, button);
  });
  return {
    first: found.rows[0]?.row,
    mark(row) {
      for (const [number, button] of buttons) {
        button.setAttribute("aria-current", String(number === row));
      }
    },
  };
}
