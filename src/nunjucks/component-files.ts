import { existsSync, readdirSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { MercureError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { displayPath } from "./source-names.js";

export interface ComponentFile {
  readonly name: string;
  readonly path: string;
  /** Whether it is the kit's own, which an application's of the same name overrides. */
  readonly isKits: boolean;
}

/** A file whose name begins with a capital is a component; others are partials. */
const componentFile = /^[A-Z]\w*\.njk$/;

/** Finds components by name in folders, sub-folders included. */
export class ComponentFiles {
  readonly #folders: readonly string[];
  readonly #kitFolder: string;
  #files: ReadonlyMap<string, ComponentFile> = new Map();

  /** @throws MercureError `ERR_COMPONENT` when a name exists twice in the application's folders. */
  constructor(folders: readonly string[], kitFolder: string) {
    this.#folders = folders.map((folder) => resolve(folder));
    this.#kitFolder = kitFolder;
    this.refresh();
  }

  /** Looks again, for files that have come, gone or moved. */
  refresh(): void {
    const files = new Map(list(this.#kitFolder).map((path) => [nameOf(path), file(path, true)]));
    for (const path of this.#folders.flatMap(list)) {
      const name = nameOf(path);
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
    return this.#files.has(name);
  }

  /** @throws MercureError `ERR_COMPONENT` when there is none of this name, with the nearest names. */
  get(name: string): ComponentFile {
    const found = this.#files.get(name);
    if (found !== undefined) return found;
    throw new MercureError("ERR_COMPONENT", this.describeMissing(name));
  }

  /** Says that there is no component of this name, where it was looked for, and which names are near. */
  describeMissing(name: string): string {
    const folders = this.#folders.map(displayPath).join(", ");
    return `There is no component "${name}" in ${folders}.${didYouMean(name, this.names)}`;
  }
}

function list(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && componentFile.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function file(path: string, isKits: boolean): ComponentFile {
  return { name: nameOf(path), path, isKits };
}

function nameOf(path: string): string {
  return basename(path, ".njk");
}
