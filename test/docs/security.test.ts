// Checks docs/security.md against its tests: each threat links to tests by name, in files that contain them.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { pages, root, tableAfter } from "./markdown.js";

const { text } = pages().find(({ path }) => path === "docs/security.md")!;
const rows = tableAfter(text, text.indexOf("<!-- tests -->"));

test("the page has a table of threats", () => {
  assert.ok(rows.length > 10);
});

for (const [threat, , shownBy = ""] of rows) {
  test(`a test shows the defence against this: ${threat}`, () => {
    const links = [...shownBy.matchAll(/\[(.+?)\]\(\.\.\/([^)]+)\)/g)];
    assert.equal(links.map(([link]) => link).join(", "), shownBy);
    assert.notEqual(links.length, 0);
    for (const [, name = "", path = ""] of links) {
      assert.ok(existsSync(root + path), `${path} does not exist`);
      assert.ok(isNamed(readFileSync(root + path, "utf8"), name), `${path} has no test “${name}”`);
    }
  });
}

/** Whether a test has this name, literally or by a template. */
function isNamed(source: string, name: string): boolean {
  const names = [...source.matchAll(/\b(?:test|it)\(\s*(["'`])((?:\\.|(?!\1).)*)\1/gs)].map(([, , each]) => each!);
  return names.some((each) => {
    const parts = each.split(/\$\{[^}]*\}/).map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join(".+")}$`, "s").test(name);
  });
}
