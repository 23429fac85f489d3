import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("the doc comments of the package's types keep the semicolons at the ends of lines", () => {
  const types = read("dist/index.d.ts");
  const lines = [...read("src/express/options.ts").matchAll(/^ +\* (.+;)$/gm)].map(([, line]) => line!);
  assert.ok(lines.length > 0);
  assert.deepEqual(
    lines.filter((line) => !types.includes(`${line}\n`)),
    [],
  );
});
