import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** The max number of topics. All other topics count as published at the time of the last evicted publication. */
const maxTopics = 10_000;

/** The last publish to a topic. */
export interface Publication {
  /**
   * The position of the hub when the publish ended. It is infinite while the publish is pending. Later updates have
   * greater positions.
   */
  position: number;
}

/** Remembers the last publish to each topic. A stream whose variant was unknown then has missed it. */
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

  /** Returns the last publication to a topic. A variant that becomes known now has missed it and all earlier ones. */
  last(topic: string): Publication {
    return this.#last.get(topic) ?? this.#evicted;
  }
}
