import { closeSync, constants, type FSWatcher, openSync, watch, write } from "node:fs";
import { join } from "node:path";

/**
 * The interval between two checks of the store, in milliseconds. The watch is faster, but systems can lose its events.
 */
const pollInterval = 1000;
/** The interval if the system provides no watch. */
const pollIntervalAlone = 50;

const mark = Buffer.from([0]);

/**
 * Tells the other processes of a folder about a commit. LMDB's own file would tell them too early, because readers see
 * a commit only after the last write to it.
 */
export class Watch {
  readonly #file: number;
  readonly #timer: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  #isWriting = false;
  #isAsked = false;
  #closed = false;

  /** @param onChange - Called when any process, this one included, may have made a commit. */
  constructor(folder: string, onChange: () => void) {
    const path = join(folder, "commits");
    this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      this.#watcher = watch(path, { persistent: false }, onChange).on("error", () => this.#watcher?.close());
    } catch {
      // The system has a max number of watches.
    }
    this.#timer = setInterval(onChange, this.#watcher === undefined ? pollIntervalAlone : pollInterval).unref();
  }

  /** Notifies the other processes. */
  notify(): void {
    if (this.#closed) return;
    if (this.#isWriting) {
      this.#isAsked = true;
      return;
    }
    this.#isWriting = true;
    // Each call writes the same byte again, so the file does not grow. After a failure the others see the commit by the
    // next check.
    write(this.#file, mark, 0, 1, 0, () => {
      this.#isWriting = false;
      if (this.#closed) closeSync(this.#file);
      else if (this.#isAsked) {
        this.#isAsked = false;
        this.notify();
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#watcher?.close();
    if (!this.#isWriting) closeSync(this.#file);
  }
}
