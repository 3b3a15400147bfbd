"""Style sheet of the report: light, dark and printed."""

CSS = """
:root {
  --paper: #fbfbfa; --card: #ffffff; --ink: #22262b; --soft: #5d6670; --line: #e2e5e9;
  --link: #00629b; --pass: #00714f; --pass-bg: #e6f4ee; --fail: #b23c00;
  --fail-bg: #fdeee5; --note: #7a5900; --note-bg: #fcf4dc; --code: #f2f4f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1c2024; --ink: #e4e7ea; --soft: #9aa4ae; --line: #30363c;
    --link: #6fbbe8; --pass: #54c99b; --pass-bg: #11291f; --fail: #ff9b66;
    --fail-bg: #331b0e; --note: #e8c25a; --note-bg: #2b240f; --code: #23282d;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
}
.wide { max-width: 72rem; margin: 0 auto; padding: 0 1.5rem; }
header { border-bottom: 1px solid var(--line); background: var(--card); }
header .wide { padding-top: 2.2rem; padding-bottom: 1.4rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.01em; }
header p { margin: 0.5rem 0 0; color: var(--soft); max-width: 46rem; }
.layout { display: grid; grid-template-columns: 12.5rem minmax(0, 1fr); gap: 3rem; }
nav { position: sticky; top: 0; align-self: start; padding: 2rem 0; font-size: 0.9rem; }
nav ol { list-style: none; margin: 0; padding: 0; }
nav li { margin: 0.15rem 0; }
nav a { color: var(--soft); text-decoration: none; display: block; padding: 0.15rem 0; }
nav a:hover, nav a:focus-visible { color: var(--link); }
main { padding: 1.2rem 0 3rem; min-width: 0; }
section { padding-top: 0.8rem; margin-bottom: 2.4rem; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 0.9rem; }
h3 { font-size: 1rem; margin: 1.8rem 0 0.6rem; }
p { max-width: 46rem; margin: 0 0 0.9rem; }
a { color: var(--link); }
.verdicts {
  list-style: none; margin: 0 0 1.6rem; padding: 0; display: grid; gap: 0.5rem;
}
.verdicts li {
  display: flex; gap: 0.8rem; padding: 0.65rem 0.9rem; border-radius: 8px;
  border-left: 4px solid currentColor;
}
.verdicts li span:last-child { color: var(--ink); }
.verdicts .pass { color: var(--pass); background: var(--pass-bg); }
.verdicts .fail { color: var(--fail); background: var(--fail-bg); font-weight: 600; }
.verdicts .note { color: var(--note); background: var(--note-bg); }
.mark { font-weight: 700; flex: none; display: inline-block; min-width: 1em; }
.rival { white-space: nowrap; }
.rival.pass .mark { color: var(--pass); }
.rival.fail .mark { color: var(--fail); }
.rival.note .mark { color: var(--note); }
.notes {
  margin: 0 0 1.2rem; padding: 0.7rem 1rem 0.7rem 2rem; border-radius: 8px;
  background: var(--note-bg); max-width: 46rem; font-size: 0.95rem;
}
.scroll { overflow-x: auto; margin: 0 0 1.4rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.94rem; }
caption {
  caption-side: bottom; text-align: left; color: var(--soft); padding-top: 0.5rem;
}
th, td {
  text-align: left; padding: 0.5rem 0.8rem 0.5rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums;
}
thead th { color: var(--soft); font-weight: 500; font-size: 0.85rem; }
tbody th { font-weight: 500; }
th small { display: block; color: var(--soft); font-weight: 400; }
small { color: var(--soft); }
th.number, td.number { text-align: right; }
.headline .big { font-size: 1.35rem; line-height: 1.25; font-weight: 650; }
.headline .big small { font-size: 0.9rem; font-weight: 400; }
.metrics { max-width: 44rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr));
  gap: 0.9rem 2rem; margin: 0; }
.facts dt { color: var(--soft); font-size: 0.85rem; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0 0 2rem; }
figure img {
  display: block; max-width: 100%; height: auto; background: #fff; padding: 0.7rem;
  border: 1px solid var(--line); border-radius: 8px;
}
figcaption {
  color: var(--soft); font-size: 0.92rem; margin-top: 0.6rem; max-width: 46rem;
}
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
code { font-size: 0.9em; }
pre {
  background: var(--code); border-radius: 8px; padding: 1rem; overflow-x: auto;
  font-size: 0.85rem; line-height: 1.5;
}
summary { cursor: pointer; color: var(--link); }
footer.wide {
  color: var(--soft); font-size: 0.85rem; padding-top: 1rem; padding-bottom: 2.5rem;
}
@media (prefers-color-scheme: dark) {
  figure img { filter: brightness(0.9); border-color: transparent; }
}
@media (max-width: 60rem) {
  .layout { display: block; }
  nav { display: none; }
}
@media print {
  :root {
    --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #ccc;
    --pass: #00714f; --pass-bg: #fff; --fail: #b23c00; --fail-bg: #fff;
    --note: #7a5900; --note-bg: #fff; --code: #fff; --link: #000;
  }
  body { font-size: 10.5pt; }
  nav { display: none; }
  .layout { display: block; }
  figure, tr, .verdicts li { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  figure img { filter: none; border: 0; padding: 0; }
}
"""
