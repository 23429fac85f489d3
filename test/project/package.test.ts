// Checks the package as users install it: the packed tarball in a fresh project. `npm test` builds before it runs this.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { checkPackage, createPackageFromTarballData, type ResolutionKind } from "@arethetypeswrong/core";
import { build } from "esbuild";
import { publint } from "publint";
import { formatMessage } from "publint/utils";

const execute = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Tarball {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

interface Manifest {
  readonly [name: string]: unknown;
  readonly version: string;
  readonly files: readonly string[];
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Shows a page with a stream, subscribes as the page says, publishes, and prints the received update. */
const exchange = `
module.exports = async function exchange(express, mercure) {
  const app = express();
  const { sse, render, close } = mercure(app, { templates: "templates", components: "components", secret: "s".repeat(32) });
  app.get("/", (req, res) => res.render("index.njk"));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const origin = "http://127.0.0.1:" + server.address().port;

  const page = await (await fetch(origin + "/")).text();
  const script = /src="([^"]*mercure-[^"]*\\.js)"/.exec(page)[1];
  const scriptStatus = (await fetch(new URL(script, origin))).status;
  const path = /sse-connect="([^"]+)"/.exec(page)[1].replaceAll("&amp;", "&");
  const stream = await fetch(new URL(path, origin));
  const id = await sse.publish("messages", render("ChatMessage", { id: "m1", text: "<b>hello</b>" }));
  let received = "";
  for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
    received += chunk;
    // It ends the stream, and with it this loop.
    if (received.includes("</li>")) await close();
  }
  server.close();
  console.log(JSON.stringify({ page, contentType: stream.headers.get("content-type"), id, received, scriptStatus }));
};
`;

const typedProgram = `
import express from "express";
import { type Kit, mercure, MercureError, type MercureOptions } from "htmx-mercure";
import { Hub } from "htmx-mercure/hub";
import type { MercureGapDetail } from "htmx-mercure/client";

const app = express();
const options: MercureOptions = { templates: "templates", components: "components", secret: process.env["SECRET_KEY"] };
const kit: Kit = mercure(app, options);
const { sse, render, close } = kit;
app.get("/message", (_req, res) => void res.component("ChatMessage", { id: "m1", text: "hello" }));
app.post("/", async (_req, res) => {
  const id: string = await sse.publish("messages", render("ChatMessage", { id: "m1", text: "hello" }));
  res.send(id);
});
export const gap = (detail: MercureGapDetail): string => detail.requested;
export const isOurs = (error: unknown): boolean => error instanceof MercureError && error.code === "ERR_TOPIC";
export const hub: Hub = kit.hub;
export const end: Promise<void> = close();
// @ts-expect-error An option that does not exist.
mercure(app, { template: "templates" });
`;

/** A beginner's program, under the settings that the compiler proposes. */
const usualProgram = `
import express from "express";
import { type Kit, mercure } from "htmx-mercure";
import { Hub } from "htmx-mercure/hub";
import { MemoryTransport } from "htmx-mercure/transport/memory";

const kit: Kit = mercure(express(), { templates: "templates", components: "components" });
const { components, sse } = kit;
const { ChatMessage } = components;
sse.publish("messages", components.ChatMessage({ id: "m1", text: "hello" }));
sse.publish("messages", ChatMessage({ id: "m1", text: "hello" }));
sse.publish("messages", kit.components.Plain());
export const hub: Hub = new Hub({ transport: new MemoryTransport() });
`;

/** Calls of components that the compiler checks, without `noUncheckedIndexedAccess`. */
const checkedProgram = `
import express from "express";
import { mercure, type SafeString } from "htmx-mercure";

declare global {
  namespace HtmxMercure {
    interface Components {
      Card: { title: string; open?: boolean };
      Rule: { wide?: boolean };
    }
  }
}

const { components } = mercure(express());
export const html: SafeString[] = [
  components.Card({ title: "a", open: true }),
  components.Rule(),
  components.Rule({ wide: true }),
  components.Other(),
  components.Other({ any: 1 }),
];
// @ts-expect-error The property is missing.
components.Card({});
// @ts-expect-error The properties are missing.
components.Card();
// @ts-expect-error The property has another type.
components.Card({ title: 1 });
// @ts-expect-error The property does not exist.
components.Rule({ wied: true });
// @ts-expect-error Properties are an object.
components.Other("text");
// @ts-expect-error A component renders HTML.
export const count: number = components.Other();
`;

/** The same calls of declared components, which the compiler checks with all settings. */
const declaredProgram = checkedProgram.replaceAll(
  /.*(?:components\.Other\(|Properties are an object|renders HTML).*\n/g,
  "",
);

/** Keeps an update on the disk. The servers of the other transports are unreachable. */
const transportsProgram = `
import { LmdbTransport } from "htmx-mercure/transport/lmdb";
import { PostgresTransport } from "htmx-mercure/transport/postgres";
import { RedisTransport } from "htmx-mercure/transport/redis";

const lmdb = new LmdbTransport({ path: "history" });
await lmdb.publish({ topics: ["a"], data: "1", private: false });
const { updates } = await lmdb.read({ topics: "*", after: 0, maxUpdates: 10 });
await lmdb.close();
const logger = { warn() {}, error() {} };
const redis = new RedisTransport({ url: "redis://127.0.0.1:1", logger });
const postgres = new PostgresTransport({ url: "postgres://127.0.0.1:1/none", logger });
console.log(\`lmdb kept \${updates.length}, redis \${redis.state}, postgres \${postgres.state}\`);
await redis.close();
await postgres.close();
`;

const project: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({ name: "fresh", version: "1.0.0", private: true }),
  "templates/index.njk":
    '<!doctype html><head>{{ mercure_scripts() }}</head><% MercureStream topic="messages" tag="ul" class="feed" %><li>first</li><% endMercureStream %>',
  "components/ChatMessage.njk": '<li id="{{ id }}">{{ text }}</li>',
  "exchange.cjs": exchange,
  "imports.mjs":
    'import express from "express";\nimport { mercure } from "htmx-mercure";\nimport exchange from "./exchange.cjs";\nawait exchange(express, mercure);\n',
  "requires.cjs":
    'const express = require("express");\nconst { mercure } = require("htmx-mercure");\nrequire("./exchange.cjs")(express, mercure);\n',
  "typed.mts": typedProgram,
  "typed.cts": typedProgram,
  "tsconfig.json": JSON.stringify({
    compilerOptions: { target: "es2022", lib: ["es2022", "dom"], module: "nodenext", types: ["node"], strict: true },
    files: ["typed.mts", "typed.cts"],
  }),
  "usual/program.ts": usualProgram,
  "checked/declared.ts": declaredProgram,
  "checked/program.ts": checkedProgram,
  "checked/package.json": JSON.stringify({ type: "module" }),
  "usual/package.json": JSON.stringify({ type: "module" }),
  "page.js": 'import "htmx-mercure/client";\n',
};

let folder: string;
let tarball: Tarball;
let manifest: Manifest;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "htmx-mercure-package-"));
  manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Manifest;
  const named = { ...manifest, repository: { type: "git", url: "git+https://example.com/people/htmx-mercure.git" } };
  await pack("named", named);
  // Both have the same file name, and the tests install this one.
  tarball = await pack("package", manifest);
  for (const [name, content] of Object.entries(project)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const packages = ["express", "nunjucks", "@types/express", "@types/nunjucks", "@types/node"];
  const versions = packages.map((name) => `${name}@${manifest.devDependencies[name]}`);
  await npm(folder, "install", "--prefer-offline", "--no-audit", "--no-fund", `./${tarball.filename}`, ...versions);
});

after(() => rm(folder, { recursive: true, force: true }));

async function npm(cwd: string, ...args: string[]): Promise<string> {
  return (await execute("npm", args, { cwd, maxBuffer: 16 * 1024 * 1024 })).stdout;
}

/**
 * Packs a copy of the package, as `npm pack` does after the build. In the repository it would build again, and write the
 * files of the package over those that other tests read meanwhile.
 */
async function pack(name: string, itsManifest: Manifest): Promise<Tarball> {
  const source = join(folder, name);
  await mkdir(source);
  for (const path of [...manifest.files, "README.md", "LICENSE"]) {
    await cp(join(root, path), join(source, path), { recursive: true });
  }
  const script = JSON.stringify(join(root, "scripts/packed-files.mjs"));
  const scripts = { prepack: `node ${script}`, postpack: `node ${script} --restore` };
  await writeFile(join(source, "package.json"), `${JSON.stringify({ ...itsManifest, scripts }, undefined, 2)}\n`);
  const packed = await npm(source, "pack", "--json", "--pack-destination", folder);
  const packedTarball = (JSON.parse(packed) as [Tarball])[0];
  await mkdir(join(folder, `${name}-unpacked`));
  await execute("tar", ["-xzf", join(folder, packedTarball.filename), "-C", join(folder, `${name}-unpacked`)]);
  return packedTarball;
}

function unpacked(name: string, path: string): Promise<string> {
  return readFile(join(folder, `${name}-unpacked/package`, path), "utf8");
}

/** The targets of the README's links and images, beside headings of its own. */
async function targetsOfReadme(name: string): Promise<string[]> {
  const readme = await unpacked(name, "README.md");
  const targets = [...readme.matchAll(/\]\(([^)]+)\)|\b(?:src|srcset|href)="([^"]+)"/g)];
  return targets.map(([, link, attribute]) => link ?? attribute!).filter((target) => !target.startsWith("#"));
}

/** A copy with a buffer of its own, because small files share one with others. */
async function readTarball(): Promise<Uint8Array> {
  return new Uint8Array(await readFile(join(folder, tarball.filename)));
}

function node(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return execute(process.execPath, args, { cwd: folder });
}

function compilerOf(packageName: string): string {
  return fileURLToPath(import.meta.resolve(`${packageName}/package.json`).replace("package.json", "bin/tsc"));
}

describe("the tarball", () => {
  test("holds the files that the exports map names", () => {
    const paths = tarball.files.map(({ path }) => `./${path}`);
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? [target] : Object.values(target),
    );
    assert.deepEqual(
      targets.filter((target) => !paths.includes(target)),
      [],
    );
  });

  test("holds only the build, the library's templates and the files about the package", () => {
    const expected =
      /^(dist\/(.+\.(js|d\.ts|css)|(chunks\/texts|client\/(hints|settings|shared|style|ui))\.br)|(components|templates)\/.+\.njk|package\.json|README\.md|LICENSE)$/;
    const paths = tarball.files.map(({ path }) => path);
    assert.deepEqual(
      paths.filter((path) => !expected.test(path)),
      [],
    );
    for (const path of ["README.md", "LICENSE", "components/MercureStream.njk"]) {
      assert.ok(paths.includes(path), `${path} is missing`);
    }
  });

  test("has a README without relative links, which lead nowhere outside the repository", async () => {
    const targets = await targetsOfReadme("package");
    assert.ok(targets.length > 0);
    assert.deepEqual(
      targets.filter((target) => !URL.canParse(target)),
      [],
    );
  });

  test("has a README that links each page by its URL in the repository that package.json names", async () => {
    const targets = await targetsOfReadme("named");
    const base = "https://example.com/people/htmx-mercure";
    const pages = targets.filter((target) => target.startsWith(`${base}/blob/v${manifest.version}/`));
    assert.deepEqual(
      targets.filter((target) => !URL.canParse(target)),
      [],
    );
    assert.ok(targets.includes(`${base}/raw/v${manifest.version}/docs/images/example-app.png`));
    const readme = await readFile(join(root, "README.md"), "utf8");
    assert.equal(pages.length, [...readme.matchAll(/\]\((?!https:|#)/g)].length);
  });

  test("leaves out what only development uses, and packing leaves the files of the repository unchanged", async () => {
    const { scripts, devDependencies } = JSON.parse(await unpacked("package", "package.json"));
    assert.deepEqual({ scripts, devDependencies }, { scripts: undefined, devDependencies: undefined });
    const source = join(folder, "package");
    const kept = JSON.parse(await readFile(join(source, "package.json"), "utf8"));
    assert.deepEqual(kept.devDependencies, manifest.devDependencies);
    assert.equal(await readFile(join(source, "README.md"), "utf8"), await readFile(join(root, "README.md"), "utf8"));
  });

  test("has no type with a property that is shorter in the modules", async () => {
    const { hubNames } = (await import("../../scripts/small-modules.mjs" as string)) as { hubNames: string[] };
    for (const { path } of tarball.files.filter((file) => file.path.endsWith(".d.ts"))) {
      const words = (await unpacked("package", path)).match(/\w+/g) ?? [];
      const found = new Set(words);
      assert.deepEqual(
        hubNames.filter((name) => found.has(name)),
        [],
        path,
      );
    }
  });

  test("is small", () => {
    assert.ok(tarball.unpackedSize < 500_000, `${tarball.unpackedSize} bytes unpacked`);
    assert.ok(tarball.files.length < 60, `${tarball.files.length} files`);
  });

  test("has modules with short lines, because an uncaught error prints its line", async () => {
    const modules = tarball.files.filter(({ path }) => path.endsWith(".js") && !path.includes("/client/"));
    assert.ok(modules.length > 5);
    for (const { path } of modules) {
      const lengths = (await unpacked("package", path)).split("\n").map(({ length }) => length);
      assert.ok(Math.max(...lengths) <= 4000, path);
    }
  });

  test("has types that resolve as its modules do", async () => {
    const checked = await checkPackage(createPackageFromTarballData(await readTarball()), {
      excludeEntrypoints: ["./client.css"],
    });
    assert.ok(checked.types !== false, "the package has no types");
    // Node resolves an exports map since version 12, and `require` loads modules since 20.19, the oldest version that
    // we support.
    const outside: readonly ResolutionKind[] = ["node10", "node16-cjs"];
    const problems = checked.problems.filter(
      (problem) => !("resolutionKind" in problem && outside.includes(problem.resolutionKind)),
    );
    assert.deepEqual(problems, []);
  });

  test("passes publint", async () => {
    const { messages } = await publint({
      pack: { tarball: (await readTarball()).buffer as ArrayBuffer },
      strict: true,
    });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, manifest)),
      [],
    );
  });
});

describe("in a fresh project", () => {
  for (const program of ["imports.mjs", "requires.cjs"]) {
    test(`${program} serves a page, streams an update, and ends when closed`, async () => {
      const { stdout, stderr } = await node(program);
      const { page, contentType, id, received, scriptStatus } = JSON.parse(stdout);
      assert.match(page, /<ul class="[^"]*\bmercure-stream\b[^>]*>\s*<li>first<\/li>/);
      assert.equal(contentType, "text/event-stream");
      assert.match(received, /^data: ?<li id="m1">&lt;b&gt;hello&lt;\/b&gt;<\/li>$/m);
      assert.ok(received.includes(`id: ${id}\n`) || received.includes(`id:${id}\n`), received);
      assert.equal(scriptStatus, 200);
      assert.equal(stderr, "");
    });
  }

  test("npx runs the command", async () => {
    assert.match(
      await npm(folder, "exec", "--offline", "--", "htmx-mercure", "--version"),
      /^[0-9]+\.[0-9]+\.[0-9]+\n$/,
    );
  });

  test("TypeScript programs of both kinds compile against the types", async () => {
    const { stdout } = await node(compilerOf("typescript"), "--noEmit", "-p", "tsconfig.json").catch((error) => error);
    assert.equal(stdout, "");
  });

  test("TypeScript compiles calls of components under the settings of `tsc --init`", async () => {
    const compiler = compilerOf("typescript");
    await execute(process.execPath, [compiler, "--init"], { cwd: join(folder, "usual") });
    const { stdout } = await node(compiler, "--noEmit", "-p", "usual").catch((error) => error);
    assert.equal(stdout, "");
  });

  for (const packageName of ["typescript", "typescript59"]) {
    test(`${packageName} checks the calls of components, and their declared properties`, async () => {
      const compiler = compilerOf(packageName);
      for (const [name, settings] of Object.entries({
        program: {},
        declared: { noPropertyAccessFromIndexSignature: true, noUncheckedIndexedAccess: true },
      })) {
        const usual = {
          target: "es2022",
          module: "esnext",
          moduleResolution: "bundler",
          types: ["node"],
          strict: true,
        };
        const config = { compilerOptions: { ...usual, ...settings }, files: [`${name}.ts`] };
        const path = `checked/${name}.${packageName}.json`;
        await writeFile(join(folder, path), JSON.stringify(config));
        const { stdout } = await node(compiler, "--noEmit", "-p", path).catch((error) => error);
        assert.equal(stdout, "");
      }
    });
  }

  test("TypeScript 5.9 reads the types for a bundler and without a target", async () => {
    const settings = ["--noEmit", "--strict", "--module", "esnext", "--moduleResolution", "bundler"];
    const { stdout } = await node(compilerOf("typescript59"), ...settings, "usual/program.ts").catch((error) => error);
    // This repository cannot correct the types of other packages.
    assert.doesNotMatch(stdout, /htmx-mercure|usual/);
  });

  test("every export loads by its name", async () => {
    const names = Object.keys(manifest.exports).map((path) => join("htmx-mercure", path));
    const program = `console.log(JSON.stringify(${JSON.stringify(names)}.map((name) => import.meta.resolve(name))))`;
    const { stdout } = await node("--input-type=module", "--eval", program);
    assert.equal((JSON.parse(stdout) as string[]).length, names.length);
  });

  test("each transport works with its package, which `npm install --ignore-scripts` has installed", async () => {
    const versions = ["lmdb", "@redis/client", "pg"].map((name) => `${name}@${manifest.devDependencies[name]}`);
    const quiet = ["--prefer-offline", "--no-audit", "--no-fund"];
    const own = join(folder, "transports");
    await mkdir(own);
    await writeFile(
      join(own, "package.json"),
      JSON.stringify({ name: "transports", version: "1.0.0", type: "module" }),
    );
    await npm(own, "install", "--ignore-scripts", ...quiet, `../${tarball.filename}`, ...versions);
    await writeFile(join(own, "program.js"), transportsProgram);
    const { stdout, stderr } = await execute(process.execPath, ["program.js"], { cwd: own });
    assert.equal(stdout, "lmdb kept 1, redis starting, postgres starting\n", stderr);
  });

  test("a bundler keeps the client, which is imported for its side effects", async () => {
    const { outputFiles } = await build({
      absWorkingDir: folder,
      entryPoints: ["page.js"],
      bundle: true,
      write: false,
      logLevel: "silent",
    });
    assert.match(outputFiles[0]!.text, /createEventSource/);
  });
});
