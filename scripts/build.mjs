// `npm run build`: builds dist from src.
//
//   npm run build                   writes dist
//   npm run build -- --if-changed   writes dist unless the last build had the same sources
//   npm run build -- --reference    writes only the types, with their examples, to .cache/reference
//
// dist holds one module and one file of types for each entry of the package, the chunks that several of them share, and
// the browser's script and style. The build happens beside dist and replaces it only when it is whole: a failed build
// leaves the last good one, and a program that reads dist meanwhile never sees half of it.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { Failure, main, run } from "./run.mjs";

const staging = `.dist-${process.pid}`;
/** The compiler's output for each file, before the bundler joins them. */
const modules = join(staging, "modules");

/** The entries of the package that run on Node; all except the command have types. */
const entries = [
  "index",
  "hub/index",
  "transport/index",
  "transport/contract/transport-contract",
  "transport/memory/memory",
  "transport/lmdb/lmdb",
  "transport/redis/redis",
  "transport/postgres/postgres",
  "cli/main",
];
const typedEntries = [...entries.filter((entry) => entry !== "cli/main"), "client/index"];

const isReference = process.argv.includes("--reference");
const target = isReference ? ".cache/reference" : "dist";
/** Holds the digest of the sources of dist. */
const builtFile = ".cache/built";

await main(async () => {
  const start = performance.now();
  const sources = digestOfSources();
  if (process.argv.includes("--if-changed") && existsSync(target) && sources === digestOfLastBuild()) return;
  if (!existsSync("node_modules/typescript") || !existsSync("node_modules/rollup")) {
    throw new Failure("The build's tools are not installed: run `npm ci` first.");
  }
  try {
    await mkdir(staging);
    await writeFile(`${staging}/.gitignore`, "*\n");
    // The script waits for all of them, even if one fails, so that no writer is left in a folder that is being removed.
    const types = [compile("tsconfig.build.json"), compile("scripts/client-types.json")];
    await all(...types, ...(isReference ? [] : [bundleClient()]));
    await all(bundleTypes(), ...(isReference ? [] : [bundleModules()]));
    await rm(modules, { recursive: true });
    // npm omits the files that a .gitignore in the folder names.
    await rm(`${staging}/.gitignore`);
    await mkdir(".cache", { recursive: true });
    if (!isReference) await rm(builtFile, { force: true });
    await replace(target, staging);
    if (!isReference) await writeFile(builtFile, sources);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  console.log(`Built ${target} in ${((performance.now() - start) / 1000).toFixed(1)} s.`);
});

function digestOfSources() {
  const files = ["src", "scripts"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const digest = createHash("sha256");
  for (const file of [...files.sort(), "package-lock.json", "tsconfig.json", "tsconfig.build.json"]) {
    digest.update(`${file}\0`).update(readFileSync(file)).update("\0");
  }
  return digest.digest("hex");
}

function digestOfLastBuild() {
  return existsSync(builtFile) ? readFileSync(builtFile, "utf8") : undefined;
}

async function all(...steps) {
  for (const step of await Promise.allSettled(steps)) if (step.status === "rejected") throw step.reason;
}

function compile(project) {
  return run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", project, "--outDir", modules], {
    failure: `The build failed: the compiler reports the errors above (project ${project}). dist is unchanged.`,
  });
}

/** Joins the modules of each entry. */
async function bundleModules() {
  const { smallModules } = await import("./small-modules.mjs");
  await bundle("js", entries, [smallModules()], { manualChunks: sharedChunk });
}

/**
 * Puts the modules that several entries share into one chunk, because each import between chunks takes bytes. The
 * entries load different packages, each only when it is used.
 */
function sharedChunk(id, { getModuleInfo }) {
  return entriesOf(id, getModuleInfo).size > 1 ? "shared" : undefined;
}

/** Returns the entries that import a module, directly or by others. */
function entriesOf(id, getModuleInfo, seen = new Set()) {
  if (seen.has(id)) return new Set();
  seen.add(id);
  const { isEntry, importers, dynamicImporters } = getModuleInfo(id);
  const found = [...importers, ...dynamicImporters].map((importer) => entriesOf(importer, getModuleInfo, seen));
  return new Set([...(isEntry ? [id] : []), ...found.flatMap((each) => [...each])]);
}

/** Joins the types of each entry. */
async function bundleTypes() {
  const { dts } = await import("rollup-plugin-dts");
  // The imports of chunks have their final names only here.
  const generateBundle = (_options, chunks) => {
    for (const chunk of Object.values(chunks)) {
      const types = withoutPrivateNames(chunk.code);
      chunk.code = isReference ? types : withFewMarks(withWritableOptions(withNarrowComments(withoutIndent(types))));
    }
  };
  await bundle("d.ts", typedEntries, [dts(), { name: "types", generateBundle }]);
}

/**
 * Removes private names. Compilers without a target, such as TypeScript 5.9 by default, reject them in declarations. A
 * private property keeps classes distinct. Its name contains the class's name, because a subclass cannot declare it
 * again.
 */
function withoutPrivateNames(code) {
  let name = "";
  return code.replace(/\bclass (\w+)|#private;/g, (text, declared) => {
    if (declared === undefined) return `private _${name};`;
    name = declared;
    return text;
  });
}

/** Removes the indent, which is a tenth of the types. */
function withoutIndent(code) {
  return code.replaceAll(/^ +/gm, "");
}

/** Lets applications write options one after another. The library only reads them. */
function withWritableOptions(code) {
  return code.replaceAll(/^interface \w+(?:Options|Limits|Target)\b[\s\S]*?^\}/gm, (text) =>
    text.replaceAll(/^readonly (?=\w+\??:)/gm, ""),
  );
}

/**
 * Removes empty lines, the spaces around marks, and the marks that a line break replaces. A line with a bracket could
 * join the last. Comments and texts stay unchanged.
 */
function withFewMarks(code) {
  return code
    .replaceAll(/\n+/g, "\n")
    .replaceAll(/\/\*[\s\S]*?\*\/|;\n(?!\s*[([<`])/g, (text) => (text === ";\n" ? "\n" : text))
    .replaceAll(
      /\/\*[\s\S]*?\*\/|\/\/.*|"(?:[^"\\]|\\.)*"|`[^`]*`| *(=>|[|&:,={}<>?]) */g,
      (text, mark) => mark ?? text,
    );
}

/**
 * Shortens doc comments: the reference has the examples, the causes of errors and the links to specifications. No tool
 * needs the asterisks before the lines.
 */
function withNarrowComments(code) {
  return code.replaceAll(/^\s*\/\*\*[\s\S]*?\*\//gm, (comment) =>
    comment
      .replaceAll(/^\s*\* ?(?!\/)/gm, "")
      .replaceAll(/\s*\{@link\s+https:[^\s|]+\s*\|[^}]*\}\.?/g, "")
      .replaceAll(/\s*^@example\n```[\s\S]*?\n```$/gm, "")
      .replaceAll(/(?:\n@throws (?:(?!\n@)(?!\s*\*\/)[\s\S])+)+/g, withCodesAlone)
      .replace(/^(\s*\/\*\*)\s+/, "$1")
      .replace(/\s+\*\/$/, "*/"),
  );
}

/** Names the codes of a function's errors. Other sentences stay unchanged. */
function withCodesAlone(throws) {
  const codes = throws.match(/\bERR_\w+/g);
  const rest = throws.split(/\n(?=@throws)/).filter((each) => each !== "" && !/\bERR_/.test(each));
  const named = [...new Set([...(codes ?? []), ...(throws.match(/\ball errors of (?:`[^`]+`|\{[^}]+\})/g) ?? [])])];
  const short = named.length > 0 ? [`@throws ${named.join(", ")}`] : [];
  return [...short, ...rest].map((each) => `\n${each.trim()}`).join("");
}

async function bundle(extension, names, plugins, output = {}) {
  const { rollup } = await import("rollup");
  const input = Object.fromEntries(names.map((name) => [name, join(modules, `${name}.${extension}`)]));
  try {
    const bundled = await rollup({
      input,
      plugins,
      // Packages and the modules of Node stay imports.
      external: /^[^./]/,
      // A type that only signatures name needs no export of its own.
      onwarn: (warning, warn) => warning.plugin === "dts" || warn(warning),
    });
    await bundled.write({
      dir: staging,
      format: "es",
      ...output,
      // An entry imports only what it names: the chunks import the rest.
      hoistTransitiveImports: false,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: ({ name }) => `chunks/${name.replace(/\.d$/, "")}.${extension}`,
    });
    await bundled.close();
  } catch (cause) {
    throw new Failure(`The build failed in the bundler: ${cause.message}. dist is unchanged.`, { cause });
  }
}

/**
 * The browser's scripts, one for each line of htmx, the module that they share, and the style. The library joins the
 * modules into one classic script for pages, and serves the other files as they are compressed here.
 */
async function bundleClient() {
  const { build } = await import("esbuild");
  const { minify } = await import("terser");
  const { clientNames, shortened } = await import("./small-modules.mjs");
  const options = {
    outdir: `${staging}/client`,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    logLevel: "warning",
  };
  try {
    const { mangleCache } = await build({
      ...options,
      mangleProps: clientNames,
      entryPoints: ["src/client/mercure.ts", "src/client/mercure4.ts", "src/client/mercure.css"],
      splitting: true,
      chunkNames: "core",
      mangleCache: {},
      external: ["./ui.js"],
    });
    // Pages load these scripts on demand, so each has its own copy of the few functions that they share. The first
    // scripts pass functions to this one by their short names.
    await build({ ...options, entryPoints: ["src/client/ui.ts"], mangleProps: clientNames, mangleCache });
    for (const name of ["core", "mercure", "mercure4", "ui"]) {
      const file = `${staging}/client/${name}.js`;
      await writeFile(file, (await minify(await readFile(file, "utf8"), shortened)).code);
    }
    // Only the library serves these scripts.
    const entryPoints = {
      hints: "src/client/hints.ts",
      settings: "src/client/settings.ts",
      shared: "src/client/core/shared.ts",
    };
    const served = {};
    for (const [name, entry] of Object.entries(entryPoints)) {
      const format = name === "shared" ? "esm" : "iife";
      const { outputFiles } = await build({
        ...options,
        format,
        entryPoints: [entry],
        mangleProps: clientNames,
        mangleCache,
        write: false,
      });
      served[name] = (await minify(outputFiles[0].text, { ...shortened, module: format === "esm" })).code;
    }
    const [ui, style] = await Promise.all(
      ["ui.js", "mercure.css"].map((name) => readFile(`${staging}/client/${name}`)),
    );
    for (const [name, content] of Object.entries({ ...served, ui, style })) {
      await writeFile(`${staging}/client/${name}.br`, brotliCompressSync(content));
    }
  } catch (cause) {
    throw new Failure("The build failed: the bundler reports the errors above (src/client). dist is unchanged.", {
      cause,
    });
  }
}

/** Replaces a folder. If two builds reach this point at once, the later one wins, whole. */
async function replace(folder, replacement) {
  const previous = `${replacement}-previous`;
  for (;;) {
    await rename(folder, previous).catch(ignore("ENOENT"));
    const taken = await rename(replacement, folder).then(() => false, ignore("ENOTEMPTY", "EEXIST"));
    await rm(previous, { recursive: true, force: true });
    if (taken === false) return;
  }
}

function ignore(...codes) {
  return (error) => {
    if (!codes.includes(error.code)) throw error;
  };
}
