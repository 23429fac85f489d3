// `npm run build`: builds dist from src.
//
//   npm run build                   writes dist
//   npm run build -- --reference    writes only the types, with their examples, to .cache/reference
//
// dist holds one module and one file of types for each entry of the package, the chunks that several of them share, and
// the browser's script and style. The build happens beside dist and replaces it only when it is whole: a failed build
// leaves the last good one, and a program that reads dist meanwhile never sees half of it.

import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync } from "node:zlib";
import { Failure, main, run } from "./run.mjs";

const staging = `.dist-${process.pid}`;
/** The compiler's output for each file, before the bundler joins them. */
const modules = join(staging, "modules");

/** The min length of a text that is packed, and of all texts of a module together, in characters. */
const minTextLength = 24;
const minTextsLength = 1_000;

/** The entries of the package that run on Node; all but the command have types. */
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

await main(async () => {
  const start = performance.now();
  if (!existsSync("node_modules/typescript") || !existsSync("node_modules/rollup")) {
    throw new Failure("The build's tools are not installed: run `npm ci` first.");
  }
  try {
    await mkdir(staging);
    await writeFile(`${staging}/.gitignore`, "*\n");
    // The script waits for all, even when one fails, so that nothing writes into a folder that is being removed.
    const types = [compile("tsconfig.build.json"), compile("scripts/client-types.json")];
    await all(...types, ...(isReference ? [] : [bundleClient()]));
    await all(bundleTypes(), ...(isReference ? [] : [bundleModules()]));
    await rm(modules, { recursive: true });
    // npm leaves out the files that a .gitignore in the folder names.
    await rm(`${staging}/.gitignore`);
    if (isReference) await mkdir(".cache", { recursive: true });
    await replace(target, staging);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  console.log(`Built ${target} in ${((performance.now() - start) / 1000).toFixed(1)} s.`);
});

async function all(...steps) {
  for (const step of await Promise.allSettled(steps)) if (step.status === "rejected") throw step.reason;
}

function compile(project) {
  return run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", project, "--outDir", modules], {
    failure: `The build failed: the compiler reports the errors above (project ${project}). dist is as it was.`,
  });
}

/**
 * Joins the modules of each entry. Comments, white space and names stay in the sources and in the types, where people read
 * them. Stack traces keep the names of methods and of errors.
 */
async function bundleModules() {
  const { transform } = await import("esbuild");
  const { parseAst } = await import("rollup/parseAst");
  const options = { format: "esm", target: "node20", legalComments: "none" };
  const small = {
    minifyWhitespace: true,
    minifySyntax: true,
    minifyIdentifiers: true,
    lineLimit: 2000,
    charset: "utf8",
  };
  const renderChunk = (code) => {
    const packed = withPackedTexts(code, parseAst(code));
    return transform(withShortDeclarations(packed, parseAst(packed)), { ...options, ...small });
  };
  await bundle("js", entries, [{ name: "small", load: withShortTexts, renderChunk }]);
}

/** Compresses long texts in other languages to a third. `htmx-mercure schema` prints the SQL. */
async function withShortTexts(id) {
  if (!/transport\/(?:postgres\/schema-statements|redis\/scripts)\.js$/.test(id)) return null;
  const texts = Object.entries(await import(pathToFileURL(id)));
  const lines = texts.map(([, text]) => text.replaceAll(/^ +/gm, ""));
  const packed = brotliCompressSync(JSON.stringify(lines)).toString("base64");
  return `import { brotliDecompressSync } from "node:zlib";
    export const [${texts.map(([name]) => name)}] =
      JSON.parse(brotliDecompressSync(Buffer.from("${packed}", "base64")).toString());`;
}

/** Compresses the long texts of a module, such as errors and help, to a half; also the texts of templates. */
function withPackedTexts(code, program) {
  const found = [];
  const visit = (node, parent) => {
    const isName = node === parent.key || node === parent.source || parent.type === "ExpressionStatement";
    if (typeof node.value === "string" && node.type === "Literal" && !isName) found.push(node);
    // The tag of a template gets its texts as they are written.
    if (node.type === "TemplateLiteral" && parent.type !== "TaggedTemplateExpression") {
      for (const { start, end, value } of node.quasis) {
        if (code.slice(start, end) === value.raw) found.push({ start, end, value: value.cooked, isPart: true });
      }
    }
    for (const child of Object.values(node).flat()) if (typeof child?.type === "string") visit(child, node);
  };
  visit(program, {});
  const long = found.filter(({ value }) => value.length >= minTextLength).sort((a, b) => a.start - b.start);
  const texts = [...new Set(long.map(({ value }) => value))];
  const all = texts.join("\0");
  if (all.length < minTextsLength) return code;
  const [shebang] = /^(#!.*\n)?/.exec(code);
  let end = shebang.length;
  let rest = "";
  for (const { start, end: after, value, isPart } of long) {
    const text = `packedTexts[${texts.indexOf(value)}]`;
    rest += code.slice(end, start) + (isPart ? `\${${text}}` : text);
    end = after;
  }
  const packed = brotliCompressSync(all).toString("base64");
  return `${shebang}import { brotliDecompressSync as unpackTexts } from "node:zlib";
    const packedTexts = unpackTexts(Buffer.from("${packed}", "base64")).toString().split("\0");
    ${rest}${code.slice(end)}`;
}

/**
 * Declares the constants of functions with `let`, so that the declarations of a block become one. The compiler has
 * checked that nothing assigns to them. Constants of a module stay: the engine reads them without a look-up.
 */
function withShortDeclarations(code, program) {
  const positions = [];
  const visit = (node, isInFunction) => {
    if (node.type === "VariableDeclaration" && node.kind === "const" && isInFunction) positions.push(node.start);
    const isInside = isInFunction || /Function|StaticBlock/.test(node.type);
    for (const child of Object.values(node).flat()) if (typeof child?.type === "string") visit(child, isInside);
  };
  visit(program, false);
  let end = code.length;
  let short = "";
  for (const position of positions.sort((a, b) => b - a)) {
    short = `let${code.slice(position + "const".length, end)}${short}`;
    end = position;
  }
  return code.slice(0, end) + short;
}

/** Joins the types of each entry. */
async function bundleTypes() {
  const { dts } = await import("rollup-plugin-dts");
  const renderChunk = (code) => {
    const types = withoutPrivateNames(code);
    return isReference ? types : withNarrowComments(withNarrowIndent(types));
  };
  await bundle("d.ts", typedEntries, [dts(), { name: "types", renderChunk }]);
}

/**
 * Compilers without a target, such as TypeScript 5.9 by default, refuse private names in declarations. A private property
 * keeps classes as distinct as they are; it is named for its class, since a subclass cannot declare it again.
 */
function withoutPrivateNames(code) {
  let name = "";
  return code.replace(/\bclass (\w+)|#private;/g, (text, declared) => {
    if (declared === undefined) return `private readonly _private${name};`;
    name = declared;
    return text;
  });
}

/** Indents by tabs where the compiler indents by four spaces, which are a tenth of the types. */
function withNarrowIndent(code) {
  return code.replaceAll(/^(?: {4})+/gm, (indent) => "\t".repeat(indent.length / 4));
}

/**
 * Shortens doc comments: the reference has the examples, and no tool needs the asterisks before the lines.
 */
function withNarrowComments(code) {
  return code.replaceAll(/^\s*\/\*\*\n[\s\S]*?\*\//gm, (comment) =>
    comment
      .replaceAll(/^\s*\* ?(?!\/)/gm, "")
      .replaceAll(/\s*^@example\n```[\s\S]*?\n```$/gm, "")
      .replace(/\s+\*\/$/, " */"),
  );
}

async function bundle(extension, names, plugins) {
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
      // An entry imports only what it names: the chunks import the rest.
      hoistTransitiveImports: false,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: ({ name }) => `chunks/${name.replace(/\.d$/, "")}.${extension}`,
    });
    await bundled.close();
  } catch (cause) {
    throw new Failure(`The build failed in the bundler: ${cause.message}. dist is as it was.`, { cause });
  }
}

/**
 * The browser's scripts, one for each line of htmx, the module that they share, and the style. The library joins the
 * modules into one classic script for pages.
 */
async function bundleClient() {
  const { build } = await import("esbuild");
  const options = {
    outdir: `${staging}/client`,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    logLevel: "warning",
  };
  try {
    await build({
      ...options,
      entryPoints: ["src/client/mercure.ts", "src/client/mercure4.ts", "src/client/mercure.css"],
      splitting: true,
      chunkNames: "core",
      external: ["./ui.js"],
    });
    // Pages load it by itself, so it has its own copies of the few functions that it shares.
    await build({ ...options, entryPoints: ["src/client/ui.ts"] });
  } catch (cause) {
    throw new Failure("The build failed: the bundler reports the errors above (src/client). dist is as it was.", {
      cause,
    });
  }
}

/** Two builds at once can both get here; the later one wins, whole. */
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
