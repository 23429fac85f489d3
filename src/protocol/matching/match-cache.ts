import { OldestFirstMap } from "../../shared/oldest-first-map.js";

/** How many verdicts are kept, on all topics together. */
const capacity = 50_000;

/** How many characters the topics may have together for which verdicts are kept: anonymous clients can name long ones. */
const maxCharacters = 8_000_000;

/** Topics longer than this are not remembered: they would take memory that the count does not see. */
const longestTopic = 1_000;

/** What is remembered of. */
interface Pattern {
  /** Its own, and never another's. */
  readonly id: number;
  matches(topic: string): boolean;
}

/**
 * Remembers which patterns matched which topics, in bounded memory, so that a pattern is evaluated once for a topic,
 * however many subscribers and tokens have it. The topic that was new longest ago is forgotten first.
 *
 * It knows patterns by number: what they were compiled to must not live on here when nobody has them any more.
 */
export class Verdicts {
  readonly #capacity: number;
  readonly #byTopic = new OldestFirstMap<string, Map<number, boolean>>();
  #count = 0;
  #characters = 0;

  constructor(limit: number = capacity) {
    this.#capacity = limit;
  }

  /** How many verdicts are remembered. */
  get size(): number {
    return this.#count;
  }

  of(pattern: Pattern, topic: string): boolean {
    const known = this.#byTopic.get(topic)?.get(pattern.id);
    if (known !== undefined) return known;
    const verdict = pattern.matches(topic);
    if (topic.length <= longestTopic) this.#remember(pattern.id, topic, verdict);
    return verdict;
  }

  #remember(pattern: number, topic: string, verdict: boolean): void {
    while (this.#byTopic.size > 0 && (this.#count >= this.#capacity || this.#characters > maxCharacters)) {
      const [oldest, known] = this.#byTopic.shift()!;
      this.#count -= known.size;
      this.#characters -= oldest.length;
    }
    const verdicts = this.#byTopic.get(topic);
    if (verdicts === undefined) {
      this.#byTopic.set(topic, new Map([[pattern, verdict]]));
      this.#characters += topic.length;
    } else {
      verdicts.set(pattern, verdict);
    }
    this.#count++;
  }
}
