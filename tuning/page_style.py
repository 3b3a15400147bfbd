"""Style sheet of the search page: light and dark."""

CSS = """
:root {
  --paper: #fbfbfa; --card: #ffffff; --ink: #22262b; --soft: #5d6670; --line: #e2e5e9;
  --axis: #9aa2ab; --link: #00629b; --mark: #d55e00; --halo: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1c2024; --ink: #e4e7ea; --soft: #9aa4ae; --line: #30363c;
    --axis: #6b747d; --link: #6fbbe8; --mark: #ff8a47; --halo: #1c2024;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}
.wide { max-width: 84rem; margin: 0 auto; padding: 0 1.5rem; }
header { border-bottom: 1px solid var(--line); background: var(--card); }
header .wide { padding-top: 2rem; padding-bottom: 1.3rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; }
header p { margin: 0.5rem 0 0; color: var(--soft); max-width: 52rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 0.8rem; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr));
  gap: 0.8rem 1.5rem; margin: 0;
}
.facts dt { color: var(--soft); font-size: 0.85rem; overflow-wrap: anywhere; }
.facts dd { margin: 0; font-variant-numeric: tabular-nums; font-weight: 600; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.6rem 1.6rem; }
.bar, .hint { font-size: 0.9rem; color: var(--soft); }
.ramp { display: inline-flex; align-items: center; gap: 0.5rem; }
#ramp { border-radius: 5px; }
select, button {
  font: inherit; color: var(--ink); background: var(--card); padding: 0.2rem 0.7rem;
  border: 1px solid var(--line); border-radius: 6px;
}
button:hover:enabled, select:hover { border-color: var(--link); }
button:disabled { opacity: 0.5; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
#chart {
  position: relative; margin: 0.8rem 0; background: var(--card); overflow-x: auto;
  border: 1px solid var(--line); border-radius: 8px;
}
svg { display: block; user-select: none; touch-action: pan-y; }
svg text { fill: var(--ink); font-size: 12px; }
svg .tick {
  fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums;
  paint-order: stroke; stroke: var(--halo); stroke-width: 4px; stroke-linejoin: round;
  pointer-events: none;
}
svg .section { fill: var(--soft); font-size: 11px; }
svg .result { font-weight: 700; }
.axis { stroke: var(--axis); stroke-width: 1; }
.trial { fill: none; stroke-width: 1.6; stroke-opacity: 0.75; pointer-events: none; }
.trial.front { stroke-width: 2.6; stroke-opacity: 1; }
.trial.first { stroke-width: 3; stroke-opacity: 1; }
.trial.out { stroke: var(--line) !important; stroke-opacity: 0.6; stroke-width: 1; }
.trial.on { stroke: var(--mark) !important; stroke-width: 3.5; stroke-opacity: 1; }
.brush { fill: var(--link); fill-opacity: 0.16; stroke: var(--link); }
.grip { fill: transparent; cursor: crosshair; }
#tip {
  position: absolute; pointer-events: none; background: var(--ink); color: var(--paper);
  padding: 0.25rem 0.6rem; border-radius: 6px; font-size: 0.85rem; white-space: nowrap;
}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td {
  text-align: right; padding: 0.4rem 0.8rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; white-space: nowrap;
}
th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
th small { display: block; font-weight: 400; }
tbody tr.on { background: color-mix(in srgb, var(--mark) 16%, transparent); }
tbody tr.out { opacity: 0.4; }
tr.chosen { font-weight: 700; }
table.few { width: auto; }
.swatch {
  display: inline-block; width: 0.8em; height: 0.8em; border-radius: 3px;
  margin-right: 0.6em;
}
footer.wide {
  color: var(--soft); font-size: 0.85rem; padding-top: 1.5rem; padding-bottom: 2.5rem;
}
@media print { .bar, .hint { display: none; } #chart { border: 0; } }
"""
