/** Says which topics a subscriber wants, or a token grants. Mercure 0.x calls its source a topic selector. */
export interface Matcher {
  /** The one topic that it matches, so that a map can find it; undefined when every topic has to be looked at. */
  readonly exact: string | undefined;

  matches(topic: string): boolean;
}

const anyTopic: Matcher = { exact: undefined, matches: () => true };

/** Compiles a topic selector of Mercure 0.x: `*`, or a topic by its exact name. */
export function compileSelector(selector: string): Matcher {
  if (selector === "*") return anyTopic;
  return { exact: selector, matches: (topic) => topic === selector };
}

/** Several matchers as one, compiled once: a topic matches when it matches any of them. */
export class MatcherList {
  /** The topics that are matched by their exact names. */
  readonly exact: ReadonlySet<string>;
  /** The matchers that have to look at every topic. */
  readonly patterns: readonly Matcher[];

  constructor(matchers: Iterable<Matcher>) {
    const exact = new Set<string>();
    const patterns = new Set<Matcher>();
    for (const matcher of matchers) {
      if (matcher.exact === undefined) patterns.add(matcher);
      else exact.add(matcher.exact);
    }
    this.exact = exact;
    this.patterns = [...patterns];
  }

  static ofSelectors(selectors: Iterable<string>): MatcherList {
    return new MatcherList(Array.from(selectors, compileSelector));
  }

  matches(topic: string): boolean {
    return this.exact.has(topic) || this.patterns.some((pattern) => pattern.matches(topic));
  }

  matchesAny(topics: readonly string[]): boolean {
    return topics.some((topic) => this.matches(topic));
  }

  matchesEvery(topics: readonly string[]): boolean {
    return topics.every((topic) => this.matches(topic));
  }
}
