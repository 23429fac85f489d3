import { relative } from "node:path";
import type { EnvironmentInternals } from "./internals.js";

/**
 * Tells which template a source belongs to. Nunjucks hands extensions the source alone, and names the wrong template in
 * errors of imports and macros, so the loaders are asked to note what they load.
 */
export class SourceNames {
  readonly #names = new Map<string, string>();

  watch(environment: EnvironmentInternals): void {
    for (const loader of environment.loaders) {
      const getSource = loader.getSource.bind(loader) as (name: string, callback?: LoaderCallback) => LoadedSource;
      const noted = (name: string, callback?: LoaderCallback): LoadedSource => {
        if (callback === undefined) return this.#note(getSource(name));
        return getSource(name, (error, loaded) => callback(error, this.#note(loaded)));
      };
      Object.assign(loader, { getSource: noted });
    }
  }

  note(source: string, path: string): void {
    this.#names.set(source, displayPath(path));
  }

  /** The name of the template that was loaded with this source, once: a compiled source need not be kept. */
  take(source: string): string | undefined {
    const name = this.#names.get(source);
    this.#names.delete(source);
    return name;
  }

  #note(loaded: LoadedSource): LoadedSource {
    if (loaded && typeof loaded.src === "string") this.note(loaded.src, loaded.path);
    return loaded;
  }
}

/** A path as the developer knows it: relative to the working directory when it lies within. */
export function displayPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}

type LoadedSource = { readonly src: unknown; readonly path: string } | null | undefined;
type LoaderCallback = (error: unknown, loaded: LoadedSource) => void;
