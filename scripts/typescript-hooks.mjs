import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const { version } = require("@swc/wasm-typescript/package.json");

/** Holds a file for each source, named for the source's content: a change of a source is another name. */
const cache = fileURLToPath(new URL(`../.cache/typescript/${version}`, import.meta.url));

let compiler;

/**
 * Resolves imports, which name the module that the compiler would write: `./hub.js` stands for `./hub.ts`. A test that
 * loads a module once more gives it a query.
 */
export function resolve(specifier, context, nextResolve) {
  if (/\.ts(?:\?|$)/.test(context.parentURL) && /^(?:\.{1,2}\/|file:).*\.js$/.test(specifier)) {
    const source = new URL(`${specifier.slice(0, -".js".length)}.ts`, context.parentURL);
    if (existsSync(source)) return { url: source.href, format: "module", shortCircuit: true };
  }
  return nextResolve(specifier, context);
}

export function load(url, context, nextLoad) {
  const { protocol, pathname } = new URL(url);
  if (protocol !== "file:" || !pathname.endsWith(".ts")) return nextLoad(url, context);
  return { format: "module", source: withoutTypes(fileURLToPath(url)), shortCircuit: true };
}

function withoutTypes(file) {
  const source = readFileSync(file, "utf8");
  const cached = join(cache, createHash("sha256").update(source).digest("hex"));
  try {
    return readFileSync(cached, "utf8");
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  compiler ??= require("@swc/wasm-typescript");
  let code;
  try {
    ({ code } = compiler.transformSync(source, { mode: "strip-only" }));
  } catch (error) {
    throw new SyntaxError(`${file}:${error.startLine}:${error.startColumn}: ${error.message}`, { cause: error });
  }
  mkdirSync(cache, { recursive: true });
  // Several processes can write one entry at once, and none may read half of it.
  const part = `${cached}.${process.pid}`;
  writeFileSync(part, code);
  renameSync(part, cached);
  return code;
}
