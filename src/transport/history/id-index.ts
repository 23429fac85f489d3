import type { StoredUpdate } from "../transport.js";

/** An entry of history, linked to its neighbours among the entries with the same id. */
export interface Identified extends StoredUpdate {
  older?: Identified | undefined;
  newer?: Identified | undefined;
}

/** The ends of the list of entries with the same id. */
interface Chain<E> {
  oldest: E;
  newest: E;
}

/**
 * Finds entries by the ids of publishers. Publishers reuse ids, such as the id of an entity that changes often. The
 * entries of an id form a linked list, so adding and removing an entry takes constant time.
 */
export class IdIndex<E extends Identified> {
  readonly #chains = new Map<string, Chain<E>>();

  add(entry: E): void {
    const chain = this.#chains.get(entry.update.id);
    if (chain === undefined) {
      this.#chains.set(entry.update.id, { oldest: entry, newest: entry });
      return;
    }
    entry.older = chain.newest;
    chain.newest.newer = entry;
    chain.newest = entry;
  }

  oldest(id: string): E | undefined {
    return this.#chains.get(id)?.oldest;
  }

  newest(id: string): E | undefined {
    return this.#chains.get(id)?.newest;
  }

  /** Removes an entry. Has no effect for an entry that was never added. */
  delete(entry: E): void {
    // Most publishers choose no ids: this saves the hash of each id.
    if (this.#chains.size === 0) return;
    const { id } = entry.update;
    const chain = this.#chains.get(id);
    if (chain === undefined || (entry.older === undefined && chain.oldest !== entry)) return;
    const { older, newer } = entry;
    if (older === undefined && newer === undefined) {
      this.#chains.delete(id);
      return;
    }
    if (older === undefined) chain.oldest = newer as E;
    else older.newer = newer;
    if (newer === undefined) chain.newest = older as E;
    else newer.older = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
