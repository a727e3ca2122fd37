// Writes docs/errors.md from packages/core/src/errors/codes.ts (its compiled form, so run the set-up first).
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { errorCodes } from "../packages/core/dist/errors/codes.js";

const kinds = [
  ["fix-call", "The call is wrong: change the program."],
  ["fix-configuration", "An option, a file or the environment is wrong: change that."],
  ["retry", "Nothing is lost: try again, perhaps after freeing what is short."],
  ["restore", "Stored state needs attention: restore from another checkpoint."],
  ["report-bug", "Tidemark broke one of its own rules: please report it with the message."],
];

const rows = kinds.flatMap(([kind]) =>
  Object.entries(errorCodes)
    .filter(([, entry]) => entry.kind === kind)
    .map(([code, entry]) => `| ${code} | ${kind} | ${entry.when} |`),
);

const text = `# Errors

Every error that Tidemark throws is a \`StateError\` with a stable \`code\`, a message that says what to do, and a \`kind\`
that tells the next move:

| Kind | Next move |
| --- | --- |
${kinds.map(([kind, move]) => `| ${kind} | ${move} |`).join("\n")}

## Codes

| Code | Kind | When |
| --- | --- | --- |
${rows.join("\n")}

This page is written by \`node scripts/errors-doc.mjs\`.
`;

writeFileSync(fileURLToPath(new URL("../docs/errors.md", import.meta.url)), text);
