import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { sourceFiles } from "./imports.js";
import { unusedNames } from "./unused-names/unused-names.js";

/** The types of htmx and Nunjucks, which read the values that the library gives them. */
const foreign = ["src/client/htmx2/htmx.ts", "src/client/htmx4/htmx.ts", "src/nunjucks/internals.ts"];

/** The modules that a script of the client or a page loads by their URL. */
const loadedByUrl = ["src/client/core/shared.ts", "src/client/hints.ts", "src/client/settings.ts"];

/** The names that other code reads, with the reason why the search does not find it. */
const readByOthers = {
  BundledStream: "It is a response of Node to the rest of the hub, with the members that the hub calls.",
  "ComponentTags.preprocess": "Nunjucks calls it with the source of each template.",
  "ComponentTags.run": "The code that Nunjucks compiles calls it by its name.",
  "LazySafeString.length": "Nunjucks reads it, as of each string.",
  "StreamMember.readOn": "The dispatcher calls it as that of a LateReader. The group returns its members as such.",
  "Dispatcher.size": "A test shows by it that ended streams leave nothing behind.",
  "PatternIndex.remembered": "A test shows a bound on memory by it.",
  "SubscriptionBudget.bytes": "A test shows a bound on memory by it.",
  "TokenCache.size": "A test shows a bound on memory by it.",
};

describe("the exported names, members and parameters of src", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly types?: string }>>;
  };
  const entries = Object.values(manifest.exports).flatMap(({ types }) =>
    types === undefined ? [] : [types.replace("./dist", "src").replace(".d.ts", ".ts")],
  );
  const paths = sourceFiles("src").map(({ path }) => path);

  test("are each used by src or public, except the listed ones", () => {
    const unused = unusedNames({ paths, entries: [...entries, ...loadedByUrl], foreign });
    const isListed = (name: string, listed: string) => name === listed || name.startsWith(`${listed}.`);
    const found = unused.filter(({ name }) => !Object.keys(readByOthers).some((listed) => isListed(name, listed)));
    const idle = Object.keys(readByOthers).filter((listed) => !unused.some(({ name }) => isListed(name, listed)));
    assert.deepEqual(
      found.map(({ path, line, name }) => `${path}:${line} ${name}`),
      [],
    );
    assert.deepEqual(idle, [], "exceptions without need");
  });
});
