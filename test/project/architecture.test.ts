import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { describe, test } from "node:test";
import { root } from "../docs/markdown.js";
import { type Import, readImports, sourceFiles } from "./imports.js";

interface Layer {
  /** The layers whose code it may use. From outside, a layer covers the folders below it. */
  readonly uses: readonly string[];
  /** The layers whose types alone it may know. */
  readonly knows?: readonly string[];
  /** The npm packages that it may import. */
  readonly packages?: readonly string[];
  /** Whether it runs without Node. */
  readonly withoutNode?: true;
}

/** The arrows of docs/architecture.md. A layer is a folder of `src` or a single file; the nearest name above a file counts. */
const layers: Readonly<Record<string, Layer>> = {
  express: {
    uses: ["nunjucks", "publisher", "hub", "transport", "protocol", "shared"],
    packages: ["express", "nunjucks"],
  },
  cli: { uses: ["hub", "publisher", "transport", "protocol", "shared"], packages: ["prom-client"] },
  nunjucks: { uses: ["publisher", "protocol", "shared"], packages: ["nunjucks"] },
  publisher: { uses: ["protocol", "shared"], knows: ["hub"] },
  hub: { uses: ["transport", "protocol", "shared"] },
  "hub/handlers": {
    uses: [
      ...["hub/options", "hub/streams", "hub/limits", "hub/fan-out", "hub/auth", "hub/http", "hub/pacer.ts"],
      ...["transport", "protocol", "shared"],
    ],
  },
  "hub/options": { uses: ["hub/limits", "hub/auth", "hub/observer.ts", "transport", "protocol", "shared"] },
  "hub/streams": {
    uses: [
      ...["hub/limits", "hub/nodes", "hub/fan-out", "hub/auth", "hub/http", "hub/observer.ts", "hub/pacer.ts"],
      ...["transport", "protocol", "shared"],
    ],
  },
  "hub/limits": { uses: ["hub/fan-out", "protocol", "shared"] },
  "hub/nodes": { uses: ["hub/auth", "transport", "protocol", "shared"] },
  "hub/fan-out": { uses: ["hub/pacer.ts", "transport", "protocol", "shared"] },
  "hub/auth": { uses: ["hub/http", "hub/pacer.ts", "transport", "protocol", "shared"], packages: ["jose"] },
  "hub/http": { uses: ["protocol", "shared"] },
  "hub/observer.ts": { uses: [] },
  "hub/pacer.ts": { uses: ["protocol"] },
  transport: { uses: ["protocol", "shared"] },
  "transport/chosen-url.ts": { uses: ["transport/redis", "transport", "shared"] },
  "transport/from-url.ts": {
    uses: [
      "transport/lmdb",
      "transport/memory",
      "transport/postgres",
      "transport/redis",
      "transport/history",
      "transport",
      "shared",
    ],
  },
  "transport/history": { uses: ["transport", "protocol", "shared"] },
  "transport/lmdb": { uses: ["transport/history", "transport", "protocol", "shared"], packages: ["lmdb"] },
  "transport/redis": {
    uses: ["transport/shared", "transport/history", "transport", "protocol", "shared"],
    packages: ["@redis/client"],
  },
  "transport/postgres": {
    uses: ["transport/shared", "transport", "protocol", "shared"],
    packages: ["pg"],
  },
  "transport/shared": { uses: ["transport/history", "transport", "protocol", "shared"] },
  "transport/index.ts": { uses: ["transport/history", "transport/memory", "transport", "shared"] },
  "transport/contract": { uses: ["transport/history", "transport", "protocol"] },
  "transport/memory": { uses: ["transport/history", "transport", "protocol", "shared"] },
  protocol: { uses: ["shared"], withoutNode: true },
  "protocol/tokens": { uses: ["protocol/matching", "protocol", "shared"], withoutNode: true },
  "protocol/matching": {
    uses: ["protocol", "shared"],
    packages: ["re2js", "urlpattern-polyfill"],
    withoutNode: true,
  },
  "protocol/sse": { uses: ["protocol", "shared"], withoutNode: true },
  shared: { uses: [] },
  client: {
    uses: ["client/hints", "client/htmx2", "client/htmx4", "client/core", "client/index.ts"],
    withoutNode: true,
  },
  "client/htmx2": { uses: ["client/core", "client/index.ts"], withoutNode: true },
  "client/htmx4": { uses: ["client/core", "client/index.ts", "protocol/event-types.ts"], withoutNode: true },
  "client/core": {
    uses: [
      "client/index.ts",
      "protocol/sse/event-stream-parser.ts",
      "protocol/event-types.ts",
      "protocol/stream-key.ts",
    ],
    withoutNode: true,
  },
  "client/hints": { uses: ["client/index.ts"], withoutNode: true },
  "client/index.ts": { uses: [], withoutNode: true },
};

const files = sourceFiles("src");

/** `src/hub/auth/keys.ts` is in `hub/auth`, `src/hub/hub.ts` in `hub`, `src/index.ts` in `index.ts`, `node:http` in none. */
function layerOf(path: string): string | undefined {
  if (!path.startsWith("src/")) return undefined;
  const parts = path.slice("src/".length).split("/");
  const names = parts.map((_, index) => parts.slice(0, parts.length - index).join("/"));
  return names.find((name) => name in layers) ?? parts[0];
}

/** Whether a name in `uses` stands for a file: among the folders of one layer each stands for itself alone. */
function covers(name: string, target: string, from: string): boolean {
  const path = target.slice("src/".length);
  if (path === name) return true;
  const isInside = from.split("/")[0] === name.split("/")[0];
  return isInside ? layerOf(target) === name : path.startsWith(`${name}/`);
}

function mayImport(from: string, layer: Layer, { target, typeOnly }: Import): boolean {
  const to = layerOf(target);
  if (to === undefined) {
    if (target.startsWith("node:")) return layer.withoutNode !== true;
    return (layer.packages ?? []).some((name) => target === name || target.startsWith(`${name}/`));
  }
  if (to === from || layer.uses.some((name) => covers(name, target, from))) return true;
  // The class Hub puts the folders of the hub together.
  if (from === "hub" && target.startsWith("src/hub/")) return true;
  return typeOnly && (layer.knows ?? []).some((name) => covers(name, target, from));
}

describe("the layers", () => {
  test("are the folders of src", () => {
    const found = new Set(files.map(({ path }) => layerOf(path)));
    assert.deepEqual([...found].sort(), [...Object.keys(layers), "index.ts"].sort());
  });

  for (const [name, layer] of Object.entries(layers)) {
    test(`${name} imports only along its arrows`, () => {
      const wrong = files
        .filter(({ path }) => layerOf(path) === name)
        .flatMap(({ path, imports }) =>
          imports
            .filter((imported) => !mayImport(name, layer, imported))
            .map(({ target, typeOnly }) => `${path} imports ${typeOnly ? "the types of " : ""}${target}`),
        );
      assert.deepEqual(wrong, []);
    });
  }

  test("use a hub through its port, whether it is in this process or in another", () => {
    const asking = files.filter(({ text }) => /instanceof (RemoteHub|EmbeddedHubPort|Hub)\b/.test(text));
    assert.deepEqual(asking, []);
    const adapters = ["src/publisher/hub/embedded-hub-port.ts", "src/publisher/remote/remote-hub.ts"];
    const knowing = files.filter(({ imports }) => imports.some(({ target }) => adapters.includes(target)));
    assert.deepEqual(
      knowing.map(({ path }) => path),
      ["src/express/assemble-hub.ts"],
    );
  });

  test("form no circle, types counted", () => {
    const graph = new Map(Object.keys(layers).map((name) => [name, arrowsOf(name)]));
    assert.deepEqual(findCircle(graph), undefined);
  });

  test("index.ts consists of named re-exports", () => {
    const index = files.find(({ path }) => path === "src/index.ts");
    assert.equal(index?.text.replaceAll(/^export (type )?\{[^}]*\} from "[^"]+";$/gm, "").trim(), "");
  });
});

/** The other layers that a layer's files import. */
function arrowsOf(name: string): string[] {
  const targets = files
    .filter(({ path }) => layerOf(path) === name)
    .flatMap(({ imports }) => imports.map(({ target }) => layerOf(target)));
  return [...new Set(targets)].filter((to) => to !== undefined && to !== name && to in layers) as string[];
}

describe("every file", () => {
  test("keeps what it constructs: constructors have no effects", () => {
    const dropped = files.flatMap(({ path, text }) =>
      [...text.matchAll(/[;{}]\s*\n\s*(?:\/\/[^\n]*\n\s*)*(new \w+)/g)].map(([, call]) => `${path}: ${call}`),
    );
    assert.deepEqual(dropped, []);
  });

  test("exports by name", () => {
    const wrong = files.filter(({ text }) => /^export\s+(default\b|\*)|\bas default\b/m.test(text));
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });

  test("is in no circle of imports, types counted", () => {
    const graph = new Map(files.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
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

describe("the assembly of a kit", () => {
  const assembly = files.filter(({ path }) => /^src\/express\/(mercure|install|assemble[\w-]*)\.ts$/.test(path));

  test("defines each part before anything uses it, closures included", () => {
    assert.ok(assembly.length > 3);
    const early = assembly.flatMap(({ path, text }) =>
      text.split(/^(?=export function |function )/m).flatMap((body) => {
        const declarations = [...body.matchAll(/^ {2}const (\w+|\{[^}]*\})/gm)];
        return declarations.flatMap(({ 1: pattern = "", index }) =>
          [...pattern.matchAll(/(?:\w+: )?(\w+)/g)]
            .map(([, name]) => name!)
            .filter((name) => new RegExp(`(?<![.\\w"])${name}\\b(?![\\w:?"])`).test(bodyBefore(body, index)))
            .map((name) => `${path}: ${name}`),
        );
      }),
    );
    assert.deepEqual(early, []);
  });
});

/** The statements of a function before a place, without its parameters. */
function bodyBefore(text: string, index: number): string {
  const start = text.search(/\{\n/);
  return text.slice(Math.min(start, index), index);
}

interface Step {
  readonly path: string;
  readonly symbol: string;
}

/** Reads the rows of a table whose first two columns are a file and a symbol in it. */
function stepsIn(rows: string): Step[] {
  return [...rows.matchAll(/^\| `(src\/[^`]+)` +\| `([^`]+)`/gm)].map(([, path, symbol]) => ({
    path: path!,
    symbol: symbol!,
  }));
}

/** Returns whether a file does not define a symbol. */
function isMissing({ path, symbol }: Step): boolean {
  const text = files.find((file) => file.path === path)?.text ?? "";
  const definition = `^(export )?(?:async )?(?:(?:function|class|interface|const) | {2}(?:(?:static|async|readonly) )*)${symbol}\\b`;
  return !new RegExp(definition, "m").test(text);
}

describe("the answers to newcomers in docs/architecture.md", () => {
  const page = readFileSync(`${root}docs/architecture.md`, "utf8");
  const answers = [...page.matchAll(/^<!-- answer: (\w+) -->\n\n\|.*\n\|.*\n((?:\|.*\n)+)/gm)];

  test("cover transports and the expiry of tokens", () => {
    assert.deepEqual(
      answers.map(([, subject]) => subject),
      ["transport", "expiry"],
    );
  });

  for (const [, subject, rows = ""] of answers) {
    test(`name at most three files that define what they say, for the question about ${subject}`, () => {
      const steps = stepsIn(rows);
      assert.ok(steps.length > 0 && steps.length <= 3);
      assert.equal(steps.length, rows.trim().split("\n").length);
      assert.deepEqual(steps.filter(isMissing), []);
    });
  }
});

describe("the ways through the code in docs/architecture.md", () => {
  const page = readFileSync(`${root}docs/architecture.md`, "utf8");

  for (const [, way, rows = ""] of page.matchAll(/^<!-- way: (\w+) -->\n\n\|.*\n\|.*\n((?:\|.*\n)+)/gm)) {
    const steps = stepsIn(rows);

    test(`list the definitions of a ${way}, from the first to the last`, () => {
      assert.ok(steps.length >= 10);
      assert.deepEqual(steps.filter(isMissing), []);
    });

    test(`lead a ${way} down the layers, and up only from the transport's listeners`, () => {
      const order = ["express", "publisher", "hub", "transport"];
      const depths = steps.map(({ path }) => order.indexOf(path.split("/")[1]!));
      assert.ok(!depths.includes(-1));
      const climbs = steps.filter((_, index) => depths[index]! < (depths[index - 1] ?? 0) && depths[index - 1] !== 3);
      assert.deepEqual(climbs, []);
    });
  }
});

describe("the size in docs/architecture.md", () => {
  const page = readFileSync(`${root}docs/architecture.md`, "utf8");
  const inTable = (measure: string) => {
    const row = page.split("\n").find((line) => line.startsWith(`| ${measure} |`));
    return Number(row?.split("|")[3]?.replace(",", ""));
  };
  const sources = files.filter(({ path }) => path.startsWith("src/"));
  // The texts of the files are without comments.
  const lines = sources.reduce((sum, { path }) => sum + readFileSync(root + path, "utf8").split("\n").length - 1, 0);
  const folders = new Set(sources.map(({ path }) => posix.dirname(path)));

  const measured: Readonly<Record<string, number>> = {
    "Files of `src`": sources.length,
    Lines: lines,
    "Lines of a file, on average": lines / sources.length,
    Folders: folders.size,
    "Files directly in `src/hub`": sources.filter(({ path }) => posix.dirname(path) === "src/hub").length,
  };
  for (const [measure, value] of Object.entries(measured)) {
    test(`is near that of src: ${measure}`, () => {
      const said = inTable(measure);
      assert.ok(Math.abs(said - value) <= Math.max(1, value / 20), `The page says ${said}, and src has ${value}.`);
    });
  }
});

describe("the check of the arrows", () => {
  test("sees every form of import", () => {
    const text = [
      'import "./effect.js";',
      'import value from "nunjucks";',
      'import type { A } from "../hub/a.js";',
      'import {\n  type B,\n  c,\n} from "./b.js";',
      'export { d } from "./d.js";',
      'export type { E } from "../shared/errors.js";',
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
      mayImport(from, layers[from]!, { target, typeOnly });
    assert.equal(allowed("hub", "src/protocol/sse/event-encoder.ts"), true);
    assert.equal(allowed("hub", "src/hub/auth/keys.ts"), true);
    assert.equal(allowed("hub", "src/publisher/publish/publisher.ts"), false);
    assert.equal(allowed("hub", "express"), false);
    assert.equal(allowed("hub/auth", "src/hub/streams/subscriber.ts", true), false);
    assert.equal(allowed("hub/auth", "src/hub/hub.ts", true), false);
    assert.equal(allowed("publisher", "src/hub/hub.ts"), false);
    assert.equal(allowed("publisher", "src/hub/hub.ts", true), true);
    assert.equal(allowed("protocol", "src/protocol/sse/event-encoder.ts"), false);
    assert.equal(allowed("protocol", "src/express/options.ts", true), false);
    assert.equal(allowed("protocol", "node:fs"), false);
    assert.equal(allowed("shared", "src/hub/hub.ts", true), false);
    assert.equal(allowed("client/core", "src/protocol/update.ts"), false);
    assert.equal(allowed("client/core", "src/client/htmx2/merge.ts"), false);
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
