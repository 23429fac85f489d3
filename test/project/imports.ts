import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Import {
  /** A path inside the repository (`src/hub/hub.ts`), or the name of a package or a Node module. */
  readonly target: string;
  /** Whether the whole statement vanishes at compilation: `import type`, `export type`. */
  readonly typeOnly: boolean;
}

export interface SourceFile {
  /** From the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

/** Every TypeScript file below a folder of the repository, in order. */
export function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .map((file) => posix.join(folder, file.replaceAll("\\", "/")))
    .filter((path) => path.endsWith(".ts"))
    .sort()
    .map((path) => {
      const text = withoutComments(readFileSync(`${root}${path}`, "utf8"));
      return { path, text, imports: readImports(text, path) };
    });
}

/** Reads the statements as the formatter writes them: each begins its line, names are in double quotes. */
export function readImports(text: string, path: string): Import[] {
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm);
  const calls = text.matchAll(/\bimport\(\s*"([^"]+)"/g);
  return [
    ...[...statements].map(([, type, name]) => ({ target: locate(name!, path), typeOnly: type !== undefined })),
    ...[...calls].map(([, name]) => ({ target: locate(name!, path), typeOnly: false })),
  ];
}

function locate(name: string, importer: string): string {
  return name.startsWith(".") ? posix.join(posix.dirname(importer), name).replace(/\.js$/, ".ts") : name;
}

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, "").replaceAll(/^\s*\/\/.*$/gm, "");
}
