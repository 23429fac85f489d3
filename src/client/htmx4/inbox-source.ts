import { ElementSource, type SourceOwner } from "../core/element-source.js";
import type { StreamAddress } from "../core/stream-address.js";
import type { Arrival } from "./delivery.js";

/** Receives the messages of an inbox, in order. */
export interface Receiver {
  deliver(source: InboxSource, arrival: Arrival): Promise<void>;
  /** Reports an opened connection, or an error. */
  report(source: InboxSource, event: Event): void;
}

/**
 * A source that keeps its messages until they are delivered: the extension of htmx 4 uses no EventSource. A message
 * that takes time, such as one with a delayed swap, holds back the later ones, because their replacements in place
 * depend on its content.
 */
export class InboxSource extends ElementSource {
  readonly #receiver: Receiver;
  #waiting: Arrival[] = [];
  #isBusy = false;
  #delivered = this.lastEventId;

  constructor(address: StreamAddress, owner: SourceOwner & Receiver) {
    super(address, owner);
    this.#receiver = owner;
  }

  /** The id of the last message in the page. */
  get shownId(): string {
    return this.#isBusy ? this.#delivered : this.lastEventId;
  }

  /** Drops the waiting messages, because fresh content includes them. */
  discard(): void {
    this.#waiting = [];
  }

  override dispatchEvent(event: Event): boolean {
    if (event instanceof MessageEvent) {
      this.#waiting.push({ message: event, at: performance.now(), isRepeated: this.isRepeated });
      if (!this.#isBusy) void this.#work();
    } else this.#receiver.report(this, event);
    return true;
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      await this.#receiver.deliver(this, next);
      this.#delivered = next.message.lastEventId;
    }
    this.#isBusy = false;
  }
}
