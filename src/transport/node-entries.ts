import { randomUUID } from "node:crypto";
import type { NodesListener } from "./nodes.js";

/** The local copy of the entries of all nodes. */
export class NodeEntries {
  readonly self: string;
  /** By node and key. Only {@link NodeEntries.set} changes them. */
  readonly nodes = new Map<string, Map<string, string>>();
  readonly #listeners = new Set<NodesListener>();

  constructor(self: string = randomUUID()) {
    this.self = self;
  }

  /** Changes an entry. Returns whether the value differs from the previous one. */
  set(node: string, key: string, value: string | undefined): boolean {
    let entries = this.nodes.get(node);
    if (entries?.get(key) === value) return false;
    if (value !== undefined) {
      if (entries === undefined) {
        entries = new Map();
        this.nodes.set(node, entries);
      }
      entries.set(key, value);
    } else {
      entries!.delete(key);
      if (entries!.size === 0) this.nodes.delete(node);
    }
    this.call(node, key, value);
    return true;
  }

  call(node: string, key: string, value: string | undefined): void {
    for (const listener of this.#listeners) listener(node, key, value);
  }

  /** Removes all entries of a node. */
  remove(node: string): void {
    for (const key of [...(this.nodes.get(node)?.keys() ?? [])]) this.set(node, key, undefined);
  }

  /** Replaces the entries of all other nodes. */
  replaceOthers(entries: Iterable<readonly [node: string, key: string, value: string]>): void {
    const now = new Map<string, Set<string>>();
    for (const [node, key, value] of entries) {
      if (node === this.self) continue;
      this.set(node, key, value);
      const keys = now.get(node) ?? new Set();
      now.set(node, keys.add(key));
    }
    for (const [node, known] of [...this.nodes]) {
      if (node === this.self) continue;
      for (const key of [...known.keys()]) if (!now.get(node)?.has(key)) this.set(node, key, undefined);
    }
  }

  *all(prefix: string): Generator<readonly [node: string, key: string, value: string], void> {
    for (const [node, entries] of this.nodes) {
      for (const [key, value] of entries) if (key.startsWith(prefix)) yield [node, key, value];
    }
  }

  listen(listener: NodesListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Removes the listeners. */
  close(): void {
    this.#listeners.clear();
  }
}
