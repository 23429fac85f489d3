import type { Selector } from "../../protocol/active-subscription.js";
import type { Matcher, MatcherList } from "../../protocol/matching/matcher.js";
import { excessOfMatchers } from "../../protocol/matching/subscription-memory.js";
import { type Pace, stepsToCompile } from "../../protocol/matching/work.js";
import type { Update } from "../../protocol/update.js";

/** The cost of looking up a selector, in steps. */
const stepsPerSelector = 20;

/** What some subscribers receive: all who ask for the same and may read the same. */
export class Audience {
  readonly matchers: MatcherList;
  /** Private updates come through when one of their topics is among these. */
  readonly privateTopics: MatcherList;
  /** The same for all who are one audience, and for no others. */
  readonly key: string;
  /** All that has to look at topics. */
  readonly patterns: readonly Matcher[];
  #selectors: readonly Selector[] | undefined;
  #privateSelectors: ReadonlySet<string> | undefined;
  #bytes: number | undefined;

  constructor(matchers: MatcherList, privateTopics: MatcherList) {
    this.matchers = matchers;
    this.privateTopics = privateTopics;
    this.patterns = [...matchers.patterns, ...privateTopics.patterns];
    this.key = privateTopics.all.length === 0 ? matchers.key : `${matchers.key}\n${privateTopics.key}`;
  }

  /** How subscription events call what these subscribers asked for. */
  get selectors(): readonly Selector[] {
    this.#selectors ??= this.matchers.all.map(({ type, pattern }) =>
      type === "selector" ? { text: pattern } : { text: pattern, matchType: type },
    );
    return this.#selectors;
  }

  /**
   * Does what later would have to be done at once: compiles the patterns, and finds out which of the selectors bring
   * private updates.
   */
  async prepare(pace: Pace): Promise<void> {
    for (const pattern of this.patterns) {
      pattern.prepare?.();
      const pause = pace(stepsToCompile(pattern));
      if (pause !== undefined) await pause;
    }
    if (this.#privateSelectors !== undefined || !this.readsPrivate) return;
    const found = new Set<string>();
    for (const { text } of this.selectors) {
      const pause = pace(stepsPerSelector);
      if (pause !== undefined) await pause;
      if (await this.privateTopics.matchesPaced(text, pace)) found.add(text);
    }
    this.#privateSelectors = found;
  }

  /** Whether private updates come by a selector, by its text as if that were a topic. */
  isPrivate(selector: string): boolean {
    return this.#privateSelectors?.has(selector) ?? this.privateTopics.matches(selector);
  }

  /** Whether there is anything private that may be read. */
  get readsPrivate(): boolean {
    return this.privateTopics.all.length > 0;
  }

  /**
   * What all of its streams take together for their topics, beyond what is usual, in bytes; an estimate. Compiled
   * patterns are not included.
   */
  get bytes(): number {
    this.#bytes ??= excessOfMatchers(this.matchers, this.privateTopics);
    return this.#bytes;
  }

  /** The most steps that it takes to find out whether one of several updates is received. */
  costOf(updates: readonly { readonly update: Update }[]): number {
    const cost = this.matchers.cost + this.privateTopics.cost;
    if (cost === 0) return 0;
    let longest = 0;
    for (const { update } of updates) {
      longest = Math.max(
        longest,
        update.topics.reduce((sum, { length }) => sum + length, 0),
      );
    }
    return cost * longest;
  }

  /** Whether an update that matches may be read. */
  mayRead(update: Update): boolean {
    return !update.private || this.privateTopics.matchesAny(update.topics);
  }

  receives(update: Update): boolean {
    // Most updates that may not be read are told at once, and patterns are spared.
    return this.mayRead(update) && this.matchers.matchesAny(update.topics);
  }

  /** The same as {@link Audience.receives}, for much work: gives the event loop to others between patterns. */
  async receivesPaced(update: Update, pace: Pace): Promise<boolean> {
    if (update.private && !(await matchesAnyPaced(this.privateTopics, update.topics, pace))) return false;
    return matchesAnyPaced(this.matchers, update.topics, pace);
  }
}

async function matchesAnyPaced(list: MatcherList, topics: readonly string[], pace: Pace): Promise<boolean> {
  for (const topic of topics) if (await list.matchesPaced(topic, pace)) return true;
  return false;
}
