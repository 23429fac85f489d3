// Runs the translations in the tables of docs/coming-from: each piece of code in a right-hand cell.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { transform } from "esbuild";
import { runFragment, startSample, templateContext } from "./fragments.js";
import { pages, root, tableAfter } from "./markdown.js";
import { createProject } from "./project.js";

const configuration = readFileSync(`${root}docs/configuration.md`, "utf8");
const commands = readFileSync(`${root}docs/cli.md`, "utf8");

for (const { path, text } of pages().filter((page) => page.path.startsWith("docs/coming-from/"))) {
  describe(path, () => {
    const rows = tableAfter(text, text.indexOf("## Word by word"));
    test("translates word by word", () => assert.ok(rows.length > 5));
    for (const [there, here] of rows) {
      for (const code of codeIn(here!)) test(`${there}: ${code}`, (t) => run(t, code));
    }
  });
}

/** The code in a cell: between single backticks, or between double ones where it contains some itself. */
function codeIn(cell: string): string[] {
  return [...cell.matchAll(/(`+) ?(.+?) ?\1(?!`)/g)].map(([, , code]) => code!);
}

async function run(t: TestContext, code: string): Promise<void> {
  if (code.startsWith("<%") || code.startsWith("{{")) return render(t, code);
  if (/^(?:await |sse\.|oob\(|components\.|app\.)/.test(code)) {
    const sample = await startSample(t, createProject(t));
    return runFragment(sample, code.startsWith("sse.updates(") ? `await ${code}.return();` : `${code};`);
  }
  const command = /^npx htmx-mercure ([\w-]+)$/.exec(code)?.[1];
  if (command !== undefined) return assert.match(commands, new RegExp(`^## .*${command}|htmx-mercure ${command}`, "m"));
  // A variable, an option or an attribute of htmx.
  if (/^(?:MERCURE|SSE|REDIS)_\w+$|^[a-z]+[A-Z]\w+$|^authorize$/.test(code))
    return assert.ok(configuration.includes(`\`${code}\``));
  if (/^hx-\w+$/.test(code)) return;
  if (code.startsWith("const {")) return compile(code);
  if (code.startsWith("encodeEvent(")) return encode(code);
  assert.fail(`The test cannot run ${code}.`);
}

/** In a request, since private streams need one. */
async function render(t: TestContext, code: string): Promise<void> {
  const { app, kit, origin } = await startSample(t, createProject(t));
  app.get("/", (_req, res) => void res.send(kit.environment.renderString(code, templateContext())));
  const response = await fetch(origin);
  assert.equal(response.status, 200, await response.text());
}

async function compile(code: string): Promise<void> {
  await transform(code, { loader: "ts" });
}

async function encode(code: string): Promise<void> {
  const { encodeEvent } = await import("htmx-mercure");
  const event = new Function("encodeEvent", `return ${code}`)(encodeEvent) as string;
  assert.match(event, /^data:\s?hello$/m);
}
