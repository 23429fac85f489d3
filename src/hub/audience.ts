import type { Selector } from "../protocol/active-subscription.js";
import type { Matcher, MatcherList } from "../protocol/matcher.js";
import { bytesOfMatchers } from "../protocol/subscription-memory.js";
import type { Update } from "../protocol/update.js";

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

  /** Whether there is anything private that may be read. */
  get readsPrivate(): boolean {
    return this.privateTopics.all.length > 0;
  }

  /** What all of its streams take together for their topics, in bytes, compiled patterns not included; an estimate. */
  get bytes(): number {
    this.#bytes ??= bytesOfMatchers(this.matchers) + bytesOfMatchers(this.privateTopics);
    return this.#bytes;
  }

  /** Whether an update that matches may be read. */
  mayRead(update: Update): boolean {
    return !update.private || this.privateTopics.matchesAny(update.topics);
  }

  receives(update: Update): boolean {
    // Most updates that may not be read are told at once, and patterns are spared.
    return this.mayRead(update) && this.matchers.matchesAny(update.topics);
  }
}
