import { MercureError } from "../shared/errors.js";
import { editDistance } from "../shared/nearest.js";
import type { Props } from "./components.js";
import { propKey } from "./grammar.js";

/** A tag's properties by key. The tag takes those that it knows; the rest become attributes. */
export class TagProps {
  readonly #props: Map<string, readonly [name: string, value: unknown]>;

  constructor(props: Props) {
    this.#props = new Map(Object.entries(props).map((prop) => [propKey(prop[0]), prop]));
  }

  has(key: string): boolean {
    return this.#props.has(key);
  }

  take(key: string, absent?: unknown): unknown {
    const prop = this.#props.get(key);
    this.#props.delete(key);
    return prop === undefined ? absent : prop[1];
  }

  /**
   * Rejects misspelt properties. They would silently become attributes, and a private stream would be public.
   *
   * @param names - The properties of the tag.
   * @param others - Properties that resemble them.
   */
  refuseMisspelt(tag: string, names: readonly string[], others: readonly string[] = []): void {
    for (const key of this.#props.keys()) {
      if (names.includes(key) || others.includes(key)) continue;
      const meant = names.find((name) => name === `hx_${key}` || editDistance(bare(name), bare(key)) <= 1);
      if (meant === undefined) continue;
      throw new MercureError("ERR_TEMPLATE", `${tag} has no property "${key}". Did you mean "${meant}"?`);
    }
  }

  /** Returns the properties that were not taken, after the defaults that the author did not set. */
  rest(defaults: Props): (readonly [string, unknown])[] {
    const missing = Object.entries(defaults).filter(([name]) => !this.#props.has(propKey(name)));
    return [...missing, ...this.#props.values()];
  }
}

function bare(name: string): string {
  return name.replaceAll("_", "").toLowerCase();
}
