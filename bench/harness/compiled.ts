import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The reason to skip questions that need a C compiler; false if there is one. */
export const withoutCompiler =
  spawnSync("cc", ["--version"], { stdio: "ignore" }).status === 0
    ? false
    : "a C compiler that is called cc is missing";

/**
 * Compiles a file of this folder, once for each version of it.
 *
 * @returns the path of the program.
 */
export function compiled(name: string, flags: readonly string[]): string {
  const source = fileURLToPath(new URL(name, import.meta.url));
  const folder = fileURLToPath(new URL("../../.cache", import.meta.url));
  const version = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 12);
  const program = `${folder}/bench-${name.replace(/\.c$/, "")}-${version}`;
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${program}-${process.pid}`;
  const args = [...flags, "-o", unfinished, source];
  const { error, status, stderr } = spawnSync("cc", args, { encoding: "utf8" });
  if (error) throw new Error(`${name} is written in C, for Linux: install a C compiler that is called cc.`);
  if (status !== 0) throw new Error(`${name} could not be compiled:\n${stderr}`);
  renameSync(unfinished, program);
  return program;
}
