import { encodeEvent } from "../../protocol/sse/event-encoder.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { StoredUpdate } from "../../transport/transport.js";

/** The max size of the cache of encoded events, in bytes. */
const capacity = 4 * 1024 * 1024;

/** Encodes each update once for all readers. It caches the latest events, at least one, in bounded memory. */
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
