import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../clock.js";

/** Somebody who has streams of a topic open. */
export interface Person {
  /** Who it is, by the option `presenceKey`; somebody who has no name there is as many people as streams. */
  readonly key: string;
  /** What the token of the newest stream says, by the option `payloadGetter`. */
  readonly payload: unknown;
  /** How many streams are open: 0 for somebody who has just left, and may be back in a moment. */
  readonly connections: number;
}

/** One stream, as far as presence is concerned. */
export interface Visit {
  readonly key: string;
  readonly subscriber: string;
  readonly payload: unknown;
}

interface Visitor {
  payload: unknown;
  readonly subscribers: Set<string>;
  cancelLeave: (() => void) | undefined;
}

/** The people of one topic. Who leaves is there until the grace period has passed. */
export class Room {
  readonly #clock: Clock;
  readonly #changed: () => void;
  readonly #visitors = new Map<string, Visitor>();

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

  enter({ key, subscriber, payload }: Visit): void {
    const known = this.#visitors.get(key);
    if (known === undefined) {
      this.#visitors.set(key, { payload, subscribers: new Set([subscriber]), cancelLeave: undefined });
      this.#changed();
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
  leave({ key, subscriber }: Visit, grace: number): void {
    const visitor = this.#visitors.get(key);
    // A stream tells of its end once for each of its topics, and several of them may be this one.
    if (!visitor?.subscribers.delete(subscriber) || visitor.subscribers.size > 0) return;
    const go = () => {
      this.#visitors.delete(key);
      this.#changed();
    };
    if (grace === 0) go();
    else visitor.cancelLeave = this.#clock.at(this.#clock.now() + grace, go);
  }

  /** Nothing happens any more. */
  close(): void {
    for (const { cancelLeave } of this.#visitors.values()) cancelLeave?.();
  }
}
