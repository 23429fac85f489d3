import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import { NodeEntries } from "../node-entries.js";
import type { Nodes, NodesListener } from "../nodes.js";
import type { EntryChange, NodeEntry } from "./shared-log.js";

/** The max number of changes in a record. A store writes a record in one step. */
const maxChanges = 500;

/** The max number of removed entries and ended nodes that are remembered. */
const maxRemoved = 10_000;

/** The entries of the nodes that share a log: this node's own, and a local copy of the others'. */
export class Roster implements Nodes {
  readonly self: string;
  readonly areShared = true;
  readonly #send: (changes: readonly EntryChange[]) => void;
  readonly #later: (callback: () => void) => void;
  readonly #copy: NodeEntries;
  #unsent = new Map<string, string | null>();
  /** Whether the log has ended this node, and the listeners know it. */
  #isEnded = false;
  /**
   * The entries that a log without its latest records lacks, or has in an older state than this node, with the log's
   * value. Their nodes can still come back to the log.
   */
  #unconfirmed = new Map<string, Map<string, string | undefined>>();
  /** The removed entries, by node and key, and the ended nodes. */
  readonly #removed = new OldestFirstMap<string, true>();
  #losses = 0;

  /**
   * @param send - Called with the changes of one turn of the event loop, to append them to the log. Many changes are
   * split into several calls.
   * @param later - Calls back after the time of a lease.
   */
  constructor(self: string, send: (changes: readonly EntryChange[]) => void, later: (callback: () => void) => void) {
    this.self = self;
    this.#copy = new NodeEntries(self);
    this.#send = send;
    this.#later = later;
  }

  tell(key: string, value: string | undefined): void {
    if (!this.#copy.set(this.self, key, value)) return;
    if (this.#unsent.size === 0) setImmediate(() => this.#flush());
    this.#unsent.set(key, value ?? null);
  }

  entries(prefix: string): Iterable<readonly [node: string, key: string, value: string]> {
    return this.#copy.all(prefix);
  }

  listen(listener: NodesListener): () => void {
    return this.#copy.listen(listener);
  }

  /** Applies a record of the log. This node's own entries stay, because it knows them best. */
  apply(node: string, changes: readonly EntryChange[]): void {
    if (node === this.self) return;
    this.#removed.delete(node);
    for (const [key, value] of changes) {
      this.#copy.set(node, key, value ?? undefined);
      if (value === null) this.#remember(`${node} ${key}`);
      else this.#removed.delete(`${node} ${key}`);
    }
    const known = new Set(changes.map(([key]) => key));
    this.confirm(node, known);
  }

  /**
   * Removes the entries that only this copy has, after a loss of the log. Their node has joined the log again since,
   * and has told the others which changes the log lacked.
   *
   * @param told - The keys of these changes.
   */
  confirm(node: string, told: ReadonlySet<string> = new Set()): void {
    const unconfirmed = this.#unconfirmed.get(node);
    if (unconfirmed === undefined) return;
    this.#unconfirmed.delete(node);
    for (const [key, value] of unconfirmed) if (!told.has(key)) this.#copy.set(node, key, value);
  }

  /**
   * Removes the entries of a node that has ended. This node can read its own end, if it joins the log again later. Its
   * listeners then receive the end before the records of other nodes about it.
   */
  end(node: string): void {
    const keys = [...(this.#copy.nodes.get(node)?.keys() ?? [])];
    this.#unconfirmed.delete(node);
    if (node !== this.self) {
      this.#remember(node);
      for (const key of keys) this.#copy.set(node, key, undefined);
    } else if (!this.#isEnded) {
      this.#isEnded = true;
      for (const key of keys) this.#copy.call(node, key, undefined);
    }
  }

  /**
   * Takes over the log's table of entries, after a join. If the log has ended this node, its listeners receive the end
   * of its entries, as the other nodes have, and then the entries again.
   *
   * A log that has lost records, such as an emptied one, has lost entries of living nodes too. These entries stay until
   * their node has joined again, at most for the time of a lease. A copy that was behind has entries whose end this
   * node knows. These wait as long.
   *
   * @param isFirst - Whether the node joins for the first time.
   * @param hasLost - Whether the log has lost records since the last join.
   * @returns the changes that bring the table's entries of this node up to date.
   */
  join(table: readonly NodeEntry[], isFirst: boolean, hasLost: boolean): EntryChange[] {
    const told = new Map<string, Map<string, string>>();
    for (const [node, key, value] of table) {
      const entries = told.get(node) ?? new Map<string, string>();
      told.set(node, entries.set(key, value));
    }
    const atLog = told.get(this.self) ?? new Map<string, string>();
    told.delete(this.self);
    const before = this.#unconfirmed;
    this.#unconfirmed = new Map();
    const update = (node: string, key: string, value?: string) => {
      const isDoubtful = hasLost ? this.#knowsBetter(node, key, value) : before.get(node)?.has(key);
      if (!isDoubtful) return void this.#copy.set(node, key, value);
      const entries = this.#unconfirmed.get(node) ?? new Map<string, string | undefined>();
      this.#unconfirmed.set(node, entries.set(key, value));
    };
    for (const [node, entries] of this.#copy.nodes) {
      if (node === this.self) continue;
      for (const key of entries.keys()) if (!told.get(node)?.has(key)) update(node, key);
    }
    for (const [node, entries] of told) for (const [key, value] of entries) update(node, key, value);
    if (hasLost) this.#awaitNodes();
    const hasReturned = !isFirst && (this.#isEnded || (atLog.size === 0 && !hasLost));
    // The listeners can change entries. The others learn these changes together with the return.
    if (hasReturned) this.end(this.self);
    const own = this.#copy.nodes.get(this.self) ?? new Map<string, string>();
    // After a loss the other nodes wait for a record of this node.
    const changes: EntryChange[] = [...own].filter(([key, value]) => hasLost || atLog.get(key) !== value);
    for (const key of atLog.keys()) if (!own.has(key)) changes.push([key, null]);
    if (hasReturned) {
      this.#isEnded = false;
      for (const [key, value] of own) this.#copy.call(this.self, key, value);
    }
    return changes;
  }

  #awaitNodes(): void {
    const loss = ++this.#losses;
    this.#later(() => {
      if (this.#losses !== loss) return;
      for (const node of [...this.#unconfirmed.keys()]) this.confirm(node);
    });
  }

  /** Whether this node knows a later state of an entry. */
  #knowsBetter(node: string, key: string, value?: string): boolean {
    const known = this.#copy.nodes.get(node)?.get(key);
    return known === undefined ? this.#removed.has(node) || this.#removed.has(`${node} ${key}`) : known !== value;
  }

  #remember(removed: string): void {
    this.#removed.set(removed, true);
    if (this.#removed.size > maxRemoved) this.#removed.shift();
  }

  /** Removes the listeners. */
  close(): void {
    this.#copy.close();
  }

  #flush(): void {
    const changes = [...this.#unsent];
    this.#unsent = new Map();
    for (let i = 0; i < changes.length; i += maxChanges) this.#send(changes.slice(i, i + maxChanges));
  }
}
