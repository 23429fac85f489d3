// Compiles and runs every `@example` of the doc comments in src. An example with imports is a program; any other is a
// fragment with the variables of fragments.ts, run in the handler of a request. Examples for browsers, in js, compile
// against the DOM.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { compile } from "./compile.js";
import { declarations, runFragment, startSample } from "./fragments.js";
import { root } from "./markdown.js";
import { cannotRun, start } from "./program.js";
import { createProject } from "./project.js";

interface Example {
  readonly name: string;
  readonly isForBrowsers: boolean;
  readonly code: string;
}

const isProgram = ({ code }: Example) => /^import /m.test(code);

const examples = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .sort()
  .flatMap((path) => examplesIn(`src/${path}`));

function examplesIn(path: string): Example[] {
  const source = readFileSync(root + path, "utf8");
  return [...source.matchAll(/\/\*\*([\s\S]*?)\*\//g)].flatMap(({ 1: comment, index }) => {
    const line = source.slice(0, index).split("\n").length;
    const text = comment!.replaceAll(/^ *\* ?/gm, "");
    return [...text.matchAll(/^@example\s+```(ts|js)\n([\s\S]*?)^```/gm)].map(([, language, code]) => ({
      name: `${path}:${line}`,
      isForBrowsers: language === "js",
      code: code!,
    }));
  });
}

describe("the examples of the doc comments", () => {
  for (const example of examples.filter(({ isForBrowsers }) => !isForBrowsers)) {
    test(`run: ${example.name}`, { skip: cannotRun(example.code) }, async (t) => {
      const files = { "example.ts": example.code };
      if (!isProgram(example)) return runFragment(await startSample(t, createProject(t, {})), example.code);
      const program = await start(t, createProject(t, files), "example.ts");
      const code = await program.end();
      assert.equal(program.complaints().replaceAll(/^htmx-mercure: (?:no secret|Redis is unreachable).*\n/gm, ""), "");
      if (program.origin === undefined) assert.equal(code, 0);
    });
  }

  test("are in the form that the reference shows", () => {
    const all = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
    const written = all.flatMap((path) => readFileSync(`${root}src/${path}`, "utf8").match(/^ *\* @example\b/gm) ?? []);
    assert.equal(examples.length, written.length, "an example needs a fence: ```ts");
  });

  test("compile for browsers", (t) => {
    const modules = modulesOf(
      ({ isForBrowsers }) => isForBrowsers,
      ({ code }) => `import type {} from "htmx-mercure/client";\n${code}`,
    );
    assert.equal(named(compile(t, modules, ["es2023", "dom", "dom.iterable"], [])), "");
  });

  test("compile for Node", (t) => {
    const modules = modulesOf(
      ({ isForBrowsers }) => !isForBrowsers,
      (example) =>
        isProgram(example)
          ? example.code
          : `export {};\nexport const fragment = async (req: import("express").Request, res: import("express").Response) => {\n${example.code}\n};\n`,
    );
    assert.equal(named(compile(t, { "variables.d.ts": declarations, ...modules }, ["es2023"], ["node"])), "");
  });
});

/** Returns a module for each example that a filter selects. */
function modulesOf(isWanted: (example: Example) => boolean, moduleOf: (example: Example) => string) {
  return Object.fromEntries(
    examples.flatMap((example, index) => (isWanted(example) ? [[`${index}.ts`, moduleOf(example)]] : [])),
  );
}

/** Replaces the modules in the compiler's messages by the places of their examples. */
function named(messages: string): string {
  return messages.replaceAll(/^(\d+)\.ts/gm, (_all, index) => examples[Number(index)]!.name);
}
