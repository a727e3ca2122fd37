import { chartColors } from "./charts.js";

/** A page that needs nothing but itself: no scripts, no styles, fonts or images from anywhere else; light or dark as the reader has it. */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(title)}</title>
<style>
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2326; --quiet: #5c6b70; --line: #d5dcdf; --good: #2b8a3e; --bad: #c92a2a; }
:root { ${chartColors("light")} }
@media (prefers-color-scheme: dark) {
:root { --back: #14191b; --text: #e6ecee; --quiet: #9aa9ae; --line: #36424a; --good: #69db7c; --bad: #ff8787; }
:root { ${chartColors("dark")} }
}
body { background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; }
body { padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0 2rem; font-size: 0.9rem; }
th, td { text-align: right; padding: 0.2rem 1rem 0.2rem 0; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
th:first-child, td:first-child, .text { text-align: left; }
small, dt, figcaption, .quiet { color: var(--quiet); }
.good { color: var(--good); }
.bad { color: var(--bad); }
figure { margin: 1rem 0 2rem; overflow-x: auto; }
svg { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
<h1>${escapeText(title)}</h1>
${body}
</body>
</html>
`;
}

/** A chart with the words below it; nothing where there is no chart. */
export function figure(svg: string, caption: string): string {
  return svg === "" ? "" : `<figure>${svg}<figcaption>${escapeText(caption)}</figcaption></figure>`;
}

/** Text that cannot break out of where it stands. */
export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
