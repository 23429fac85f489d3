import { compileSelector, MatcherList } from "../../src/protocol/matching/matcher.js";

/** Compiles a list of topic selectors. */
export function matchersOf(selectors: Iterable<string>): MatcherList {
  return new MatcherList(Array.from(selectors, compileSelector));
}
