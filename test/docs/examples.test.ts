// Runs every block of code of README.md and of the pages below docs. The words after a fence's
// language select the check:
//
//   ```ts                     with an import: a program, run by Node in a project with the files that its section shows
//                             and those of its page; the port 3000 becomes a free one. The test fetches the page at `/` with
//                             its scripts, opens its stream, posts to `/messages` and awaits the update
//   ```ts                     without: a fragment, run in a request's handler with the variables of fragments.ts; a line
//                             `expression; // → value` is checked (`…` stands for anything); each route gets one request
//   ```js                     a script for browsers: compiled against the DOM and the library's types, and loaded by Chromium
//                             into a page with a stream; the test waits for its log
//   ```njk  ```html           a template, rendered with the delimiters `<% %>` and the context of fragments.ts
//   ```html output            the output of the template before; white space does not count, `…` stands for anything
//   ```text output            the output of the program before
//   ```sh                     npm commands must exist; curl and node run, curl against an application with the page's files.
//                             A block with `npx htmx-mercure`, or with its ports, runs as a whole: against a hub of its own,
//                             or until the hub that it starts listens
//   ```json  ```css           must parse
//   ```text                   contains no code
//   ```python and the like    show another framework, on the pages for its users
//
//   **path**                  on a line of its own before the block: the block is this file of the reader's project, such as
//                             components/Name.njk, templates/page.njk, server.ts. Programs and templates of the page find
//                             it; of two files with one name they find that of their own section
//   error=ERR_X               causes this error
//   no-run: reason            cannot run here; the test below lists them all

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { transform } from "esbuild";
import type { Kit } from "htmx-mercure";
import { launchChromium, newWatchedPage } from "../browser/chromium.js";
import { openStream } from "../support/event-stream.js";
import { runCommands } from "./commands.js";
import { compile } from "./compile.js";
import { declarations, runFragment, type Sample, secret, startSample, templateContext } from "./fragments.js";
import { type Block, filesAround, isForeign, isProgram, type Page, pages, root } from "./markdown.js";
import { cannotRun, collect, type Program, start } from "./program.js";
import { createProject, writeFiles } from "./project.js";

const documents = pages();

for (const page of documents) {
  describe(page.path, () => {
    for (const block of page.blocks) {
      if (block.noRun !== undefined || block.isOutput || block.language === "text" || isForeign(block)) continue;
      test(
        `line ${block.line}: ${block.language} ${block.file ?? firstLine(block)}`,
        { skip: cannotRun(block.code) },
        (t) => run(t, block, page),
      );
    }
  });
}

test("every block runs, except these", () => {
  const notRun = documents.flatMap(({ blocks }) => blocks).filter(({ noRun }) => noRun !== undefined);
  assert.deepEqual(
    notRun.map(({ page, language, noRun }) => `${page}, ${language}: ${noRun}`),
    [
      "docs/browser.md, html: the output of a tag",
      "docs/browser.md, js: needs Playwright",
      "docs/deploy.md, sh: starts a server",
      "docs/deploy.md, js: starts processes",
      "docs/deploy.md, sh: starts a server",
      "docs/deploy.md, sh: starts a server",
      "docs/deploy.md, nginx: the configuration of another program",
      "docs/deploy.md, haproxy: the configuration of another program",
      "docs/deploy.md, caddy: the configuration of another program",
      "docs/deploy.md, ini: the configuration of another program",
      "docs/deploy.md, dockerfile: the configuration of another program",
      "docs/deploy.md, sh: needs a container engine",
      "docs/deploy.md, sql: needs a database",
      "docs/deploy.md, sh: needs a server",
      "docs/external-hubs.md, yaml: the configuration of another program",
      "docs/external-hubs.md, nginx: the configuration of another program",
      "docs/hub.md, nginx: the configuration of another program",
      "docs/hub.md, haproxy: the configuration of another program",
    ],
  );
});

test("every TypeScript block compiles", (t) => {
  const modules: Record<string, string> = { "variables.d.ts": declarations };
  for (const [number, page] of documents.entries()) {
    for (const block of page.blocks) {
      if (block.language !== "ts" || block.noRun !== undefined || block.error !== undefined) continue;
      const folder = `${number}/${block.line}`;
      for (const [path, code] of Object.entries(filesAround(block, page))) {
        if (path.endsWith(".ts")) modules[`${folder}/${path}`] = code;
      }
      modules[`${folder}/${block.file ?? "block.ts"}`] = isProgram(block)
        ? block.code
        : `export {};\nexport const fragment = async (req: import("express").Request, res: import("express").Response) => {\n${block.code}\n};\n`;
    }
  }
  assert.equal(namingPages(compile(t, modules, ["es2023"], ["node"])), "");
});

test("every script for browsers compiles", (t) => {
  const modules: Record<string, string> = {};
  for (const [number, page] of documents.entries()) {
    for (const { language, line, code, noRun } of page.blocks) {
      if (language !== "js" || noRun !== undefined) continue;
      modules[`${number}/${line}.ts`] = `import type {} from "htmx-mercure/client";\n${code}`;
    }
  }
  assert.equal(namingPages(compile(t, modules, ["es2023", "dom", "dom.iterable"], [])), "");
});

/** Replaces the folders and files of the modules, in the compiler's messages, by pages and lines. */
function namingPages(messages: string): string {
  return messages.replaceAll(/^(\d+)\//gm, (_all, number) => `${documents[Number(number)]!.path}, line `);
}

function run(t: TestContext, block: Block, page: Page): Promise<void> | void {
  switch (block.language) {
    case "ts":
      return isProgram(block) ? runProgram(t, block, page) : runCode(t, block, page);
    case "js":
      return runScript(t, block);
    case "njk":
    case "html":
      return renderTemplate(t, block, page);
    case "sh":
      return runShell(t, block, page);
    case "json":
      return JSON.parse(block.code);
    case "css":
      return parseStyle(block.code);
    default:
      assert.fail(`${block.page}:${block.line} is of an unknown language: ${block.language}`);
  }
}

async function runProgram(t: TestContext, block: Block, page: Page): Promise<void> {
  const file = block.file ?? "program.ts";
  const folder = createProject(t, { ...filesAround(block, page), [file]: block.code });
  const program = await start(t, folder, file);
  const output = outputOf(block, page);
  if (output !== undefined) await program.printed(output.code);
  else if (program.origin !== undefined) await visit(t, block, program, program.origin);
  const exitCode = await program.end();
  const complaints = program.complaints().replaceAll(/^htmx-mercure: no secret .*\n/gm, "");
  assert.equal(complaints, "");
  // The signal ends a program that listens and does not handle signals.
  const endsByItself = program.origin === undefined || block.code.includes("SIGTERM");
  if (endsByItself) assert.equal(exitCode, 0);
  if (output !== undefined) assertShows(program.output(), output.code);
}

/** Acts as a first visitor: opens the page, listens to its stream, posts a message. */
async function visit(t: TestContext, { code }: Block, { complaints }: Program, origin: string): Promise<void> {
  let response = await fetch(origin);
  // The store is opening.
  while (response.status === 503) response = await fetch(origin);
  const html = await response.text();
  const hasPage = /\bapp\.get\("\/"/.test(code);
  assert.equal(response.status, hasPage ? 200 : 404, complaints() || html);
  for (const [, url] of html.matchAll(/(?:src|href)="([^"]*mercure-assets[^"]*)"/g)) {
    assert.equal((await fetch(new URL(url!, origin))).status, 200, url);
  }
  const address = /"(\/[^"]*\.well-known\/mercure\?[^"]*)"/.exec(html)?.[1];
  const stream = address && (await openStream(t, new URL(address.replaceAll("&amp;", "&"), origin).href));
  if (stream) assert.equal(stream.response.status, 200);
  if (!/\bapp\.post\("\/messages"/.test(code)) return;
  const body = new URLSearchParams({ text: "hello <b>" });
  const posted = await fetch(`${origin}/messages`, { method: "POST", body, redirect: "manual" });
  assert.ok(posted.status < 400, `${posted.status}: ${complaints()}`);
  assert.match((stream && (await stream.next())?.data) ?? "", /hello &lt;b&gt;/);
  const again = await (await fetch(origin)).text();
  assert.match(again, /hello &lt;b&gt;/);
}

async function runCode(t: TestContext, block: Block, page: Page): Promise<void> {
  const folder = createProject(t, filesAround(block, page));
  const sample = await startSample(t, folder);
  const running = runFragment(sample, block.code);
  if (block.error === undefined) await running;
  else await assert.rejects(running, { code: block.error });
}

async function renderTemplate(t: TestContext, block: Block, page: Page): Promise<void> {
  const { file = `templates/block-${block.line}.njk` } = block;
  // Files elsewhere belong to a program of the page, which has settings of its own.
  if (!/^(templates|components)\//.test(file)) return;
  const folder = createProject(t, { ...filesAround(block, page), [file]: block.code });
  const render = async () => {
    const { kit } = await startSample(t, folder);
    const [, component] = /^components\/(?:.*\/)?([A-Z]\w*)\.njk$/.exec(file) ?? [];
    return component === undefined ? kit.environment.render(inTemplates(file), templateContext()) : use(kit, component);
  };
  if (block.error !== undefined) return assert.rejects(render, { code: block.error });
  const html = String(await render());
  const output = outputOf(block, page);
  if (output !== undefined) assertShows(html, output.code);
}

/** Renders a component. The library's own components, which a page can override, need the properties of a stream. */
function use(kit: Kit, component: string): unknown {
  if (component === "MercureStreamContext") return kit.render(component, { topics: ["a", "b"], children: kit.html`…` });
  return kit.render(component, component === "MercureStream" ? { topic: "messages" } : templateContext());
}

function inTemplates(file: string): string {
  return file.replace(/^(templates|components)\//, "");
}

const scripts = Object.keys(JSON.parse(readFileSync(`${root}package.json`, "utf8")).scripts as object);

async function runScript(t: TestContext, { code }: Block): Promise<void> {
  const template =
    '<!doctype html><head>{{ mercure_scripts() }}<script defer src="/script.js"></script></head>' +
    '<body><% MercureStream topic="messages" id="stream" %></body>';
  const folder = createProject(t, { "templates/page.njk": template });
  const { app, kit, origin } = await startSample(t, folder);
  app.get("/", (_req, res) => res.render("page.njk"));
  app.get("/script.js", (_req, res) => void res.type("js").send(code));
  app.get("/favicon.ico", (_req, res) => void res.sendStatus(204));
  const browser = await launchChromium();
  try {
    const { page, errors } = await newWatchedPage(browser);
    const logged = code.includes("console.log") && page.waitForEvent("console");
    await page.goto(origin);
    // A stream that the script opens has no position, so the update must follow it.
    const streams = code.includes("new EventSource") ? 2 : 1;
    while (kit.hub.connections < streams) await new Promise(setImmediate);
    await kit.sse.publish("messages", kit.html`<p id="m">hello</p>`);
    await page.getByText("hello").waitFor();
    await logged;
    const loaded = code.includes("reload()") && page.waitForEvent("load");
    await page.evaluate(`stream.dispatchEvent(new CustomEvent("mercure:gap", { bubbles: true, detail: {} }))`);
    await page.evaluate(`stream.dispatchEvent(new CustomEvent("mercure:end", { bubbles: true, detail: {} }))`);
    await loaded;
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
}

async function runShell(t: TestContext, block: Block, page: Page): Promise<void> {
  if (/\bnpx htmx-mercure\b|127\.0\.0\.1:550[01]/.test(block.code)) {
    const stdout = await runCommands(t, block.code, createProject(t, filesAround(block, page)));
    const output = outputOf(block, page);
    if (output !== undefined) assertShows(stdout, output.code);
    return;
  }
  const commands = block.code
    .replaceAll("\\\n", " ")
    .split(/\n|&&/)
    .map((command) => command.trim())
    .filter((command) => command !== "" && !command.startsWith("#"));
  for (const command of commands) {
    if (
      /^(npm ci|npm install( [\w@/.:-]+)*( +#.*)?|npx tsx server\.ts( +#.*)?|git clone \S+|cd \S+|\w+=\S+|(curl|node -p) .+)$/.test(
        command,
      )
    )
      continue;
    const [, script] =
      /^(?:PORT=\d+ )?npm (?:run )?(start|test|[\w:-]+)\b/.exec(command) ?? assert.fail(`unknown: ${command}`);
    assert.ok(scripts.includes(script!), command);
  }
  if (!commands.some((command) => /^(curl|node) /.test(command))) return;
  const folder = createProject(t, filesAround(block, page));
  const sample = await startSample(t, folder, { hub: { allowPublish: true } });
  sample.app.get("/stream", sample.kit.sse.stream());
  const { stdout, ended, child } = curl(sample, folder, block.code);
  if (/curl .*-N/.test(block.code)) {
    const topic = /[?&](?:topic|channel)=([^&"']+)/.exec(block.code)?.[1] ?? "sse";
    while (sample.kit.hub.connections === 0 && child.exitCode === null) await new Promise(setImmediate);
    await sample.kit.sse.publish(decodeURIComponent(topic), "hello");
    while (!stdout().includes("data: hello") && child.exitCode === null) await new Promise(setImmediate);
    child.kill();
    assert.match(stdout(), /^data: hello$/m);
  } else {
    assert.equal(await ended, 0, stdout());
    const output = outputOf(block, page);
    if (output !== undefined) assertShows(stdout(), output.code);
  }
}

/** Any answer of 400 or more fails; the token of `$TOKEN` can publish and receive everything. */
function curl({ origin }: Sample, folder: string, code: string) {
  writeFiles(folder, { ".curlrc": "fail-with-body\nsilent\nnoproxy = *\n" });
  const script = code.replaceAll("http://localhost:3000", origin).replaceAll(/^TOKEN=.*$/gm, "");
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const unsigned = `${encode({ alg: "HS256" })}.${encode({ mercure: { publish: ["*"], subscribe: ["*"] } })}`;
  const token = `${unsigned}.${createHmac("sha256", secret).update(unsigned).digest("base64url")}`;
  const child = spawn("sh", ["-ec", `exec ${script.trim()}`], {
    cwd: folder,
    env: { ...process.env, CURL_HOME: folder, TOKEN: token },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, ended, stdout: collect(child.stdout) };
}

async function parseStyle(code: string): Promise<void> {
  const { warnings } = await transform(code, { loader: "css" });
  assert.deepEqual(
    warnings.map(({ text }) => text),
    [],
  );
}

function outputOf(block: Block, page: Page): Block | undefined {
  const next = page.blocks[page.blocks.indexOf(block) + 1];
  return next?.isOutput ? next : undefined;
}

function assertShows(actual: string, expected: string): void {
  const plain = (text: string) =>
    text
      .trim()
      .replaceAll(/\s+/g, " ")
      .replaceAll(/\s*([<>])\s*/g, "$1");
  const pattern = plain(expected)
    .split("…")
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join(".*");
  assert.match(plain(actual), new RegExp(`^${pattern}$`));
}

function firstLine({ code }: Block): string {
  return code.split("\n", 1)[0]!;
}
