import { NodeEntries } from "../node-entries.js";
import type { Nodes } from "../nodes.js";
import { nextPosition } from "../positions.js";
import type { Commit } from "./commit.js";
import type { CommitQueue } from "./commit-queue.js";
import { hashOf } from "./keys.js";
import { isAlive, type ProcessMark, thisProcess } from "./living.js";
import type { Store } from "./store.js";

/** The max number of changes that are kept for slower nodes. A node that is further behind reads all entries. */
const maxChanges = 5000;
/** The max number of entries that one commit changes. */
const maxBatch = 500;
/** The time between two searches for processes that have ended, in milliseconds. */
const searchInterval = 5000;
/** The time until entries are written again after a failure, in milliseconds. */
const retryInterval = 1000;

/** A change of an entry. Without a key, all entries of the node have ended. */
type Change = readonly [node: string, key: string | null, value: string | null];

/** The nodes that share the folder. Each entry names its process, so that the others notice the end of the process. */
export class LmdbNodes implements Nodes {
  readonly areShared = true;
  readonly #store: Store;
  readonly #commits: CommitQueue;
  readonly #copy = new NodeEntries();
  /** The entries of this node that are not written yet. */
  readonly #pending = new Map<string, string | undefined>();
  /** Whether a commit that has not begun will write the pending entries. */
  #isQueued = false;
  /** The number of the last change in the local copy. */
  #seen = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasJoined = false;
  #closed = false;

  constructor(store: Store, commits: CommitQueue) {
    this.#store = store;
    this.#commits = commits;
  }

  get self(): string {
    return this.#copy.self;
  }

  /** Enters this node in the store, and removes nodes whose process has ended. Resolves even if the disk is full. */
  async join(): Promise<void> {
    let before = this.#store.state().changes;
    let entries = [...this.#stored()];
    await this.#commit((commit) => {
      before = commit.state.changes;
      // A node that starts when no other runs must learn the entries of dead processes, so it removes them after its
      // copy.
      entries = [...this.#stored()];
      this.#store.nodes.putSync(this.self, thisProcess());
      this.#removeDead(commit);
      const { head, nodes } = commit.state;
      if (nodes === 1 && head > 0) this.#store.endPause(head, nextPosition(head, Date.now()) - 1);
    });
    this.#seen = before;
    this.#hasJoined = true;
    this.#copy.replaceOthers(entries);
    this.#timer = setInterval(() => this.#search(), searchInterval).unref();
  }

  /** Removes this node and its entries from the store. */
  async leave(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#pending.clear();
    await this.#commit((commit) => this.#remove(commit, this.self));
  }

  tell(key: string, value: string | undefined): void {
    if (this.#closed || !this.#copy.set(this.self, key, value)) return;
    this.#pending.set(key, value);
    void this.#write();
  }

  entries(prefix: string): Iterable<readonly [node: string, key: string, value: string]> {
    return this.#copy.all(prefix);
  }

  listen(listener: Parameters<Nodes["listen"]>[0]): () => void {
    return this.#copy.listen(listener);
  }

  /**
   * Brings the changes of other nodes to the local copy.
   *
   * @param changes - The number of the last change.
   */
  catchUp(changes: number): void {
    if (this.#closed || !this.#hasJoined || changes === this.#seen) return;
    const found = [...this.#store.changes.getRange({ start: this.#seen + 1 })];
    if (found[0]?.key !== this.#seen + 1) this.#copy.replaceOthers(this.#stored());
    for (const { value } of found) {
      const [node, key, text] = value as Change;
      if (node === this.self) continue;
      if (key === null) this.#copy.remove(node);
      else this.#copy.set(node, key, text ?? undefined);
    }
    this.#seen = changes;
  }

  *#stored(): Generator<readonly [node: string, key: string, value: string], void> {
    for (const { value } of this.#store.entries.getRange()) yield value as [string, string, string];
  }

  /**
   * Adds a commit that writes the pending entries. The store thus never has an update before the changes that precede
   * it.
   */
  async #write(): Promise<void> {
    if (this.#isQueued || this.#pending.size === 0) return;
    this.#isQueued = true;
    let batch: [key: string, value: string | undefined][] | undefined;
    const take = () => {
      this.#isQueued = false;
      const taken = [...this.#pending].slice(0, maxBatch);
      for (const [key] of taken) this.#pending.delete(key);
      void this.#write();
      return taken;
    };
    const isWritten = await this.#commit((commit) => {
      batch ??= take();
      for (const [key, value] of batch) this.#set(commit, key, value);
    });
    if (isWritten || this.#closed) return;
    this.#isQueued = true;
    for (const [key, value] of batch ?? []) if (!this.#pending.has(key)) this.#pending.set(key, value);
    await new Promise((resolve) => setTimeout(resolve, retryInterval).unref());
    this.#isQueued = false;
    void this.#write();
  }

  #set(commit: Commit, key: string, value: string | undefined): void {
    const place = entryPlace(this.self, key);
    if (value === undefined) this.#store.entries.removeSync(place);
    else this.#store.entries.putSync(place, [this.self, key, value]);
    this.#append(commit, [this.self, key, value ?? null]);
  }

  #search(): void {
    const nodes = [...this.#store.nodes.getRange()];
    if (nodes.every(({ value }) => isAlive(value as ProcessMark))) return;
    void this.#commit((commit) => this.#removeDead(commit));
  }

  #removeDead(commit: Commit): void {
    for (const { key, value } of [...this.#store.nodes.getRange()]) {
      if (!isAlive(value as ProcessMark)) this.#remove(commit, key);
    }
    commit.state.nodes = this.#store.nodes.getCount();
  }

  #remove(commit: Commit, node: string): void {
    const range = { start: `${node}/`, end: `${node}0` };
    for (const key of [...this.#store.entries.getKeys(range)]) this.#store.entries.removeSync(key);
    this.#store.nodes.removeSync(node);
    commit.state.nodes = this.#store.nodes.getCount();
    this.#append(commit, [node, null, null]);
  }

  #append({ state }: Commit, change: Change): void {
    this.#store.changes.putSync(++state.changes, change);
    this.#store.changes.removeSync(state.changes - maxChanges);
  }

  /** Resolves to whether the change was kept. */
  #commit(write: (commit: Commit) => void): Promise<boolean> {
    return new Promise((resolve) =>
      this.#commits.add({ write, done: () => resolve(true), fail: () => resolve(false), units: 0 }),
    );
  }
}

/**
 * Returns the place of an entry. The entries of a node follow each other. The key is hashed, because it can exceed
 * LMDB's bound.
 */
function entryPlace(node: string, key: string): string {
  return `${node}/${hashOf(key).toString("hex")}`;
}
