import type { MatcherList } from "../protocol/matcher.js";
import type { Update } from "../protocol/update.js";

/** What some subscribers receive: all who ask for the same and may read the same. */
export class Audience {
  readonly matchers: MatcherList;
  /** Private updates come through when one of their topics is among these. */
  readonly privateTopics: MatcherList;
  /** The same for all who are one audience, and for no others. */
  readonly key: string;

  constructor(matchers: MatcherList, privateTopics: MatcherList) {
    this.matchers = matchers;
    this.privateTopics = privateTopics;
    this.key = privateTopics.all.length === 0 ? matchers.key : `${matchers.key}\n\n${privateTopics.key}`;
  }

  /** Whether an update that matches may be read. */
  mayRead(update: Update): boolean {
    return !update.private || this.privateTopics.matchesAny(update.topics);
  }

  receives(update: Update): boolean {
    return this.matchers.matchesAny(update.topics) && this.mayRead(update);
  }
}
