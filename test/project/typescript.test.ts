import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";

const loader = new URL("../../scripts/typescript.mjs", import.meta.url).href;

/** Runs the program `main` of a folder with these files. */
async function run(t: TestContext, ...versions: Record<string, string>[]) {
  const folder = mkdtempSync(join(tmpdir(), "typescript-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const results = [];
  for (const files of versions) {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    results.push(
      await new Promise<{ folder: string; stdout: string; stderr: string }>((resolve) => {
        execFile(process.execPath, ["--import", loader, join(folder, "main.ts")], (_error, stdout, stderr) => {
          resolve({ folder, stdout, stderr });
        });
      }),
    );
  }
  return results;
}

describe("the loader of TypeScript for tests", () => {
  test("reads a source again after each change, and the modules that it imports by the names of their output", async (t) => {
    const main = `import { value } from "./value.js";\nconsole.log(value satisfies string);\n`;
    const results = await run(
      t,
      { "main.ts": main, "value.ts": `export const value: string = "one";\n` },
      { "value.ts": `export const value: string = "two";\n` },
      { "value.ts": `export const value: string = "one";\n` },
    );
    assert.deepEqual(
      results.map(({ stdout }) => stdout),
      ["one\n", "two\n", "one\n"],
    );
  });

  test("keeps lines and columns in the frames of errors", async (t) => {
    const main = `interface Point {\n  x: number;\n}\nconst point = { x: 1 } as Point; throw new Error("here");\n`;
    const [result] = await run(t, { "main.ts": main });
    assert.match(result!.stderr, /main\.ts:4:40/);
  });

  test("names file, line and column of a source that it cannot read", async (t) => {
    const [result] = await run(t, { "main.ts": "const one: number = 1;\nconst two: number = ;\n" });
    assert.ok(result!.stderr.includes(`${join(result!.folder, "main.ts")}:2:`), result!.stderr);
  });
});
