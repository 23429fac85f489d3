import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Import, readImports, sourceFiles } from "./imports.js";

interface Room {
  /** The rooms whose code it can import, besides its own files and the ground. */
  readonly uses: readonly string[];
  /** The rooms that it can import as types only. */
  readonly knows?: readonly string[];
  /** Single files of other rooms that it can import besides. */
  readonly files?: readonly string[];
  /** The files of the ground that it can import, where not all. */
  readonly ground?: readonly string[];
  /** The npm packages that it can import. */
  readonly packages?: readonly string[];
  /** Whether it runs without Node. */
  readonly withoutNode?: true;
}

/** The arrows of docs/architecture.md. */
const rooms: Readonly<Record<string, Room>> = {
  express: {
    uses: ["nunjucks", "publisher", "hub", "transport", "protocol"],
    packages: ["express", "nunjucks"],
  },
  cli: { uses: ["hub", "publisher", "transport", "protocol"], packages: ["prom-client"] },
  nunjucks: { uses: ["publisher", "protocol"], packages: ["nunjucks"] },
  publisher: { uses: ["protocol"], knows: ["hub"] },
  hub: { uses: ["transport", "protocol"], packages: ["jose"] },
  transport: { uses: ["protocol"] },
  protocol: {
    uses: [],
    ground: ["errors.ts", "escape-json.ts", "oldest-first-map.ts", "plain-object.ts"],
    packages: ["re2js", "urlpattern-polyfill"],
    withoutNode: true,
  },
  client: {
    uses: [],
    files: ["src/protocol/sse/event-stream-parser.ts", "src/protocol/event-types.ts"],
    ground: [],
    withoutNode: true,
  },
};

/** The files directly in src that every room builds on: errors.ts, nearest.ts, options.ts and the like. */
const ground: Room = { uses: [], knows: ["hub"], packages: ["express", "nunjucks"] };

const files = sourceFiles("src");

/** `src/hub/hub.ts` is in `hub`, `src/shared/errors.ts` in `ground`, `src/index.ts` in `index`, and `node:http` in no room. */
function roomOf(path: string): string | undefined {
  if (!path.startsWith("src/")) return undefined;
  if (path === "src/index.ts") return "index";
  const [room, inside] = path.slice("src/".length).split("/");
  return inside === undefined ? "ground" : room;
}

function mayImport(from: string, room: Room, { target, typeOnly }: Import): boolean {
  const to = roomOf(target);
  if (to === undefined) {
    if (target.startsWith("node:")) return room.withoutNode !== true;
    return (room.packages ?? []).some((name) => target === name || target.startsWith(`${name}/`));
  }
  if (to === from || room.uses.includes(to) || room.files?.includes(target)) return true;
  if (to === "ground") return room.ground === undefined || room.ground.includes(target.slice("src/".length));
  return typeOnly && (room.knows ?? []).includes(to);
}

describe("the rooms", () => {
  test("every folder of src is a room with its arrows listed here", () => {
    const found = new Set(files.map(({ path }) => roomOf(path)));
    assert.deepEqual([...found].sort(), [...Object.keys(rooms), "ground", "index"].sort());
  });

  for (const [name, room] of Object.entries({ ...rooms, ground })) {
    test(`${name} imports only along its arrows`, () => {
      const wrong = files
        .filter(({ path }) => roomOf(path) === name)
        .flatMap(({ path, imports }) =>
          imports
            .filter((imported) => !mayImport(name, room, imported))
            .map(({ target, typeOnly }) => `${path} imports ${typeOnly ? "the types of " : ""}${target}`),
        );
      assert.deepEqual(wrong, []);
    });
  }

  test("index.ts consists of named re-exports", () => {
    const index = files.find(({ path }) => path === "src/index.ts");
    assert.equal(index?.text.replaceAll(/^export (type )?\{[^}]*\} from "[^"]+";$/gm, "").trim(), "");
  });
});

describe("every file", () => {
  test("exports by name", () => {
    const wrong = files.filter(({ text }) => /^export\s+(default\b|\*)|\bas default\b/m.test(text));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  // Types can refer to each other in a circle; code in a circle has a hidden order of initialisation.
  test("is in no circle of imports", () => {
    const graph = new Map(
      files.map(({ path, imports }) => [path, imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target)]),
    );
    assert.deepEqual(findCircle(graph), undefined);
  });
});

function findCircle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (finished.has(path)) return undefined;
    for (const target of graph.get(path) ?? []) {
      const circle = visit(target, [...trail, path]);
      if (circle) return circle;
    }
    finished.add(path);
    return undefined;
  };
  for (const path of graph.keys()) {
    const circle = visit(path, []);
    if (circle) return circle;
  }
  return undefined;
}

describe("the check of the arrows", () => {
  test("sees every form of import", () => {
    const text = [
      'import "./effect.js";',
      'import value from "nunjucks";',
      'import type { A } from "../hub/a.js";',
      'import {\n  type B,\n  c,\n} from "./b.js";',
      'export { d } from "./d.js";',
      'export type { E } from "../errors.js";',
      'const f = await import("./f.js");',
      'export const from = "nothing";',
    ].join("\n");
    assert.deepEqual(readImports(text, "src/publisher/x.ts"), [
      { target: "src/publisher/effect.ts", typeOnly: false },
      { target: "nunjucks", typeOnly: false },
      { target: "src/hub/a.ts", typeOnly: true },
      { target: "src/publisher/b.ts", typeOnly: false },
      { target: "src/publisher/d.ts", typeOnly: false },
      { target: "src/shared/errors.ts", typeOnly: true },
      { target: "src/publisher/f.ts", typeOnly: false },
    ]);
  });

  test("tells allowed imports from forbidden ones", () => {
    const allowed = (from: string, target: string, typeOnly = false) =>
      mayImport(from, rooms[from]!, { target, typeOnly });
    assert.equal(allowed("hub", "src/protocol/sse/event-encoder.ts"), true);
    assert.equal(allowed("hub", "src/publisher/publisher.ts"), false);
    assert.equal(allowed("hub", "express"), false);
    assert.equal(allowed("publisher", "src/hub/hub.ts"), false);
    assert.equal(allowed("publisher", "src/hub/hub.ts", true), true);
    assert.equal(allowed("protocol", "src/shared/errors.ts"), true);
    assert.equal(allowed("protocol", "src/express/options.ts"), false);
    assert.equal(allowed("protocol", "node:fs"), false);
    assert.equal(allowed("client", "src/protocol/update.ts"), false);
    assert.equal(allowed("client", "src/index.ts"), false);
  });

  test("finds a circle", () => {
    const graph = new Map([
      ["a", ["b"]],
      ["b", ["c", "d"]],
      ["c", []],
      ["d", ["b"]],
    ]);
    assert.deepEqual(findCircle(graph), ["b", "d", "b"]);
  });
});
