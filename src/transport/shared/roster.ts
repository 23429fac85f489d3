import type { Nodes } from "../nodes.js";
import type { EntryChange, NodeEntry } from "./shared-log.js";

type Listener = (node: string, key: string, value: string | undefined) => void;

/** The entries of the nodes that share a log: this node's own, and a local copy of the others'. */
export class Roster implements Nodes {
  readonly self: string;
  readonly #send: (changes: readonly EntryChange[]) => void;
  readonly #nodes = new Map<string, Map<string, string>>();
  readonly #listeners = new Set<Listener>();
  #unsent = new Map<string, string | null>();
  /** Whether the log has ended this node, and the listeners have heard it. */
  #isEnded = false;

  /** @param send - Called with the changes of one turn of the event loop, to append them to the log. */
  constructor(self: string, send: (changes: readonly EntryChange[]) => void) {
    this.self = self;
    this.#send = send;
  }

  tell(key: string, value: string | undefined): void {
    if (this.#nodes.get(this.self)?.get(key) === value) return;
    if (this.#unsent.size === 0) setImmediate(() => this.#flush());
    this.#unsent.set(key, value ?? null);
    this.#change(this.self, key, value);
  }

  *entries(prefix: string): Generator<readonly [node: string, key: string, value: string], void> {
    for (const [node, entries] of this.#nodes) {
      for (const [key, value] of entries) if (key.startsWith(prefix)) yield [node, key, value];
    }
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Applies a record of the log. This node knows its own entries best. */
  apply(node: string, changes: readonly EntryChange[]): void {
    if (node === this.self) return;
    for (const [key, value] of changes) this.#change(node, key, value ?? undefined);
  }

  /**
   * Removes the entries of a node that has ended. This node can read its own end, if it joins the log again only later.
   * Its listeners hear the end then, before what other nodes have written about it.
   */
  end(node: string): void {
    const keys = [...(this.#nodes.get(node)?.keys() ?? [])];
    if (node !== this.self) for (const key of keys) this.#change(node, key, undefined);
    else if (!this.#isEnded) {
      this.#isEnded = true;
      for (const key of keys) this.#call(node, key, undefined);
    }
  }

  /**
   * Takes over the log's table of entries, after a join. If the log has ended this node, its listeners hear the end of
   * its entries, as the other nodes have, and then the entries again.
   *
   * @param isFirst - Whether the node joins for the first time.
   * @returns the changes that bring the table's entries of this node up to date.
   */
  join(table: readonly NodeEntry[], isFirst: boolean): EntryChange[] {
    const told = new Map<string, Map<string, string>>();
    for (const [node, key, value] of table) {
      const entries = told.get(node) ?? new Map<string, string>();
      told.set(node, entries.set(key, value));
    }
    const atLog = told.get(this.self) ?? new Map<string, string>();
    told.delete(this.self);
    for (const [node, entries] of this.#nodes) {
      if (node === this.self) continue;
      const now = told.get(node);
      for (const key of [...entries.keys()]) if (!now?.has(key)) this.#change(node, key, undefined);
    }
    for (const [node, entries] of told) for (const [key, value] of entries) this.#change(node, key, value);
    const own = this.#nodes.get(this.self) ?? new Map<string, string>();
    const changes: EntryChange[] = [...own].filter(([key, value]) => atLog.get(key) !== value);
    for (const key of atLog.keys()) if (!own.has(key)) changes.push([key, null]);
    if (!isFirst && atLog.size === 0) {
      this.end(this.self);
      this.#isEnded = false;
      for (const [key, value] of own) this.#call(this.self, key, value);
    }
    return changes;
  }

  /** Removes the listeners. */
  close(): void {
    this.#listeners.clear();
  }

  #flush(): void {
    const changes = [...this.#unsent];
    this.#unsent = new Map();
    this.#send(changes);
  }

  #change(node: string, key: string, value: string | undefined): void {
    const entries = this.#nodes.get(node);
    if (entries?.get(key) === value) return;
    if (value !== undefined) {
      if (entries === undefined) this.#nodes.set(node, new Map([[key, value]]));
      else entries.set(key, value);
    } else if (entries?.delete(key) && entries.size === 0) this.#nodes.delete(node);
    this.#call(node, key, value);
  }

  #call(node: string, key: string, value: string | undefined): void {
    for (const listener of this.#listeners) listener(node, key, value);
  }
}
