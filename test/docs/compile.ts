import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { createProject, writeFiles } from "./project.js";

/** Compiles modules strictly, and returns the compiler's messages: the empty string without mistakes. */
export function compile(t: TestContext, modules: Record<string, string>, lib: string[], types: string[]): string {
  const folder = createProject(t, modules);
  const compilerOptions = { target: "es2023", lib, types, module: "nodenext", strict: true, skipLibCheck: true };
  writeFiles(folder, { "tsconfig.json": JSON.stringify({ compilerOptions, files: Object.keys(modules) }) });
  const compiler = fileURLToPath(import.meta.resolve("typescript/package.json").replace("package.json", "bin/tsc"));
  const { stdout } = spawnSync(process.execPath, [compiler, "--noEmit", "-p", folder], { cwd: folder });
  return String(stdout);
}
