import type { Selector } from "../../protocol/active-subscription.js";
import type { Matcher, MatcherList } from "../../protocol/matching/matcher.js";
import { excessOfMatchers } from "../../protocol/matching/subscription-memory.js";
import { type Pace, stepsToCompile } from "../../protocol/matching/work.js";
import type { Update } from "../../protocol/update.js";

/** The cost of looking up a selector, in steps. */
const stepsPerSelector = 20;

/**
 * The topics and read rights that a set of subscribers shares. All of them ask for the same topics and can read the
 * same.
 */
export class SubscriptionScope {
  readonly matchers: MatcherList;
  /** The readable private topics. A private update passes if one of its topics is among these. */
  readonly privateTopics: MatcherList;
  /** A key that is unique to the scope. */
  readonly key: string;
  /** All patterns, of matchers and of private topics. */
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

  /** The selectors that name these matchers in subscription events. */
  get selectors(): readonly Selector[] {
    this.#selectors ??= this.matchers.all.map(({ type, pattern }) =>
      type === "selector" ? { text: pattern } : { text: pattern, matchType: type },
    );
    return this.#selectors;
  }

  /** Does expensive work in advance: compiles the patterns, and finds the selectors that carry private updates. */
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

  /** Returns whether a selector carries private updates. Its text is matched as a topic. */
  isPrivate(selector: string): boolean {
    return this.#privateSelectors?.has(selector) ?? this.privateTopics.matches(selector);
  }

  /** Whether the scope can read any private topic. */
  get readsPrivate(): boolean {
    return this.privateTopics.all.length > 0;
  }

  /**
   * The estimated memory of all the scope's streams for their topics beyond the usual, in bytes. Compiled patterns
   * are not included.
   */
  get bytes(): number {
    this.#bytes ??= excessOfMatchers(this.matchers, this.privateTopics);
    return this.#bytes;
  }

  /** Returns the max number of steps for checking whether one of several updates is received. */
  costOf(updates: readonly { readonly update: Update }[]): number {
    const cost = this.matchers.cost + this.privateTopics.cost;
    if (cost === 0) return 0;
    let maxLength = 0;
    for (const { update } of updates) {
      maxLength = Math.max(
        maxLength,
        update.topics.reduce((sum, { length }) => sum + length, 0),
      );
    }
    return cost * maxLength;
  }

  /** Returns whether the scope can read a matching update. */
  mayRead(update: Update): boolean {
    return !update.private || this.privateTopics.matchesAny(update.topics);
  }

  /** Does the same as {@link SubscriptionScope.mayRead}, but yields to the event loop between patterns. */
  async mayReadPaced(update: Update, pace: Pace): Promise<boolean> {
    return !update.private || matchesAnyPaced(this.privateTopics, update.topics, pace);
  }

  receives(update: Update): boolean {
    // The read check is cheap for most unreadable updates, and saves matching the patterns.
    return this.mayRead(update) && this.matchers.matchesAny(update.topics);
  }

  /** Does the same as {@link SubscriptionScope.receives} for much work: it yields to the event loop between patterns. */
  async receivesPaced(update: Update, pace: Pace): Promise<boolean> {
    if (!(await this.mayReadPaced(update, pace))) return false;
    return matchesAnyPaced(this.matchers, update.topics, pace);
  }
}

async function matchesAnyPaced(list: MatcherList, topics: readonly string[], pace: Pace): Promise<boolean> {
  for (const topic of topics) if (await list.matchesPaced(topic, pace)) return true;
  return false;
}
