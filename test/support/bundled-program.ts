import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const folder = fileURLToPath(new URL("../../.cache/programs", import.meta.url));
const bundled = new Map<string, string>();

/**
 * Returns the path of a script that does the same as a TypeScript program of the tests. A process that loads the
 * sources one by one takes a second to begin. The script exists until this process ends.
 */
export function bundledProgram(program: URL): string {
  const source = fileURLToPath(program);
  const known = bundled.get(source);
  if (known !== undefined) return known;
  const script = join(folder, `${basename(source, ".ts")}-${process.pid}.mjs`);
  buildSync({
    entryPoints: [source],
    outfile: script,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "warning",
  });
  process.once("exit", () => rmSync(script, { force: true }));
  bundled.set(source, script);
  return script;
}
