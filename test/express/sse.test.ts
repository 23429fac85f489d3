import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { pages, root } from "../docs/markdown.js";
import { application } from "../support/application.js";

describe("sse", () => {
  test("has the members of its interface and no others, each on a page of the documentation", (t) => {
    const { kit } = application(t);
    const source = readFileSync(`${root}src/express/sse.ts`, "utf8");
    const declared = [...source.matchAll(/^ {2}(\w+)[(<]/gm)].map(([, name]) => name!);
    const found: string[] = [];
    for (let object: object = kit.sse; object !== Object.prototype; object = Object.getPrototypeOf(object)) {
      found.push(...Object.getOwnPropertyNames(object));
    }
    assert.deepEqual(found.sort(), [...new Set(declared)].sort());
    const text = pages()
      .map((page) => page.text)
      .join("\n");
    assert.deepEqual(
      found.filter((name) => !text.includes(`sse.${name}`)),
      [],
    );
  });

  test("has functions that can be destructured", async (t) => {
    const { kit } = application(t);
    const { publish, topics, updates } = kit.sse;
    const iteration = updates("a");
    const next = iteration.next();
    const id = await publish("a", "hello");
    assert.deepEqual((await next).value, { id, topics: topics("a"), data: "hello", private: false });
  });
});
