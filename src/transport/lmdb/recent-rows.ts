import type { Update } from "../../protocol/update.js";
import { sizeOf } from "../history/size-of.js";
import type { Row } from "./row.js";

/** A row at a position. It has no update if it is damaged or unknown, or if history does not hold it. */
export interface Found {
  readonly position: number;
  readonly row?: Row;
  readonly update?: Update;
}

/** The max memory of each half of the rows, in bytes, by the estimate of `sizeOf`. */
const maxBytes = 8 * 1024 * 1024;

/**
 * The most recently read rows, in memory. Clients that reconnect at the same time read the same rows, and these are
 * parsed once. A row never changes. The reader checks each time whether history still holds it.
 *
 * A full half replaces the older one. A map that lost its oldest row with each new one would have to search for it.
 */
export class RecentRows {
  #rows = new Map<number, Found>();
  #older = new Map<number, Found>();
  #bytes = 0;

  get(position: number): Found | undefined {
    return this.#rows.get(position) ?? this.#older.get(position);
  }

  add(found: Found): void {
    if (found.update === undefined) return;
    if (this.#bytes > maxBytes) {
      this.#older = this.#rows;
      this.#rows = new Map();
      this.#bytes = 0;
    }
    this.#rows.set(found.position, found);
    this.#bytes += sizeOf(found.update);
  }
}
