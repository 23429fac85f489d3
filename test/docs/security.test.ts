// Holds docs/security.md to its tests: each threat names one, and that one exists in the file that the link leads to.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { pages, root, tableAfter } from "./markdown.js";

const { text } = pages().find(({ path }) => path === "docs/security.md")!;
const rows = tableAfter(text, text.indexOf("<!-- tests -->"));

test("there is a table of threats", () => {
  assert.ok(rows.length > 10);
});

for (const [threat, , shownBy = ""] of rows) {
  test(`a test shows what stops this: ${threat}`, () => {
    const [, name = "", path = ""] = /^\[(.+)\]\(\.\.\/(.+)\)$/.exec(shownBy) ?? assert.fail(shownBy);
    assert.ok(existsSync(root + path), `${path} does not exist`);
    assert.ok(isNamed(readFileSync(root + path, "utf8"), name), `${path} has no test “${name}”`);
  });
}

/** Whether a test has this name, written out or made from a template. */
function isNamed(source: string, name: string): boolean {
  const names = [...source.matchAll(/\b(?:test|it)\(\s*(["'`])((?:\\.|(?!\1).)*)\1/gs)].map(([, , each]) => each!);
  return names.some((each) => {
    const parts = each.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join(".+")}$`, "s").test(name);
  });
}
