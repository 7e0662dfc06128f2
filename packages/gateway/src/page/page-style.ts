/** The start page's style sheet. Follows the reader's light or dark preference. */
export const pageStyle = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --paper: #fbfaf7; --card: #fff; --line: #dcd8ce;
  --accent: #b5462f; --well: #2e7d4f; --ill: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e6e1; --soft: #9aa3b0; --paper: #15181d; --card: #1d2128;
  --line: #343a44; --accent: #e58a6f; --well: #6fcf97; --ill: #f2867c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 46rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -0.02em; }
h2 { font-size: 1rem; margin: 2rem 0 0.5rem; }
header p { margin: 0.2rem 0; color: var(--soft); }
#state { display: inline-block; font-size: 0.875rem; padding-left: 1.1rem; position: relative; }
#state::before { content: ''; position: absolute; left: 0; top: 0.45em; width: 0.6rem; height: 0.6rem; border-radius: 50%;
  background: var(--soft); }
#state[data-state='well']::before { background: var(--well); }
#state[data-state='ill']::before { background: var(--ill); }
form { margin-top: 1.5rem; }
form > label { font-weight: 600; }
textarea, input, select, button { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: 6px; padding: 0.45rem 0.6rem; }
textarea { width: 100%; margin-top: 0.4rem; resize: vertical; }
input[type='number'] { width: 5.5rem; }
.row { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: center; margin-top: 0.6rem; font-size: 0.9rem; }
[hidden] { display: none !important; }
button { cursor: pointer; }
button:disabled { cursor: default; opacity: 0.5; }
button[type='submit'] { background: var(--accent); border-color: var(--accent); color: var(--paper); font-weight: 600; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#answer { display: block; min-height: 5rem; margin-top: 1rem; padding: 0.8rem 1rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; }
#answer.failed { border-color: var(--ill); color: var(--ill); }
dl { display: flex; flex-wrap: wrap; gap: 0.3rem 1.25rem; margin: 0.6rem 0 0; font-size: 0.85rem; color: var(--soft); }
dl div { display: flex; gap: 0.35rem; }
dd { margin: 0; color: var(--ink); overflow-wrap: anywhere; }
pre { margin: 0; padding: 0.8rem 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 6px;
  overflow-x: auto; font: 13px/1.5 ui-monospace, monospace; }
footer { margin-top: 2.5rem; font-size: 0.85rem; color: var(--soft); }
a { color: inherit; }
`;
