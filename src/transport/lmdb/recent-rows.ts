import type { Update } from "../../protocol/update.js";
import { sizeOf } from "../history/size-of.js";
import type { Row } from "./row.js";

/** A row at a position. It has no update if it is damaged, or if history does not hold it. */
export interface Found {
  readonly position: number;
  readonly row?: Row;
  readonly update?: Update;
}

/** The max memory of the rows, in bytes, by the estimate of `sizeOf`. */
const maxBytes = 16 * 1024 * 1024;

/**
 * The rows that were read last, in memory. Clients that reconnect at the same time read the same rows, and so they cost
 * no further parsing. A row never changes; whether history still holds it is looked up each time.
 */
export class RecentRows {
  readonly #rows = new Map<number, Found>();
  #bytes = 0;

  get(position: number): Found | undefined {
    return this.#rows.get(position);
  }

  add(found: Found): void {
    if (found.update === undefined || this.#rows.has(found.position)) return;
    this.#rows.set(found.position, found);
    this.#bytes += sizeOf(found.update);
    for (const [position, { update }] of this.#rows) {
      if (this.#bytes <= maxBytes) return;
      this.#rows.delete(position);
      this.#bytes -= sizeOf(update!);
    }
  }
}
