import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** The max number of topics. Others count as published at the time of the last one that is evicted. */
const maxTopics = 10_000;

/** The last publish to a topic. */
export interface Publication {
  /** All later updates have greater positions. Infinite while the publish is under way. */
  position: number;
}

/** Remembers the last publish to each topic, so that streams of a variant unknown at the time are found. */
export class LastPublications {
  readonly #last = new OldestFirstMap<string, Publication>();
  readonly #evicted: Publication = { position: 0 };

  /** Notes that a publish to topics begins. Returns the publication, whose position the caller sets at its end. */
  begin(topics: readonly string[]): Publication {
    const publication = { position: Number.POSITIVE_INFINITY };
    for (const topic of topics) {
      this.#last.delete(topic);
      this.#last.set(topic, publication);
      if (this.#last.size <= maxTopics) continue;
      const [, { position }] = this.#last.shift()!;
      if (Number.isFinite(position)) this.#evicted.position = Math.max(this.#evicted.position, position);
    }
    return publication;
  }

  /** Returns the last publication to a topic. A variant that becomes known now has missed it and all before. */
  last(topic: string): Publication {
    return this.#last.get(topic) ?? this.#evicted;
  }
}
