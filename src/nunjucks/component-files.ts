import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { MercureError } from "../shared/errors.js";
import { didYouMean } from "../shared/nearest.js";
import { isComponentName, isUsableComponentName } from "./component-name.js";
import { displayPath } from "./source-names.js";

export interface ComponentFile {
  readonly name: string;
  readonly path: string;
  /** Whether it is the kit's own, which an application's of the same name overrides. */
  readonly isKits: boolean;
}

/** Finds components by name in folders, sub-folders included. */
export class ComponentFiles {
  readonly #folders: readonly string[];
  readonly #kitFolder: string;
  #files: ReadonlyMap<string, ComponentFile> = new Map();
  /** Files that look like components, and have names that templates cannot write. */
  #misnamed: readonly string[] = [];

  /** @throws MercureError `ERR_COMPONENT` when a name exists twice in the application's folders. */
  constructor(folders: readonly string[], kitFolder: string) {
    this.#folders = folders.map((folder) => resolve(folder));
    this.#kitFolder = kitFolder;
    this.refresh();
  }

  /** Looks again, for files that have come, gone or moved. */
  refresh(): void {
    const files = new Map(list(this.#kitFolder).map((path) => [nameOf(path), file(path, true)]));
    const own = this.#folders.flatMap(list);
    this.#misnamed = own.filter((path) => !isUsableComponentName(nameOf(path)));
    for (const path of own) {
      const name = nameOf(path);
      if (!isUsableComponentName(name)) continue;
      const other = files.get(name);
      if (other !== undefined && !other.isKits) {
        const paths = [other.path, path].map(displayPath).join(" and ");
        throw new MercureError("ERR_COMPONENT", `The component "${name}" exists twice: ${paths}. Rename one of them.`);
      }
      files.set(name, file(path, false));
    }
    this.#files = files;
  }

  get names(): readonly string[] {
    return [...this.#files.keys()];
  }

  has(name: string): boolean {
    return this.#files.has(name.normalize("NFC"));
  }

  /** @throws MercureError `ERR_COMPONENT` when there is none of this name, with the nearest names. */
  get(name: string): ComponentFile {
    const found = this.#files.get(name.normalize("NFC"));
    if (found !== undefined) return found;
    throw new MercureError("ERR_COMPONENT", this.describeMissing(name));
  }

  /** Says that there is no component of this name, where it was looked for, and which names are near. */
  describeMissing(name: string): string {
    const folders = this.#folders.map(displayPath).join(", ");
    const misnamed = this.#misnamed.find((path) => nameOf(path).startsWith(name));
    const hint =
      misnamed === undefined
        ? didYouMean(name, this.names)
        : ` Rename ${displayPath(misnamed)}: the name of a component has letters, digits and underscores only.`;
    return `There is no component "${name}" in ${folders}.${hint}`;
  }
}

/** A file whose name begins with a capital is a component; others are partials. */
function list(folder: string): string[] {
  return existsSync(folder) ? walk(folder, []).sort() : [];
}

/** @param above - The folders on the way here, without links: a link to one of them would lead in a circle. */
function walk(folder: string, above: readonly string[]): string[] {
  const real = realpathSync(folder);
  if (above.includes(real)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    // A link without a target is no folder.
    const isFolder = entry.isSymbolicLink()
      ? (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false)
      : entry.isDirectory();
    if (isFolder) return walk(path, [...above, real]);
    return entry.name.endsWith(".njk") && isComponentName(entry.name) ? [path] : [];
  });
}

function file(path: string, isKits: boolean): ComponentFile {
  return { name: nameOf(path), path, isKits };
}

function nameOf(path: string): string {
  return basename(path, ".njk").normalize("NFC");
}
