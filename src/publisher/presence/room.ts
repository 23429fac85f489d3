import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../shared/clock.js";

/** Somebody who has streams of a topic open. */
export interface Person {
  /** The name by the option `presenceKey`. A person without a name is as many people as streams. */
  readonly key: string;
  /** What the token of the newest stream says, by the option `payloadGetter`. */
  readonly payload: unknown;
  /** How many streams are open: 0 for somebody who has just left, and may be back in a moment. */
  readonly connections: number;
}

/** One stream, as far as presence is concerned. */
export interface Visit {
  /** Undefined for somebody who cannot be recognised. */
  readonly name: string | undefined;
  readonly subscriber: string;
  readonly payload: unknown;
}

interface Visitor {
  payload: unknown;
  readonly subscribers: Set<string>;
  cancelLeave: (() => void) | undefined;
}

/** The people of one topic. A person who leaves is there until the grace period has passed. */
export class Room {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #visitors = new Map<string, Visitor>();
  /** The keys of nameless visitors in their grace period, by their payload as JSON. */
  readonly #namelessLeavers = new Map<string, Set<string>>();

  /** @param changed - Called when somebody comes, goes, or says something else of themselves. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** In the order in which they came. */
  get people(): Person[] {
    return [...this.#visitors].map(([key, { payload, subscribers }]) => ({
      key,
      payload,
      connections: subscribers.size,
    }));
  }

  enter({ name, subscriber, payload }: Visit): void {
    const key = name ?? subscriber;
    const known = this.#visitors.get(key);
    if (known === undefined) {
      const takesOver = name === undefined && this.#replaceLeaver(payload);
      this.#visitors.set(key, { payload, subscribers: new Set([subscriber]), cancelLeave: undefined });
      if (!takesOver) this.#changed();
      return;
    }
    known.cancelLeave?.();
    known.cancelLeave = undefined;
    known.subscribers.add(subscriber);
    if (isDeepStrictEqual(known.payload, payload)) return;
    known.payload = payload;
    this.#changed();
  }

  /** @param grace - In milliseconds. */
  leave({ name, subscriber, payload }: Visit, grace: number): void {
    const key = name ?? subscriber;
    const visitor = this.#visitors.get(key);
    // A stream tells of its end once for each of its topics, and several of them may be this one.
    if (!visitor?.subscribers.delete(subscriber) || visitor.subscribers.size > 0) return;
    const go = () => {
      if (name === undefined) this.#removeLeaver(key, payload);
      this.#visitors.delete(key);
      this.#changed();
    };
    if (grace === 0) {
      go();
      return;
    }
    visitor.cancelLeave = this.#clock.at(this.#clock.now() + grace, go);
    if (name === undefined) this.#addLeaver(key, payload);
  }

  /** Nothing happens any more. */
  close(): void {
    for (const { cancelLeave } of this.#visitors.values()) cancelLeave?.();
  }

  /**
   * Removes a nameless visitor who has just left, for another who says the same: nobody can tell the two apart, and
   * a reload would otherwise count twice. Returns whether there was one.
   */
  #replaceLeaver(payload: unknown): boolean {
    const [key] = this.#namelessLeavers.get(textOf(payload)) ?? [];
    if (key === undefined) return false;
    this.#removeLeaver(key, payload);
    this.#visitors.get(key)?.cancelLeave?.();
    this.#visitors.delete(key);
    return true;
  }

  #addLeaver(key: string, payload: unknown): void {
    const text = textOf(payload);
    const leavers = this.#namelessLeavers.get(text);
    if (leavers === undefined) this.#namelessLeavers.set(text, new Set([key]));
    else leavers.add(key);
  }

  #removeLeaver(key: string, payload: unknown): void {
    const text = textOf(payload);
    const leavers = this.#namelessLeavers.get(text);
    if (leavers?.delete(key) && leavers.size === 0) this.#namelessLeavers.delete(text);
  }
}

function textOf(payload: unknown): string {
  return JSON.stringify(payload) ?? "";
}
