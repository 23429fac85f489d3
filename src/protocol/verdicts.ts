/** How many verdicts are kept, on all topics together. */
const capacity = 50_000;

/** Topics longer than this are not remembered: they would take memory that the count does not see. */
const longestTopic = 1_000;

/** What is remembered of a topic. */
interface Remembered<Pattern extends object> {
  /** Keeps no pattern in memory that nobody has any more: what is compiled is large, and strangers choose how many. */
  readonly verdicts: WeakMap<Pattern, boolean>;
  count: number;
}

/**
 * Remembers which patterns matched which topics, in bounded memory, so that a pattern is evaluated once for a topic,
 * however many subscribers and tokens have it. The topic that was new longest ago is forgotten first.
 */
export class Verdicts<Pattern extends object> {
  readonly #evaluate: (pattern: Pattern, topic: string) => boolean;
  readonly #capacity: number;
  readonly #byTopic = new Map<string, Remembered<Pattern>>();
  #count = 0;

  /** @param evaluate - Called for what is not remembered. */
  constructor(evaluate: (pattern: Pattern, topic: string) => boolean, limit: number = capacity) {
    this.#evaluate = evaluate;
    this.#capacity = limit;
  }

  /** How many verdicts are remembered, those of patterns that are gone included. */
  get size(): number {
    return this.#count;
  }

  of(pattern: Pattern, topic: string): boolean {
    const known = this.#byTopic.get(topic)?.verdicts.get(pattern);
    if (known !== undefined) return known;
    const verdict = this.#evaluate(pattern, topic);
    if (topic.length <= longestTopic) this.#remember(pattern, topic, verdict);
    return verdict;
  }

  #remember(pattern: Pattern, topic: string, verdict: boolean): void {
    for (const [oldest, { count }] of this.#byTopic) {
      if (this.#count < this.#capacity) break;
      this.#byTopic.delete(oldest);
      this.#count -= count;
    }
    const remembered = this.#byTopic.get(topic) ?? { verdicts: new WeakMap(), count: 0 };
    this.#byTopic.set(topic, remembered);
    remembered.verdicts.set(pattern, verdict);
    remembered.count++;
    this.#count++;
  }
}
