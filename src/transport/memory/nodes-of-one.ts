import { randomUUID } from "node:crypto";
import type { Nodes, NodesListener } from "../nodes.js";

/** The entries of a hub that has only one node. */
export class NodesOfOne implements Nodes {
  readonly self = randomUUID();
  readonly #entries = new Map<string, string>();
  readonly #listeners = new Set<NodesListener>();

  tell(key: string, value: string | undefined): void {
    if (this.#entries.get(key) === value) return;
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
    for (const listener of this.#listeners) listener(this.self, key, value);
  }

  *entries(prefix: string): Generator<readonly [node: string, key: string, value: string], void> {
    for (const [key, value] of this.#entries) if (key.startsWith(prefix)) yield [this.self, key, value];
  }

  listen(listener: NodesListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
