import { NodeEntries } from "../node-entries.js";
import type { Nodes, NodesListener } from "../nodes.js";

/** The entries of a hub that has only one node. */
export class NodesOfOne implements Nodes {
  readonly #entries = new NodeEntries();
  readonly self = this.#entries.self;
  readonly areShared = false;

  tell(key: string, value: string | undefined): void {
    this.#entries.set(this.self, key, value);
  }

  entries(prefix: string): Iterable<readonly [node: string, key: string, value: string]> {
    return this.#entries.all(prefix);
  }

  listen(listener: NodesListener): () => void {
    return this.#entries.listen(listener);
  }
}
