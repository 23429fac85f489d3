import { sizeOf } from "../history/size-of.js";
import type { StoredUpdate } from "../transport.js";
import type { ReplicaSettings } from "./replica-options.js";
import type { Session } from "./session.js";
import type { SharedLog } from "./shared-log.js";
import { Trimmer } from "./trimmer.js";

/** The part of a replica that its releaser reads. */
export interface Releasing {
  /** The time by the store's clock. */
  now(): number;
  /** See `forgotten` in `LogMarks`. */
  readonly forgottenThrough: number;
}

/** Deletes records from the log once no history holds them. */
export class Releaser {
  readonly #log: SharedLog;
  readonly #replica: Releasing;
  readonly #updates: Trimmer;
  readonly #entries: Trimmer;
  #isBusy = false;

  constructor(log: SharedLog, { grace, lease, limits }: ReplicaSettings, replica: Releasing) {
    this.#log = log;
    this.#replica = replica;
    this.#updates = new Trimmer(grace, limits.bytes / 4);
    // A paused node that keeps its lease must receive all changes. The others check leases every tenth of a
    // lease.
    this.#entries = new Trimmer(grace + (lease * 4) / 3, limits.bytes / 4);
  }

  /** Adds an update that history has dropped. */
  addUpdate({ position, update }: StoredUpdate, isLoss: boolean): void {
    const id = update.id.startsWith("#") ? undefined : update.id;
    this.#updates.add({ position, id, isLoss }, sizeOf(update));
  }

  /** Adds a record that is not an update. */
  addEntry(position: number): void {
    this.#entries.add({ position, id: undefined, isLoss: false }, 0);
  }

  /** Deletes the due records. Does nothing while an earlier call is pending. */
  async release(session: Session): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (const trimmer of [this.#updates, this.#entries]) {
      for (let drops = trimmer.due(this.#replica.now()); drops.length > 0; drops = trimmer.due(this.#replica.now())) {
        try {
          await session.call(this.#log.release(drops, this.#replica.forgottenThrough));
        } catch (error) {
          trimmer.restore(drops);
          session.fail(error as Error);
          break;
        }
      }
    }
    this.#isBusy = false;
  }
}
