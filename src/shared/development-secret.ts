import { randomBytes } from "node:crypto";
import { existsSync, linkSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { leastKeyLength } from "./key-length.js";

/**
 * Finds or makes the secret that a project's development keeps, so that a restart ends no signed-in page. It is a file
 * below `node_modules`, which no repository holds. All processes of the project find the same one.
 *
 * @param folder - Where the search for the project's `package.json` begins, upwards.
 * @returns Undefined where no file can be kept: outside a project, and where the project cannot be written to.
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

/** What another user of the machine has put there is no secret. */
function kept(path: string): string | undefined {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined || !file.isFile()) return undefined;
  if (process.getuid !== undefined && file.uid !== process.getuid()) return undefined;
  const secret = readFileSync(path, "utf8");
  return isWhole(secret) ? secret : undefined;
}

/** Of processes that start at once, the first one's file stays: a link never takes the place of a file. */
function keep(cache: string, path: string): string | undefined {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  // Where `node_modules` is in the repository after all, this is not.
  writeFileSync(join(cache, ".gitignore"), "*\n");
  const draft = `${path}-${randomBytes(8).toString("hex")}`;
  writeFileSync(draft, randomBytes(leastKeyLength).toString("hex"), { mode: 0o600, flag: "wx" });
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
  return new RegExp(`^[0-9a-f]{${2 * leastKeyLength}}$`).test(secret);
}
