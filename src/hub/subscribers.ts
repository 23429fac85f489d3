import { encodeComment, encodeRetry } from "../protocol/sse.js";
import type { HubObserver } from "./observer.js";
import type { Subscriber } from "./subscriber.js";

/** All who are connected, with the one timer that keeps their connections alive while there are any. */
export class Subscribers {
  readonly #interval: number;
  readonly #observer: HubObserver | undefined;
  readonly #connected = new Set<Subscriber>();
  #timer: NodeJS.Timeout | undefined;

  /** @param keepaliveInterval - In seconds; 0 sends no comments. */
  constructor(keepaliveInterval: number, observer: HubObserver | undefined) {
    this.#interval = keepaliveInterval * 1000;
    this.#observer = observer;
  }

  get size(): number {
    return this.#connected.size;
  }

  [Symbol.iterator](): Iterator<Subscriber> {
    return this.#connected.values();
  }

  add(subscriber: Subscriber): void {
    this.#connected.add(subscriber);
    this.#observer?.subscribed();
    if (this.#interval === 0) return;
    this.#timer ??= setInterval(() => this.#keepAlive(), this.#interval).unref();
  }

  remove(subscriber: Subscriber): void {
    if (this.#connected.delete(subscriber)) this.#observer?.unsubscribed();
    if (this.#connected.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Tells each to come back at another time within so many seconds, so that they do not come all at once. None before a
   * second has passed: they keep that time, and with a short one would hammer at a hub that is not back yet.
   */
  spreadRetries(seconds: number): void {
    for (const subscriber of this.#connected) {
      subscriber.keepAlive(Buffer.from(encodeRetry(1000 + Math.ceil(Math.random() * seconds * 1000))));
    }
  }

  #keepAlive(): void {
    const comment = Buffer.from(encodeComment());
    for (const subscriber of this.#connected) subscriber.keepAlive(comment);
  }
}
