import { compileSelector, type Matcher, MatcherList } from "../matching/matcher.js";
import { PatternSum } from "../matching/pattern-sum.js";
import type { Pace } from "../matching/work.js";

/** The payloads of a token, which subscription events show to others. */
export interface Payloads {
  /** The payload of all the bearer's subscriptions. Mercure 0.x "Payload". */
  readonly payload?: unknown;
  /** Payloads of certain subscriptions: the first match counts. Mercure 1.0 "Payloads". */
  readonly payloads?: readonly SubscriptionPayload[] | undefined;
}

/** The permissions of a token. Mercure "Authorization". */
export interface Grants extends Payloads {
  /** The bearer can receive private updates with at least one of these topics. */
  readonly subscribe: MatcherList;
  /** The bearer can publish updates whose topics are all among these. */
  readonly publish: MatcherList;
}

export interface SubscriptionPayload {
  /** The subscriptions with this payload. A subscription's matcher is compared like a topic. */
  readonly matchers: MatcherList;
  /** The payload. Undefined stops the search, so later entries do not apply. */
  readonly payload: Readonly<Record<string, unknown>> | undefined;
}

/** The limits for one token. A token above a limit is rejected as a whole. */
export interface GrantLimits {
  readonly details: number;
  readonly topics: number;
  /** The max length of a topic, in UTF-16 units. */
  readonly topicLength: number;
  /** The max total size of the patterns, in instructions. */
  readonly patternSize: number;
}

const nothing = new MatcherList([]);

/** The grants of a request without a token. */
export const noGrants: Grants = { subscribe: nothing, publish: nothing };

/** Returns the combined grants of several tokens. */
export function unionOf(grants: readonly Grants[]): Grants {
  if (grants.length === 1) return grants[0]!;
  return {
    subscribe: new MatcherList(grants.flatMap(({ subscribe }) => subscribe.all)),
    publish: new MatcherList(grants.flatMap(({ publish }) => publish.all)),
    payload: grants.find(({ payload }) => payload !== undefined)?.payload,
    payloads: grants.flatMap(({ payloads = [] }) => payloads),
  };
}

/** Returns the payload that others see of a subscription, by the text of its matcher. */
export type PayloadOf = (matcher: string) => unknown;

/**
 * Finds the payloads of a stream's subscriptions in advance.
 *
 * @param matchers - The texts of the stream's matchers.
 * @param pace - Yields the event loop between patterns.
 */
export async function payloadsOf(
  { payload, payloads }: Payloads,
  matchers: Iterable<string>,
  pace: Pace,
): Promise<PayloadOf> {
  if (payloads === undefined || payloads.length === 0) return () => payload;
  const found = new Map<string, unknown>();
  for (const matcher of matchers) {
    const first = await firstMatch(payloads, matcher, pace);
    found.set(matcher, first?.payload ?? payload);
  }
  return (matcher) => found.get(matcher);
}

async function firstMatch(
  payloads: readonly SubscriptionPayload[],
  matcher: string,
  pace: Pace,
): Promise<SubscriptionPayload | undefined> {
  for (const each of payloads) {
    const pause = pace(1);
    if (pause !== undefined) await pause;
    if (await each.matchers.matchesPaced(matcher, pace)) return each;
  }
  return undefined;
}

/**
 * Reads the `mercure` claim of a verified token: `{ subscribe?: string[], publish?: string[], payload? }`.
 *
 * A token without the claim grants nothing. A malformed claim yields undefined, and the caller must reject the token as
 * a whole: partial acceptance would silently change the grants.
 */
export function parseGrants(
  claims: Readonly<Record<string, unknown>>,
  limits?: Omit<GrantLimits, "details">,
): Grants | undefined {
  if (!Object.hasOwn(claims, "mercure")) return noGrants;
  const claim = claims.mercure;
  if (typeof claim !== "object" || claim === null || Array.isArray(claim)) return undefined;
  const { subscribe = [], publish = [], payload } = claim as Record<string, unknown>;
  if (!isSelectorList(subscribe) || !isSelectorList(publish)) return undefined;
  if (limits !== undefined) {
    const selectors = [...subscribe, ...publish];
    if (selectors.length > limits.topics) return undefined;
    if (selectors.some(({ length }) => length > limits.topicLength)) return undefined;
  }
  const sum = new PatternSum(limits?.patternSize ?? Number.POSITIVE_INFINITY);
  const toSubscribe = matchersOf(subscribe, sum);
  const toPublish = matchersOf(publish, sum);
  if (toSubscribe === undefined || toPublish === undefined) return undefined;
  return { subscribe: new MatcherList(toSubscribe), publish: new MatcherList(toPublish), payload };
}

/** Compiles selectors. Returns undefined when the hub does not evaluate one of them, or all of them together. */
function matchersOf(selectors: readonly string[], sum: PatternSum): Matcher[] | undefined {
  const matchers: Matcher[] = [];
  try {
    for (const selector of selectors) {
      const matcher = compileSelector(selector);
      if (!sum.add(matcher)) return undefined;
      matchers.push(matcher);
    }
  } catch {
    return undefined;
  }
  return matchers;
}

function isSelectorList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((selector) => typeof selector === "string");
}
