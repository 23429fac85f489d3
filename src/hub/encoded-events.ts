import { encodeEvent } from "../protocol/sse.js";
import type { StoredUpdate } from "../transport/transport.js";

/** How many bytes of encoded events are kept for the next subscriber that catches up. */
const capacity = 4 * 1024 * 1024;

/** Turns each update into bytes once, whoever reads it, and keeps the latest, at least one, in bounded memory. */
export class EncodedEvents {
  readonly #byPosition = new Map<number, Buffer>();
  #bytes = 0;

  of({ position, update }: StoredUpdate): Buffer {
    const known = this.#byPosition.get(position);
    if (known !== undefined) return known;
    const event = Buffer.from(encodeEvent(update));
    this.#byPosition.set(position, event);
    this.#bytes += event.length;
    for (const [oldest, { length }] of this.#byPosition) {
      if (this.#bytes <= capacity || oldest === position) break;
      this.#byPosition.delete(oldest);
      this.#bytes -= length;
    }
    return event;
  }
}
