import { randomBytes } from "node:crypto";
import { existsSync, linkSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { minKeyLength } from "./key-length.js";

/**
 * Reads or creates the development secret of a project, so that signed-in pages survive a restart. The secret is a file
 * below `node_modules`, which repositories do not contain. All processes of the project use the same file.
 *
 * @param folder - The folder where the upward search for the project's `package.json` begins.
 * @returns Undefined when no file can be stored: outside a project, or in a project that is not writable.
 */
export function developmentSecret(folder = process.cwd()): { secret: string; path: string } | undefined {
  const project = projectOf(folder);
  if (project === undefined) return undefined;
  const cache = join(project, "node_modules", ".cache", "htmx-mercure");
  const path = join(cache, "development-secret");
  try {
    const secret = kept(path) ?? keep(cache, path);
    return secret === undefined ? undefined : { secret, path };
  } catch {
    return undefined;
  }
}

function projectOf(folder: string): string | undefined {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  return parent === folder ? undefined : projectOf(parent);
}

/** Reads the stored secret. A file that another user of the machine owns is not secret, and yields undefined. */
function kept(path: string): string | undefined {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined || !file.isFile()) return undefined;
  if (process.getuid !== undefined && file.uid !== process.getuid()) return undefined;
  const secret = readFileSync(path, "utf8");
  return isWhole(secret) ? secret : undefined;
}

/**
 * Creates the secret's file. When several processes start at the same time, the first file stays, because a hard link
 * never replaces a file.
 */
function keep(cache: string, path: string): string | undefined {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  // This keeps the secret out of a repository that contains `node_modules`.
  writeFileSync(join(cache, ".gitignore"), "*\n");
  const draft = `${path}-${randomBytes(8).toString("hex")}`;
  writeFileSync(draft, randomBytes(minKeyLength).toString("hex"), { mode: 0o600, flag: "wx" });
  try {
    const unusable = existsSync(path) && kept(path) === undefined;
    if (unusable) rmSync(path);
    if (!existsSync(path)) linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(draft);
  }
  return kept(path);
}

function isWhole(secret: string): boolean {
  return new RegExp(`^[0-9a-f]{${2 * minKeyLength}}$`).test(secret);
}
