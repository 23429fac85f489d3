import { isDeepStrictEqual } from "node:util";
import type { Clock } from "../../shared/clock.js";

/** A person who has streams of a topic open. */
export interface Person {
  /**
   * The person's identifier, by the option `presenceKey`. Each stream without an identifier counts as a separate
   * person, with the subscriber's id as the key.
   */
  readonly key: string;
  /** The payload of the newest stream's token, from the option `payloadGetter`. */
  readonly payload: unknown;
  /** The number of open streams. 0 during the grace period after the last stream has closed. */
  readonly connections: number;
}

/** A stream of a person. */
export interface Visit {
  /** The person's identifier. Undefined for an anonymous person. */
  readonly name: string | undefined;
  readonly subscriber: string;
  readonly payload: unknown;
}

interface Visitor {
  payload: unknown;
  readonly subscribers: Set<string>;
  cancelLeave: (() => void) | undefined;
}

/** The people of one topic. A person who leaves stays listed until the grace period has passed. */
export class Room {
  readonly #clock: Clock;
  readonly #changed: (isLocal: boolean) => void;
  readonly #visitors = new Map<string, Visitor>();
  /** The keys of anonymous visitors in their grace period, by their payload as JSON. */
  readonly #namelessLeavers = new Map<string, Set<string>>();

  /**
   * @param changed - Called when a person arrives, leaves, or changes payload, with whether a stream of this process has
   * caused it.
   */
  constructor(clock: Clock, changed: (isLocal: boolean) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** The people, in the order of their arrival. */
  get people(): Person[] {
    return [...this.#visitors].map(([key, { payload, subscribers }]) => ({
      key,
      payload,
      connections: subscribers.size,
    }));
  }

  enter({ name, subscriber, payload }: Visit, isLocal: boolean): void {
    const key = name ?? subscriber;
    const known = this.#visitors.get(key);
    if (known === undefined) {
      const takesOver = name === undefined && this.#replaceLeaver(payload);
      this.#visitors.set(key, { payload, subscribers: new Set([subscriber]), cancelLeave: undefined });
      if (!takesOver) this.#changed(isLocal);
      return;
    }
    known.cancelLeave?.();
    known.cancelLeave = undefined;
    known.subscribers.add(subscriber);
    if (isDeepStrictEqual(known.payload, payload)) return;
    known.payload = payload;
    this.#changed(isLocal);
  }

  /**
   * Notes that a stream has closed.
   *
   * @param grace - The time until the person is removed, in milliseconds.
   */
  leave({ name, subscriber, payload }: Visit, grace: number, isLocal: boolean): void {
    const key = name ?? subscriber;
    const visitor = this.#visitors.get(key);
    // A stream reports its end once for each of its topics, and several of them can be this one.
    if (!visitor?.subscribers.delete(subscriber) || visitor.subscribers.size > 0) return;
    const go = () => {
      if (name === undefined) this.#removeLeaver(key, payload);
      this.#visitors.delete(key);
      this.#changed(isLocal);
    };
    if (grace === 0) {
      go();
      return;
    }
    visitor.cancelLeave = this.#clock.at(this.#clock.now() + grace, go);
    if (name === undefined) this.#addLeaver(key, payload);
  }

  /** Cancels all pending removals. */
  close(): void {
    for (const { cancelLeave } of this.#visitors.values()) cancelLeave?.();
  }

  /**
   * Removes an anonymous visitor in the grace period who has the same payload as a new one. The two look the same, and
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
