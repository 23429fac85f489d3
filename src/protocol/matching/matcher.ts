import { MercureError } from "../../shared/errors.js";
import { beginsWith, endsWith, type Literal } from "./literal-index.js";
import { Verdicts } from "./match-cache.js";
import { SharedPatterns } from "./pattern-pool.js";
import { compileUriTemplate, endOf } from "./uri-template.js";
import { LinearUrlPattern } from "./url-pattern.js";
import { type Pace, work } from "./work.js";

/** How a matcher is to be read: as a topic selector of Mercure 0.x, or by one of the matcher types of Mercure 1.0. */
export type MatcherType = "selector" | "exact" | "urlpattern";

/** Says which topics a subscriber wants, or a token grants. */
export interface Matcher {
  readonly type: MatcherType;
  /** The text that it was compiled from. */
  readonly pattern: string;
  /** The one topic that it matches, so that a map can find it; undefined when every topic has to be looked at. */
  readonly exact: string | undefined;
  /** The max cost of evaluating a topic, in steps for each of its characters; 0 without a pattern. */
  readonly cost: number;
  /** By which most topics are told from those that match; undefined when it may be any. */
  readonly literal?: Literal | undefined;

  matches(topic: string): boolean;
  /** Compiles the pattern ahead of its first use; undefined for what needs no compiling. */
  prepare?(): void;
}

/** Evaluates a pattern, in time linear in the length of the topic. */
interface Evaluator {
  readonly size: number;
  matches(topic: string): boolean;
  prepare?(): void;
}

const patterns = new SharedPatterns<Matcher>();
const verdicts = new Verdicts();
let evaluators = 0;

/**
 * Compiles a topic selector. Mercure 0.x "Topic Selectors": `*`, or a URI template, or else a topic by its exact name;
 * a template also matches its own text, since tokens grant templates.
 *
 * @throws MercureError `ERR_TOPIC` when it is a template that cannot be evaluated in bounded time.
 */
export function compileSelector(selector: string): Matcher {
  // Without an expression a template expands to itself.
  if (!selector.includes("{")) return simple("selector", selector);
  return patterns.get(`selector ${selector}`, () => {
    const template = attempt("topic selector", selector, () => compileUriTemplate(selector));
    if (template === undefined) return simple("selector", selector);
    return pattern("selector", selector, template, literalOf(template.beginning, endOf(selector)));
  });
}

/** Compiles an exact topic of Mercure 1.0, "Exact Matching", or the reserved `*`. */
export function compileExact(topic: string): Matcher {
  return simple("exact", topic);
}

/**
 * Compiles a URL pattern, or the reserved `*`. Mercure 1.0 "URL Pattern".
 *
 * @param hubUrl - The hub's absolute URL, against which relative patterns and relative topics are resolved.
 * @throws MercureError `ERR_TOPIC` when it is no URL pattern, or cannot be evaluated in bounded time.
 */
export function compileUrlPattern(source: string, hubUrl: string): Matcher {
  if (source === "*") return simple("urlpattern", source);
  return patterns.get(`urlpattern ${hubUrl} ${source}`, () => {
    const compiled = attempt("URL pattern", source, () => new LinearUrlPattern(source, hubUrl));
    return pattern("urlpattern", source, compiled, compiled.literal);
  });
}

/**
 * Compiles a matcher of a type that Mercure 1.0 defines, as requests and tokens name it; undefined for any other type.
 *
 * @throws MercureError `ERR_TOPIC`, as {@link compileUrlPattern} does.
 */
export function compileMatcher(match: string, type: string, hubUrl: string): Matcher | undefined {
  if (type === "exact") return compileExact(match);
  return type === "urlpattern" ? compileUrlPattern(match, hubUrl) : undefined;
}

function simple(type: MatcherType, text: string): Matcher {
  if (text === "*") return { type, pattern: text, exact: undefined, cost: 0, matches: () => true };
  return { type, pattern: text, exact: text, cost: 0, matches: (topic) => topic === text };
}

function pattern(type: MatcherType, text: string, evaluator: Evaluator, literal: Literal | undefined): Matcher {
  const evaluated = { id: evaluators++, matches: (topic: string) => evaluator.matches(topic) };
  const matches = (topic: string) => {
    if (type === "selector" && topic === text) return true;
    // Of what the literal tells nothing is remembered.
    if (literal !== undefined && !literal.isIn(topic)) return false;
    return verdicts.of(evaluated, topic);
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

/** Different for different matchers. It says where it ends, so that several behind each other say which they are. */
function keyOf({ type, pattern }: Matcher): string {
  return `${type} ${pattern.length} ${pattern}`;
}

/** Several matchers as one, compiled once: a topic matches when it matches any of them. */
export class MatcherList {
  /** All matchers, each once. */
  readonly all: readonly Matcher[];
  /** The topics that are matched by their exact names. */
  readonly exact: ReadonlySet<string>;
  /** The matchers that have to look at every topic. */
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

  /** Matches every topic. */
  static readonly all = new MatcherList([simple("selector", "*")]);

  /** @throws MercureError `ERR_TOPIC`, as {@link compileSelector} does. */
  static ofSelectors(selectors: Iterable<string>): MatcherList {
    return new MatcherList(Array.from(selectors, compileSelector));
  }

  /** The same text for lists of the same matchers, in whatever order, and for no others. */
  get key(): string {
    this.#key ??= this.all.map(keyOf).sort().join("");
    return this.#key;
  }

  matches(topic: string): boolean {
    return this.exact.has(topic) || this.matchesByPattern(topic);
  }

  /** Whether a topic matches otherwise than by its exact name. */
  matchesByPattern(topic: string): boolean {
    return this.patterns.some((pattern) => pattern.matches(topic));
  }

  /**
   * The same as {@link MatcherList.matches}, for topics and patterns that strangers choose: gives the event loop to others
   * between patterns.
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
