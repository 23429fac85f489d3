/** How many verdicts are kept, on all topics together. */
const capacity = 50_000;

/** Topics longer than this are not remembered: they would take memory that the count does not see. */
const longestTopic = 1_000;

/**
 * Remembers which patterns matched which topics, in bounded memory, so that a pattern is evaluated once for a topic,
 * however many subscribers and tokens have it. The topic that was new longest ago is forgotten first.
 */
export class Verdicts<Pattern extends object> {
  readonly #evaluate: (pattern: Pattern, topic: string) => boolean;
  readonly #capacity: number;
  readonly #byTopic = new Map<string, Map<Pattern, boolean>>();
  #count = 0;

  /** @param evaluate - Called for what is not remembered. */
  constructor(evaluate: (pattern: Pattern, topic: string) => boolean, limit: number = capacity) {
    this.#evaluate = evaluate;
    this.#capacity = limit;
  }

  /** How many verdicts are remembered. */
  get size(): number {
    return this.#count;
  }

  of(pattern: Pattern, topic: string): boolean {
    const known = this.#byTopic.get(topic)?.get(pattern);
    if (known !== undefined) return known;
    const verdict = this.#evaluate(pattern, topic);
    if (topic.length <= longestTopic) this.#remember(pattern, topic, verdict);
    return verdict;
  }

  #remember(pattern: Pattern, topic: string, verdict: boolean): void {
    for (const [oldest, verdicts] of this.#byTopic) {
      if (this.#count < this.#capacity) break;
      this.#byTopic.delete(oldest);
      this.#count -= verdicts.size;
    }
    const verdicts = this.#byTopic.get(topic);
    if (verdicts === undefined) this.#byTopic.set(topic, new Map([[pattern, verdict]]));
    else verdicts.set(pattern, verdict);
    this.#count++;
  }
}
