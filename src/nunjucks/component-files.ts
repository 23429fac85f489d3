import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { MercureError } from "../shared/errors.js";
import { didYouMean } from "../shared/nearest.js";
import { isComponentName, isUsableComponentName, usableNameFor } from "./component-name.js";
import { displayPath } from "./source-names.js";

export interface ComponentFile {
  readonly path: string;
  /** Whether it is the library's own. An application's component of the same name overrides it. */
  readonly isBuiltIn: boolean;
}

/** Finds components by name in folders and their sub-folders. */
export class ComponentFiles {
  readonly #folders: readonly string[];
  readonly #kitFolder: string;
  #files: ReadonlyMap<string, ComponentFile> = new Map();
  readonly #warn: (message: string) => void;
  /** Component files with names that templates cannot write. */
  #misnamed: readonly string[] = [];
  readonly #warnedOf = new Set<string>();

  /**
   * @param warn - Called once for each file that is not a component because of its name.
   * @throws MercureError `ERR_COMPONENT` if a name exists twice in the application's folders.
   */
  constructor(folders: readonly string[], kitFolder: string, warn: (message: string) => void) {
    this.#folders = folders.map((folder) => resolve(folder));
    this.#kitFolder = kitFolder;
    this.#warn = warn;
    this.refresh();
  }

  /** Lists the folders again, for added, deleted and moved files. */
  refresh(): void {
    const files = new Map<string, ComponentFile>(
      list(this.#kitFolder).map((path) => [nameOf(path), { path, isBuiltIn: true }]),
    );
    const own = this.#folders.flatMap(list);
    this.#misnamed = own.filter((path) => !isUsableComponentName(nameOf(path)));
    for (const path of own) {
      const name = nameOf(path);
      if (!isUsableComponentName(name)) continue;
      const other = files.get(name);
      // Two folders can be links to one, as in workspaces of packages.
      if (other !== undefined && !other.isBuiltIn && realpathSync(other.path) !== realpathSync(path)) {
        const paths = [other.path, path].map(displayPath).join(" and ");
        throw new MercureError("ERR_COMPONENT", `The component "${name}" exists twice: ${paths}. Rename one of them.`);
      }
      files.set(name, { path, isBuiltIn: false });
    }
    this.#files = files;
    this.#warnOfMisnamed();
  }

  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  has(name: string): boolean {
    return this.#files.has(name.normalize("NFC"));
  }

  /** @throws MercureError `ERR_COMPONENT` for an unknown name. The message has the nearest names. */
  get(name: string): ComponentFile {
    const found = this.#files.get(name.normalize("NFC"));
    if (found !== undefined) return found;
    throw new MercureError("ERR_COMPONENT", this.describeMissing(name));
  }

  /** Returns the message for a missing component, with the searched folders and the nearest names. */
  describeMissing(name: string): string {
    const folders = this.#folders.map(displayPath).join(", ");
    const misnamed = this.#misnamed.find((path) => nameOf(path).startsWith(name));
    const hint = misnamed === undefined ? didYouMean(name, this.names) : ` ${renaming(misnamed)}`;
    return `The component "${name}" does not exist in ${folders}.${hint}`;
  }

  #warnOfMisnamed(): void {
    for (const path of this.#misnamed) {
      if (this.#warnedOf.has(path)) continue;
      this.#warnedOf.add(path);
      this.#warn(
        `htmx-mercure: ${displayPath(path)} is not a component, because templates cannot write its name. ${renaming(path)}`,
      );
    }
  }
}

/** Explains what to do about a file whose name templates cannot write. */
function renaming(path: string): string {
  const usable = `${usableNameFor(nameOf(path))}.njk`;
  return `Rename ${displayPath(path)} to ${usable}: a component's name can contain only letters, digits and underscores.`;
}

/** Lists component files, by their names. Other files are partials. */
function list(folder: string): string[] {
  return existsSync(folder) ? walk(folder, []).sort() : [];
}

/** @param above - The real paths of the parent folders. A link to one of them would be a cycle. */
function walk(folder: string, above: readonly string[]): string[] {
  const real = realpathSync(folder);
  if (above.includes(real)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // A broken link is not a folder.
    const isFolder = entry.isSymbolicLink()
      ? (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)
      : entry.isDirectory();
    if (isFolder) return walk(path, [...above, real]);
    return entry.name.endsWith(".njk") && isComponentName(entry.name) ? [path] : [];
  });
}

function nameOf(path: string): string {
  return basename(path, ".njk").normalize("NFC");
}
