import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./markdown.js";

/** The packages that a reader has installed. */
const packages = ["express", "nunjucks", "jose", "pg", "@libsql", "@types"];

/** The modules that every example can import without showing them. */
const sample = fileURLToPath(new URL("sample", import.meta.url));

/** A reader's project: a folder with the packages, the samples, and the files that a page shows. */
export function createProject(t: { after(callback: () => void): void }, files: Record<string, string> = {}): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "htmx-mercure-docs-")));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["templates", "components", "emails"]) mkdirSync(join(folder, name));
  cpSync(sample, folder, { recursive: true });
  writeFiles(folder, { "package.json": '{ "type": "module" }', ...files });
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/htmx-mercure"));
  for (const name of packages) symlinkSync(join(root, "node_modules", name), join(folder, "node_modules", name));
  return folder;
}

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}
