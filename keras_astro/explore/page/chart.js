// Lines over one axis. All charts of a case look at the same range.

import { dark, html, short, unpack } from "./image.js";

const LEFT = 58, RIGHT = 20, TOP = 8, BOTTOM = 40;
const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const STYLES = {
  data: { stroke: "--data", width: 1 },
  truth: { stroke: "--truth", width: 1.5 },
  model: { stroke: "--model", width: 1.5 },
  residual: { stroke: "--link", width: 1 },
};

// What all charts show: null is everything.
export const view = {
  range: null,
  charts: new Set(),
  set(range) {
    this.range = range;
    for (const chart of this.charts) chart.draw();
  },
  forget() {
    this.range = null;
    for (const chart of this.charts) chart.stop();
    this.charts.clear();
  },
};

export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9 * step; v += step) {
    found.push(Math.abs(v) < 1e-9 * step ? 0 : v);
  }
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const label = (v) => (Math.abs(v) >= 1e5 ? short(v)
    : v.toFixed(Math.min(digits, 8)).replace("-", "\u2212"));
  return found.map((v) => [v, label(v)]);
}

// A canvas as sharp as the screen; returns its pen, and its size in CSS pixels.
export function pen(canvas, tall) {
  const wide = canvas.clientWidth || 300;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(wide * ratio);
  canvas.height = Math.round(tall * ratio);
  canvas.style.height = `${tall}px`;
  const found = canvas.getContext("2d");
  found.scale(ratio, ratio);
  found.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  return [found, wide];
}

export function frame(p, box, xs, ys, xLabel, yLabel) {
  p.strokeStyle = colour("--line");
  p.fillStyle = colour("--soft");
  p.lineWidth = 1;
  p.textAlign = "center";
  p.textBaseline = "top";
  for (const [at, label] of xs) {
    line(p, at, box.top, at, box.bottom);
    p.fillText(label, at, box.bottom + 5);
  }
  p.textAlign = "right";
  p.textBaseline = "middle";
  for (const [at, label] of ys) {
    line(p, box.left, at, box.right, at);
    p.fillText(label, box.left - 6, at);
  }
  p.fillStyle = colour("--ink");
  p.textAlign = "center";
  p.textBaseline = "alphabetic";
  p.fillText(xLabel, (box.left + box.right) / 2, box.bottom + 34);
  p.save();
  p.translate(11, (box.top + box.bottom) / 2);
  p.rotate(-Math.PI / 2);
  p.fillText(yLabel, 0, 0);
  p.restore();
}

function line(p, x1, y1, x2, y2) {
  p.beginPath();
  p.moveTo(x1, y1);
  p.lineTo(x2, y2);
  p.stroke();
}

// First index at or after a value in an increasing array.
function find(x, value) {
  let low = 0, high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}

// The lowest and the highest value of each column of pixels, or the points themselves.
function trace(p, x, y, first, last, toX, toY, columns) {
  p.beginPath();
  let open = false;
  const point = (px, py) => {
    if (open) p.lineTo(px, py); else p.moveTo(px, py);
    open = true;
  };
  const each = Math.max(1, Math.floor((last - first) / columns));
  for (let i = first; i < last; i += each) {
    let low = Infinity, high = -Infinity, start = null, end = null;
    for (let k = i; k < Math.min(last, i + each); k++) {
      if (!Number.isFinite(y[k])) continue;
      start ??= y[k];
      end = y[k];
      low = Math.min(low, y[k]);
      high = Math.max(high, y[k]);
    }
    if (start === null) { open = false; continue; }
    const px = toX(x[Math.min(last - 1, i + (each >> 1))]);
    if (each === 1) { point(px, toY(start)); continue; }
    for (const v of [start, low, high, end]) point(px, toY(v));
  }
  p.stroke();
}

export function chartPanel() {
  const node = html("figure", null, null, "panel chart");
  const head = html("div", node, null, "head");
  const title = html("h3", head);
  const legend = html("div", head, null, "legend");
  const frameNode = html("div", node, null, "frame");
  const canvas = html("canvas", frameNode);
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const readout = html("div", frameNode, null, "readout");
  readout.setAttribute("aria-hidden", "true");
  const caption = html("figcaption", node);
  let data, x, curves, select, drag = null, box;

  const whole = () => [x[0], x.at(-1)];
  const range = () => view.range ?? whole();
  const valueAt = (px) => {
    const [low, high] = range();
    return low + ((px - box.left) / (box.right - box.left)) * (high - low);
  };

  function limits(first, last) {
    let { low, high } = data;
    if (low === null || high === null) {
      let least = Infinity, most = -Infinity;
      for (const { y } of curves) {
        for (let i = first; i < last; i++) {
          if (!Number.isFinite(y[i])) continue;
          least = Math.min(least, y[i]);
          most = Math.max(most, y[i]);
        }
      }
      if (least > most) [least, most] = [0, 1];
      const pad = 0.06 * (most - least) || 0.05;
      low ??= least - pad;
      high ??= most + pad;
    }
    return [low, high];
  }

  function draw() {
    if (!data || !node.isConnected) return;
    const tall = data.short ? 150 : 300;
    const [p, wide] = pen(canvas, tall);
    box = { left: LEFT, right: wide - RIGHT, top: TOP, bottom: tall - BOTTOM };
    const [low, high] = range();
    const first = Math.max(0, find(x, low) - 1), last = Math.min(x.length, find(x, high) + 1);
    const [bottom, top] = limits(first, last);
    const toX = (v) => box.left + ((v - low) / (high - low)) * (box.right - box.left);
    const toY = (v) => box.bottom - ((v - bottom) / (top - bottom)) * (box.bottom - box.top);
    const across = Math.max(2, Math.floor(wide / 110));
    frame(p, box, ticks(low, high, across).map(([v, t]) => [toX(v), t]),
      ticks(bottom, top, data.short ? 3 : 5).map(([v, t]) => [toY(v), t]),
      data.x_label, data.y_label);
    p.save();
    p.beginPath();
    p.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    p.clip();
    p.lineJoin = "round";
    for (const { y, style } of curves) {
      p.strokeStyle = colour(STYLES[style].stroke);
      p.lineWidth = STYLES[style].width;
      trace(p, x, y, first, last, toX, toY, box.right - box.left);
    }
    p.restore();
    if (drag && drag.end !== drag.start) {
      p.fillStyle = colour("--link");
      p.globalAlpha = 0.15;
      p.fillRect(drag.start, box.top, drag.end - drag.start, box.bottom - box.top);
    }
    if (select) select.value = chosen();
  }

  const chosen = () => {
    if (!view.range) return "whole";
    const same = data.windows.findIndex(([, a, b]) =>
      a === view.range[0] && b === view.range[1]);
    return same < 0 ? "part" : String(same);
  };

  function fill() {
    legend.replaceChildren();
    if (data.curves.length > 1) {
      for (const { name, style } of data.curves) html("span", legend, name, `key ${style}`);
    }
    select = null;
    if (!data.windows.length) return;
    const label = html("label", legend, "Look at ");
    select = html("select", label);
    const add = (value, text) => { html("option", select, text).value = value; };
    add("whole", "everything");
    data.windows.forEach(([name], i) => add(String(i), name));
    add("part", "a part");
    select.lastChild.disabled = true;
    select.addEventListener("change", () => {
      const found = data.windows[Number(select.value)];
      view.set(select.value === "whole" ? null : [found[1], found[2]]);
    });
  }

  function set(low, high) {
    const [first, last] = whole();
    const span = Math.min(high - low, last - first);
    // Not closer than a few points.
    if (span < (4 * (last - first)) / x.length) return;
    const start = Math.min(Math.max(low, first), last - span);
    view.set(span >= last - first ? null : [start, start + span]);
  }

  canvas.addEventListener("keydown", (event) => {
    const [low, high] = range();
    const span = high - low, middle = (low + high) / 2;
    const moves = {
      ArrowLeft: () => set(low - span / 5, high - span / 5),
      ArrowRight: () => set(low + span / 5, high + span / 5),
      "+": () => set(middle - span / 3, middle + span / 3),
      "-": () => set(middle - span, middle + span),
      0: () => view.set(null),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  });
  const place = (event) => event.clientX - canvas.getBoundingClientRect().left;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { start: place(event), end: place(event) };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (drag) {
      drag.end = Math.min(box.right, Math.max(box.left, at));
      draw();
    }
    const i = Math.min(x.length - 1, find(x, valueAt(at)));
    const texts = curves.map(({ name, y }) => `${name} ${short(y[i])}`);
    readout.textContent = `${short(x[i])}: ${texts.join(", ")}`;
  });
  canvas.addEventListener("pointerup", () => {
    const { start, end } = drag ?? { start: 0, end: 0 };
    drag = null;
    if (Math.abs(end - start) < 5) { draw(); return; }
    set(valueAt(Math.min(start, end)), valueAt(Math.max(start, end)));
  });
  canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
  canvas.addEventListener("pointerleave", () => { readout.textContent = ""; });
  canvas.addEventListener("dblclick", () => view.set(null));

  const resize = new ResizeObserver(() => draw());
  resize.observe(node);
  const scheme = () => draw();
  dark.addEventListener("change", scheme);
  const self = {
    draw,
    stop() {
      resize.disconnect();
      dark.removeEventListener("change", scheme);
    },
  };
  view.charts.add(self);

  function update(found) {
    const before = JSON.stringify(data?.windows ?? null) + data?.curves.length;
    data = found;
    x = unpack(data.x, Float64Array);
    curves = data.curves.map(({ name, style, y }) => ({ name, style, y: unpack(y) }));
    title.textContent = data.title;
    caption.textContent = data.note;
    caption.hidden = !data.note;
    const names = data.curves.map(({ name }) => name).join(", ");
    canvas.setAttribute("aria-label", `${data.title}: ${names} over ${data.x_label}. `
      + "Plus and minus zoom, arrows move, 0 shows everything.");
    canvas.title = "Drag to zoom, double-click to see everything; "
      + "+ and \u2212 zoom, arrows move, 0 shows everything";
    if (before !== JSON.stringify(data.windows) + data.curves.length) fill();
    draw();
  }
  return { node, update };
}
