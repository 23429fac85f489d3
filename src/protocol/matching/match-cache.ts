import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** The max number of cached results, over all topics. */
const capacity = 50_000;

/** The max total length of the cached topics, in UTF-16 units: anonymous clients can send long topics. */
const maxCharacters = 8_000_000;

/** The max length of a cached topic. Longer topics would take memory that the count of results does not show. */
const maxTopicLength = 1_000;

/** A compiled pattern whose match results are cached. */
interface Pattern {
  /** The pattern's unique id. */
  readonly id: number;
  matches(topic: string): boolean;
}

/**
 * Caches which patterns matched which topics, in bounded memory. A pattern is thus evaluated once for a topic, however
 * many subscribers and tokens use it. The oldest topic is evicted first.
 *
 * The cache identifies patterns by number, so that it does not keep unused compiled patterns alive.
 */
export class MatchCache {
  readonly #capacity: number;
  readonly #byTopic = new OldestFirstMap<string, Map<number, boolean>>();
  #count = 0;
  #characters = 0;

  constructor(limit: number = capacity) {
    this.#capacity = limit;
  }

  of(pattern: Pattern, topic: string): boolean {
    const known = this.#byTopic.get(topic)?.get(pattern.id);
    if (known !== undefined) return known;
    const result = pattern.matches(topic);
    if (topic.length <= maxTopicLength) this.#remember(pattern.id, topic, result);
    return result;
  }

  #remember(pattern: number, topic: string, result: boolean): void {
    while (this.#byTopic.size > 0 && (this.#count >= this.#capacity || this.#characters > maxCharacters)) {
      const [oldest, known] = this.#byTopic.shift()!;
      this.#count -= known.size;
      this.#characters -= oldest.length;
    }
    const results = this.#byTopic.get(topic);
    if (results === undefined) {
      this.#byTopic.set(topic, new Map([[pattern, result]]));
      this.#characters += topic.length;
    } else {
      results.set(pattern, result);
    }
    this.#count++;
  }
}
