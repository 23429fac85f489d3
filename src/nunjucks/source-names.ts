import { relative } from "node:path";
import type { EnvironmentInternals, LoadedSource, LoaderCallback } from "./internals.js";

/**
 * Maps a source to its template's name. Nunjucks passes only the source to extensions, and names the wrong template in
 * errors of imports and macros. The loaders therefore record the sources that they load.
 */
export class SourceNames {
  readonly #names = new Map<string, string>();

  watch(environment: EnvironmentInternals): void {
    for (const loader of environment.loaders) {
      const getSource = loader.getSource.bind(loader);
      loader.getSource = (name: string, callback?: LoaderCallback): LoadedSource => {
        if (callback === undefined) return this.#note(getSource(name));
        return getSource(name, (error, loaded) => callback(error, this.#note(loaded)));
      };
    }
  }

  note(source: string, path: string): void {
    this.#names.set(source, displayPath(path));
  }

  /** Returns the name of the template with this source, and forgets it after this one use. */
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

/** Returns a path for messages, relative to the working directory if it is inside. */
export function displayPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}
