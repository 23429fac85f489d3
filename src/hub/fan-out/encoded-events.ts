import { encodeEvent } from "../../protocol/sse/event-encoder.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { StoredUpdate } from "../../transport/transport.js";

/** How many bytes of encoded events are kept for the next subscriber that catches up. */
const capacity = 4 * 1024 * 1024;

/** Turns each update into bytes once, whoever reads it, and keeps the latest, at least one, in bounded memory. */
export class EncodedEvents {
  readonly #byPosition = new OldestFirstMap<number, Buffer>();
  #bytes = 0;

  of({ position, update }: StoredUpdate): Buffer {
    const known = this.#byPosition.get(position);
    if (known !== undefined) return known;
    const event = Buffer.from(encodeEvent(update));
    this.#byPosition.set(position, event);
    this.#bytes += event.length;
    while (this.#bytes > capacity && this.#byPosition.size > 1) this.#bytes -= this.#byPosition.shift()![1].length;
    return event;
  }
}
