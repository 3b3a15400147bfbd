// Pictures in false colours, with a scale and a readout.

export const dark = matchMedia("(prefers-color-scheme: dark)");

const PALETTES = {
  magma: ["#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d",
    "#fd9668", "#feca8d", "#fcfdbf"],
  viridis: ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39",
    "#fde725"],
  signed: ["#00507d", "#0072b2", "#7fb8d8", "#f7f7f5", "#f2ab7c", "#d55e00", "#8f3f00"],
};
const tables = {};

export function html(name, parent, text, kind) {
  const node = document.createElement(name);
  if (text !== undefined && text !== null) node.textContent = text;
  if (kind) node.className = kind;
  if (parent) parent.append(node);
  return node;
}

export function unpack(text, Kind = Float32Array) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Kind(bytes.buffer);
}

export function short(value) {
  if (value === null || !Number.isFinite(value)) return "unknown";
  const size = Math.abs(value);
  let digits = String(Number(value.toPrecision(4)));
  if (size >= 1e7 || (size > 0 && size < 1e-3)) digits = value.toExponential(2);
  // Thin spaces group thousands without looking like a decimal mark.
  else if (size >= 1e4) digits = digits.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return digits.replace("-", "\u2212").replace("e+", "e").replace("e-", "e\u2212");
}

function table(name) {
  if (tables[name]) return tables[name];
  const stops = PALETTES[name].map((hex) => [1, 3, 5].map((i) =>
    parseInt(hex.slice(i, i + 2), 16)));
  const colours = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (stops.length - 1);
    const k = Math.min(stops.length - 2, Math.floor(at));
    for (let c = 0; c < 3; c++) {
      colours[3 * i + c] = stops[k][c] * (1 - at + k) + stops[k + 1][c] * (at - k);
    }
  }
  tables[name] = colours;
  return colours;
}

// From a value to its place on the scale, 0 to 1.
function stretch({ low, high, softening: soft, palette }) {
  const share = (v) => Math.min(1, Math.max(0, (v - low) / (high - low)));
  if (!soft) return share;
  const top = Math.asinh(1 / soft);
  if (palette !== "signed") return (v) => Math.asinh(share(v) / soft) / top;
  return (v) => 0.5 + 0.5 * Math.asinh((2 * share(v) - 1) / soft) / top;
}

export function paint(canvas, values, [rows, columns], palette, place) {
  canvas.width = columns;
  canvas.height = rows;
  const pen = canvas.getContext("2d");
  const picture = pen.createImageData(columns, rows);
  const colours = table(palette);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column];
      // The first row is at the bottom.
      const at = 4 * ((rows - 1 - row) * columns + column);
      if (!Number.isFinite(value)) continue;
      const i = 3 * Math.round(255 * place(value));
      picture.data.set([colours[i], colours[i + 1], colours[i + 2], 255], at);
    }
  }
  pen.putImageData(picture, 0, 0);
}

export function imagePanel() {
  const node = html("figure", null, null, "panel image");
  const title = html("h3", node);
  const frame = html("div", node, null, "frame");
  const canvas = html("canvas", frame, null, "pixels");
  canvas.setAttribute("role", "img");
  const scale = html("div", node, null, "scale");
  const low = html("span", scale);
  const ramp = html("canvas", scale);
  ramp.setAttribute("aria-hidden", "true");
  const high = html("span", scale);
  const readout = html("div", frame, null, "readout");
  readout.setAttribute("aria-hidden", "true");
  const caption = html("figcaption", node);
  let data, values;

  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const [rows, columns] = data.shape;
    const x = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const y = rows - 1 - Math.floor(((event.clientY - box.top) / box.height) * rows);
    const value = values[y * columns + x];
    if (value === undefined) return;
    readout.textContent = `x ${x}, y ${y}: ${short(value)} ${data.unit}`;
  });
  canvas.addEventListener("pointerleave", () => { readout.textContent = ""; });

  function update(found) {
    data = found;
    values = unpack(data.data);
    const [rows, columns] = data.shape;
    title.textContent = data.title;
    node.classList.toggle("wide-image", columns > 2 * rows);
    paint(canvas, values, data.shape, data.palette, stretch(data));
    paint(ramp, Float32Array.from({ length: 128 }, (_, i) => i / 127), [1, 128],
      data.palette, (v) => v);
    const unit = data.unit ? ` ${data.unit}` : "";
    low.textContent = short(data.low);
    high.textContent = short(data.high) + unit;
    const kind = data.softening ? ", stretched" : "";
    canvas.setAttribute("aria-label", `${data.title}: ${columns} by ${rows} pixels, `
      + `colours from ${short(data.low)} to ${short(data.high)}${unit}${kind}`);
    caption.textContent = data.note;
    caption.hidden = !data.note;
  }
  return { node, update };
}
