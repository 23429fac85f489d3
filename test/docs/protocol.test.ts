// The specifications are not in the repository, so this checks that the page agrees with itself and with the tests.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, test } from "node:test";
import { root, tableAfter } from "./markdown.js";

const page = "docs/protocol.md";
const text = readFileSync(root + page, "utf8");

/** The sections of a version, each with the number of requirements in its specification. */
const sections = [...text.matchAll(/^## (Mercure \S+)$/gm)].flatMap(({ 1: version, index }) => {
  const rest = text.slice(index + 1);
  const end = rest.search(/^## /m);
  const part = end < 0 ? rest : rest.slice(0, end);
  return [...part.matchAll(/^### (.+)\n\n<!-- requirements: (\d+) -->$/gm)].map((match) => ({
    name: `${version}, ${match[1]}`,
    count: Number(match[2]),
    rows: tableAfter(part, match.index),
  }));
});

function wordsIn(cell: string): number {
  return cell.split(", ").reduce((sum, word) => {
    const [, times] = /^(?:MUST|SHOULD)(?: NOT)?(?: ×([2-9]))?$|^RECOMMENDED$/.exec(word) ?? assert.fail(word);
    return sum + Number(times ?? 1);
  }, 0);
}

const unescaped = (name: string) => name.replaceAll(/\\([*|])/g, "$1");

/** Whether a file has a test of this name, or several with this prefix. */
function hasTest(path: string, name: string): boolean {
  const source = readFileSync(root + posix.join("docs", path), "utf8");
  const literals = [JSON.stringify(name), `\`${name}\``, `\`${name} \${`];
  return literals.some((literal) => source.includes(`test(${literal}`) || source.includes(`it(${literal}`));
}

test(`${page} has the sections of both versions`, () => {
  for (const version of ["1.0", "0.x"]) {
    assert.ok(sections.filter(({ name }) => name.startsWith(`Mercure ${version},`)).length > 10);
  }
  assert.equal(sections.length, (text.match(/^### /gm) ?? []).length);
});

for (const { name, count, rows } of sections) {
  describe(name, () => {
    test("every requirement has its row", () => {
      assert.equal(
        rows.reduce((sum, [words = ""]) => sum + wordsIn(words), 0),
        count,
      );
    });

    for (const [, requirement, shown = ""] of rows) {
      test(`${requirement}`, () => {
        const tests = [...shown.matchAll(/\[((?:[^\]\\]|\\.)+)\]\((\.\.\/test\/[^)]+)\)/g)];
        for (const [, cited = "", path = ""] of tests) {
          assert.ok(hasTest(path, unescaped(cited)), `${path} has no test "${unescaped(cited)}"`);
        }
        if (tests.length === 0) assert.match(shown, /^[A-Z][^@]+\.$/, "neither a test nor a reason");
      });
    }
  });
}
