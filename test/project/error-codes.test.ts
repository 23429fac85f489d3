import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";
import { errorCodes } from "../../src/shared/errors.js";
import { sourceFiles } from "./imports.js";

test("docs/errors.md lists the existing error codes, in their order, with their meanings", () => {
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `(ERR_\w+)` \| (.+?) \| (.+) \|$/gm)];
  assert.deepEqual(
    rows.map(([, code, meaning]) => [code, meaning]),
    Object.entries(errorCodes),
  );
});

test("the documentation names existing error codes only", () => {
  const folder = new URL("../../docs/", import.meta.url);
  const pages = readdirSync(folder).filter((name) => name.endsWith(".md"));
  const unknown = ["../README.md", ...pages].flatMap((name) =>
    [...readFileSync(new URL(name, folder), "utf8").matchAll(/\bERR_[A-Z_]+\b/g)]
      .filter(([code]) => !(code in errorCodes))
      .map(([code]) => `${name}: ${code}`),
  );
  assert.deepEqual(unknown, []);
});

test("every error code is used", () => {
  const text = sourceFiles("src")
    .filter(({ path }) => path !== "src/shared/errors.ts")
    .map((file) => file.text)
    .join("\n");
  assert.deepEqual(
    Object.keys(errorCodes).filter((code) => !text.includes(`"${code}"`)),
    [],
  );
});

test("a console shows an error's public name, though the build shortens the names of classes", async () => {
  const library = (await import(
    String(new URL("../../dist/index.js", import.meta.url))
  )) as typeof import("../../src/index.js");
  const error = new library.MercureError("ERR_TOPIC", "Wrong.");
  assert.match(inspect(error), /^MercureError: Wrong\.\n/);
  assert.equal(library.TemplateError.name, "TemplateError");
});
