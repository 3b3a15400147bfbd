// Draws of a joint posterior of two parameters, over the truth.

import { frame, pen, ticks, view } from "./chart.js";
import { dark, html, short, unpack } from "./image.js";

const colour = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Ends that hold nearly all draws, and the truth.
function ends(values, truth) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q) => sorted[Math.round(q * (sorted.length - 1))];
  let low = at(0.003), high = at(0.997);
  if (truth !== undefined) [low, high] = [Math.min(low, truth), Math.max(high, truth)];
  const pad = 0.06 * (high - low) || 0.01;
  return [low - pad, high + pad];
}

export function cloudPanel() {
  const node = html("figure", null, null, "panel cloud");
  const title = html("h3", node);
  const canvas = html("canvas", node);
  canvas.setAttribute("role", "img");
  const caption = html("figcaption", node);
  let data, xs, ys;

  function draw() {
    if (!data || !node.isConnected) return;
    const tall = Math.max(220, Math.min(340, canvas.clientWidth * 0.92));
    const [p, wide] = pen(canvas, tall);
    const box = { left: 58, right: wide - 14, top: 8, bottom: tall - 40 };
    const [left, right] = ends(xs, data.truth?.[0]);
    const [bottom, top] = ends(ys, data.truth?.[1]);
    const toX = (v) => box.left + ((v - left) / (right - left)) * (box.right - box.left);
    const toY = (v) => box.bottom - ((v - bottom) / (top - bottom)) * (box.bottom - box.top);
    frame(p, box, ticks(left, right, 4).map(([v, t]) => [toX(v), t]),
      ticks(bottom, top, 4).map(([v, t]) => [toY(v), t]), data.x_label, data.y_label);
    p.save();
    p.beginPath();
    p.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
    p.clip();
    p.fillStyle = colour("--link");
    p.globalAlpha = 0.35;
    xs.forEach((x, i) => {
      p.beginPath();
      p.arc(toX(x), toY(ys[i]), 2.4, 0, 2 * Math.PI);
      p.fill();
    });
    p.globalAlpha = 1;
    outline(p, unpack(data.ellipse), toX, toY);
    if (data.truth) cross(p, toX(data.truth[0]), toY(data.truth[1]), box);
    p.restore();
  }

  function outline(p, points, toX, toY) {
    if (!points.length) return;
    p.strokeStyle = colour("--model");
    p.lineWidth = 2;
    p.beginPath();
    for (let i = 0; i < points.length; i += 2) p.lineTo(toX(points[i]), toY(points[i + 1]));
    p.closePath();
    p.stroke();
  }

  function cross(p, x, y, box) {
    p.strokeStyle = colour("--truth");
    p.lineWidth = 2;
    p.beginPath();
    p.moveTo(x, box.top);
    p.lineTo(x, box.bottom);
    p.moveTo(box.left, y);
    p.lineTo(box.right, y);
    p.stroke();
  }

  const resize = new ResizeObserver(() => draw());
  resize.observe(node);
  dark.addEventListener("change", draw);
  view.charts.add({
    draw() {},
    stop() {
      resize.disconnect();
      dark.removeEventListener("change", draw);
    },
  });

  function update(found) {
    data = found;
    xs = unpack(data.x);
    ys = unpack(data.y);
    title.textContent = data.title;
    caption.textContent = data.note;
    caption.hidden = !data.note;
    const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
    canvas.setAttribute("aria-label", `${data.title}: draws about ${short(middle(xs))} `
      + `and ${short(middle(ys))}`);
    draw();
  }
  return { node, update };
}
