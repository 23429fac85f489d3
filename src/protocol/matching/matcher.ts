import { MercureError } from "../../shared/errors.js";
import { beginsWith, endsWith, type Literal } from "./literal-index.js";
import { MatchCache } from "./match-cache.js";
import { PatternPool } from "./pattern-pool.js";
import { compileUriTemplate, endOf } from "./uri-template.js";
import { SafeUrlPattern } from "./url-pattern.js";
import { type Pace, work } from "./work.js";

/** The syntax of a matcher: a topic selector of Mercure 0.x, or one of the matcher types of Mercure 1.0. */
export type MatcherSyntax = "selector" | "exact" | "urlpattern";

/** Decides which topics a subscriber requests, or a token grants. */
export interface Matcher {
  readonly type: MatcherSyntax;
  /** The source text of the matcher. */
  readonly pattern: string;
  /** The only topic that matches, for lookup in a map. Undefined when every topic must be evaluated. */
  readonly exact: string | undefined;
  /** The max cost of evaluating a topic, in steps for each of its characters; 0 for a matcher without a pattern. */
  readonly cost: number;
  /** A literal that quickly excludes most topics. Undefined when any topic can match. */
  readonly literal?: Literal | undefined;

  matches(topic: string): boolean;
  /** Compiles the pattern before its first use. Undefined for matchers that need no compilation. */
  prepare?(): void;
}

/** Evaluates a pattern in time linear in the topic's length. */
interface Evaluator {
  readonly size: number;
  matches(topic: string): boolean;
  prepare?(): void;
}

const patterns = new PatternPool<Matcher>();
const matchCache = new MatchCache();
let evaluators = 0;

/**
 * Compiles a topic selector: `*`, a URI template, or the exact name of a topic. A template also matches its own text,
 * because tokens grant templates. Mercure 0.x "Topic Selectors".
 *
 * @throws MercureError `ERR_TOPIC` for a template that cannot be evaluated in bounded time.
 */
export function compileSelector(selector: string): Matcher {
  // A template without an expression expands to itself.
  if (!selector.includes("{")) return simple("selector", selector);
  return patterns.get(`selector ${selector}`, () => {
    const template = attempt("topic selector", selector, () => compileUriTemplate(selector));
    if (template === undefined) return simple("selector", selector);
    return pattern("selector", selector, template, literalOf(template.beginning, endOf(selector)));
  });
}

/** Compiles an exact topic, or the reserved `*`. Mercure 1.0 "Exact Matching". */
export function compileExact(topic: string): Matcher {
  return simple("exact", topic);
}

/**
 * Compiles a URL pattern, or the reserved `*`. Mercure 1.0 "URL Pattern".
 *
 * @param hubUrl - The hub's absolute URL. Relative patterns and relative topics resolve against it.
 * @throws MercureError `ERR_TOPIC` for an invalid URL pattern, or one that cannot be evaluated in bounded time.
 */
export function compileUrlPattern(source: string, hubUrl: string): Matcher {
  if (source === "*") return simple("urlpattern", source);
  return patterns.get(`urlpattern ${hubUrl} ${source}`, () => {
    const compiled = attempt("URL pattern", source, () => new SafeUrlPattern(source, hubUrl));
    return pattern("urlpattern", source, compiled, compiled.literal);
  });
}

/**
 * Compiles a matcher of a type that Mercure 1.0 defines, by the type's name in requests and tokens. Returns undefined
 * for any other type.
 *
 * @throws MercureError `ERR_TOPIC`, as {@link compileUrlPattern} does.
 */
export function compileMatcher(match: string, type: string, hubUrl: string): Matcher | undefined {
  if (type === "exact") return compileExact(match);
  return type === "urlpattern" ? compileUrlPattern(match, hubUrl) : undefined;
}

function simple(type: MatcherSyntax, text: string): Matcher {
  if (text === "*") return { type, pattern: text, exact: undefined, cost: 0, matches: () => true };
  return { type, pattern: text, exact: text, cost: 0, matches: (topic) => topic === text };
}

function pattern(type: MatcherSyntax, text: string, evaluator: Evaluator, literal: Literal | undefined): Matcher {
  const evaluated = { id: evaluators++, matches: (topic: string) => evaluator.matches(topic) };
  const matches = (topic: string) => {
    if (type === "selector" && topic === text) return true;
    // A topic that the literal excludes needs no cached result.
    if (literal !== undefined && !literal.isIn(topic)) return false;
    return matchCache.of(evaluated, topic);
  };
  const prepare = () => evaluator.prepare?.();
  return { type, pattern: text, exact: undefined, cost: evaluator.size, literal, matches, prepare };
}

function literalOf(beginning: string, end: string): Literal | undefined {
  if (beginning !== "") return beginsWith(beginning);
  return end === "" ? undefined : endsWith(end);
}

function attempt<T>(kind: string, source: string, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    const shown = JSON.stringify(source.length > 100 ? `${source.slice(0, 100)}…` : source);
    const message = `The ${kind} ${shown} is malformed, too large, or needs backtracking.`;
    throw new MercureError("ERR_TOPIC", message, { cause: error });
  }
}

/**
 * Returns a key that is unique to a matcher. The key contains its own length, so that concatenated keys stay
 * unambiguous.
 */
function keyOf({ type, pattern }: Matcher): string {
  return `${type} ${pattern.length} ${pattern}`;
}

/** Combines several matchers into one. A topic matches when it matches any of them. */
export class MatcherList {
  /** All matchers, without duplicates. */
  readonly all: readonly Matcher[];
  /** The topics of the exact matchers. */
  readonly exact: ReadonlySet<string>;
  /** The matchers that must evaluate every topic. */
  readonly patterns: readonly Matcher[];
  /** The max cost of evaluating a topic, in steps for each of its characters. */
  readonly cost: number;
  #key: string | undefined;

  constructor(matchers: Iterable<Matcher>) {
    const all = [...matchers];
    this.all = all.length > 1 ? [...new Map(all.map((matcher) => [keyOf(matcher), matcher])).values()] : all;
    const exact = new Set<string>();
    for (const matcher of this.all) if (matcher.exact !== undefined) exact.add(matcher.exact);
    this.exact = exact;
    this.patterns = this.all.filter((matcher) => matcher.exact === undefined);
    this.cost = this.patterns.reduce((sum, { cost }) => sum + cost, 0);
  }

  /** A list that matches every topic. */
  static readonly all = new MatcherList([simple("selector", "*")]);

  /** A key of the list. Lists with the same matchers, in any order, share it; all other lists differ. */
  get key(): string {
    this.#key ??= this.all.map(keyOf).sort().join("");
    return this.#key;
  }

  matches(topic: string): boolean {
    return this.exact.has(topic) || this.matchesByPattern(topic);
  }

  /** Returns whether a topic matches a pattern, rather than an exact name. */
  matchesByPattern(topic: string): boolean {
    return this.patterns.some((pattern) => pattern.matches(topic));
  }

  /**
   * Returns the result of {@link MatcherList.matches}, but yields the event loop between patterns. Use it for topics
   * and patterns from untrusted clients.
   */
  async matchesPaced(topic: string, pace: Pace): Promise<boolean> {
    if (this.exact.has(topic)) return true;
    for (const pattern of this.patterns) {
      const before = work.steps;
      if (pattern.matches(topic)) return true;
      const pause = pace(work.steps - before + 1);
      if (pause !== undefined) await pause;
    }
    return false;
  }

  matchesAny(topics: readonly string[]): boolean {
    return topics.some((topic) => this.matches(topic));
  }

  matchesEvery(topics: readonly string[]): boolean {
    return topics.every((topic) => this.matches(topic));
  }
}
