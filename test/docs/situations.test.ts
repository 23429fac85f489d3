import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { situations } from "../browser/situations.js";

const page = readFileSync("docs/browser.md", "utf8");
const [, table = ""] = /<!-- situations -->\n\n(.*?)\n\n/s.exec(page) ?? [];
const rows = table.split("\n").slice(2);

test("the columns of htmx and its extension alone say what their tests show", () => {
  const cells = rows.map((row) =>
    row
      .split("|")
      .slice(1, 4)
      .map((cell) => cell.trim()),
  );
  assert.deepEqual(
    cells,
    Object.entries(situations).map(([situation, stock]) => [situation, ...stock]),
  );
});

test("each situation of the page about the browser names a test that runs on both lines of htmx", () => {
  assert.ok(rows.length > 10);
  for (const row of rows) {
    const [, file, name = ""] = /\| `([\w-]+)`: (.*) \|$/.exec(row) ?? assert.fail(`no test in: ${row}`);
    const source = readFileSync(`test/browser/${file}.test.ts`, "utf8");
    const isOnBoth = /^(onBothLines(Or4)?\(|for \(const htmx of (\[2, 4\]|htmxLines\b))/m.test(source);
    assert.ok(isOnBoth, `the tests of ${file} do not run on both lines`);
    const names = [...source.matchAll(/\b(?:it|test)\(\s*(?:"([^"]*)"|`([^`]*)`),/g)].map(
      ([, plain, template]) => plain ?? template!,
    );
    // The parts of a template that its cases fill can be anything.
    const patterns = names.map((each) =>
      each
        .split(/\$\{[^}]*\}/)
        .map((part) => part.replace(/[^\w\s]/g, "\\$&"))
        .join(".*"),
    );
    assert.ok(
      patterns.some((pattern) => new RegExp(`^${pattern}$`).test(name)),
      `no test of ${file} is named: ${name}`,
    );
  }
});
