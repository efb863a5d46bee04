/** The look of the page: light or dark as the reader has it, and with no motion of its own. */
export const styleSheet = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --ink: #1c2128; --quiet: #57606a;
  --accent: #0a58ca; --accent-ink: #ffffff; --changed: #8a3ffc; --refused: #b42318; --track: #eef1f4;
  --mono: ui-monospace, "DejaVu Sans Mono", "SF Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --panel: #1a2028; --line: #3a434f; --ink: #e6eaef; --quiet: #a5b0bd;
    --accent: #7db4ff; --accent-ink: #0b1a2e; --changed: #c4a1ff; --refused: #ff9d8a; --track: #1f2731;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html, body { height: 100%; margin: 0; }
body {
  display: grid; grid-template-rows: auto minmax(0, 1fr); background: var(--page); color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
header {
  display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; padding: 10px 16px;
  border-bottom: 1px solid var(--line);
}
h1 { font-size: 15px; font-weight: 650; margin: 0 auto 0 0; max-width: 46ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
h2 { font-size: 12px; font-weight: 650; margin: 0; color: var(--quiet); letter-spacing: .02em; }
h3 { font-size: 15px; font-weight: 650; margin: 0; overflow-wrap: anywhere; }
label { color: var(--quiet); display: inline-flex; gap: 6px; align-items: center; }
button, input, select {
  font: inherit; color: var(--ink); background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; padding: 4px 9px; min-height: 30px;
}
button { cursor: pointer; }
button:hover { border-color: var(--quiet); }
button[aria-pressed="true"] { background: var(--accent); color: var(--accent-ink); border-color: var(--accent); }
button:disabled { color: var(--quiet); cursor: default; }
input[type="checkbox"] { min-height: 0; accent-color: var(--accent); }
input[type="search"] { width: 25ch; font-family: var(--mono); font-size: 13px; }
select { max-width: 28ch; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.buttons { display: inline-flex; }
.buttons button { border-radius: 0; margin-left: -1px; min-width: 32px; }
.buttons button:first-child { border-radius: 6px 0 0 6px; margin-left: 0; }
.buttons button:last-child { border-radius: 0 6px 6px 0; }
.steps { flex: 1 0 100%; display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; }
.steps input[type="range"] { flex: 1 1 200px; min-width: 0; padding: 0; border: 0; background: none; accent-color: var(--accent); }
.steps p { margin: 0; }
.step { flex: 1 0 100%; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.hands { flex: 1 0 100%; display: flex; align-items: center; gap: 8px; max-height: 76px; overflow: auto; flex-wrap: wrap; }
.hands ol { display: contents; list-style: none; }
.hands button { font-size: 12px; min-height: 26px; padding: 1px 8px; overflow-wrap: anywhere; text-align: left; }
main { display: grid; grid-template-columns: minmax(0, 1fr) clamp(380px, 37vw, 560px); min-height: 0; }
.picture { display: grid; grid-template-rows: auto minmax(0, 1fr) auto; min-width: 0; min-height: 0; }
.plan { position: relative; min-height: 0; overflow: hidden; }
.plan canvas { position: absolute; inset: 0; display: block; cursor: crosshair; touch-action: none; }
.plan canvas:focus-visible { outline-offset: -2px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 0; padding: 8px 16px; list-style: none; color: var(--quiet); font-size: 12px; border-top: 1px solid var(--line); }
.legend li { display: inline-flex; gap: 6px; align-items: center; }
td .swatch { vertical-align: -1px; margin-right: 3px; }
.swatch { width: 12px; height: 12px; border-radius: 3px; display: inline-block; flex: none; }
.place { padding: 6px 16px; color: var(--quiet); font-size: 12px; border-bottom: 1px solid var(--line); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
aside { display: grid; grid-template-rows: minmax(220px, 1fr) minmax(0, 1fr); border-left: 1px solid var(--line); min-height: 0; background: var(--panel); }
aside > section { min-height: 0; overflow: auto; padding: 12px 16px; }
aside > section + section { border-top: 1px solid var(--line); padding: 0; display: flex; flex-direction: column; }
.address { font-family: var(--mono); font-size: 13px; }
p { margin: 0 0 8px; }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 2px 12px; margin: 8px 0 12px; font-size: 13px; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.refused { color: var(--refused); font-weight: 600; }
.changed { color: var(--changed); font-weight: 600; }
.stack { margin: 4px 0 12px; padding: 0; list-style: none; font-size: 13px; }
.stack li { padding: 4px 0 4px 20px; position: relative; overflow-wrap: anywhere; }
.stack .swatch { position: absolute; left: 0; top: 8px; }
.stack small { display: block; color: var(--quiet); font-size: 12px; }
.off { color: var(--quiet); }
.tablebar { display: flex; align-items: center; gap: 8px; padding: 8px 16px; border-bottom: 1px solid var(--line); flex-wrap: wrap; }
.tablebar h2 { margin-right: auto; }
.rows { overflow: auto; min-height: 0; }
table { border-collapse: collapse; width: 100%; font-size: 12px; }
th, td { text-align: left; padding: 1px 5px; white-space: nowrap; }
th { position: sticky; top: 0; background: var(--panel); color: var(--quiet); font-weight: 600; z-index: 1; }
th:first-child, td:first-child { padding-left: 16px; }
td { border-top: 1px solid var(--line); }
td.name { max-width: 80px; width: 99%; overflow: hidden; text-overflow: ellipsis; }
tr[aria-current="true"] td { background: color-mix(in srgb, var(--accent) 16%, transparent); }
tr.touched td:first-child { box-shadow: inset 4px 0 var(--changed); }
td button { border: 0; background: none; padding: 0; min-height: 24px; color: var(--accent); font-family: var(--mono); font-size: 12px; }
td button:hover { text-decoration: underline; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 900px) {
  body { grid-template-rows: auto auto; height: auto; }
  main { grid-template-columns: minmax(0, 1fr); }
  .plan { height: 62vh; }
  aside { border-left: 0; border-top: 1px solid var(--line); grid-template-rows: auto auto; }
  .rows { max-height: 60vh; }
  h1 { flex-basis: 100%; max-width: none; }
}
`;
