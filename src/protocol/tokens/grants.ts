import { compileSelector, type Matcher, MatcherList } from "../matching/matcher.js";
import { PatternSum } from "../matching/pattern-sum.js";

/** What others may learn of the bearer of a token by subscription events. */
export interface Payloads {
  /** What other subscribers see of this one, whatever it subscribes to. Mercure 0.x "Payload". */
  readonly payload?: unknown;
  /** The same for some subscriptions each: the first that matches counts. Mercure 1.0 "Payloads". */
  readonly payloads?: readonly SubscriptionPayload[] | undefined;
}

/** What a token allows its bearer. Mercure "Authorization". */
export interface Grants extends Payloads {
  /** Private updates that have one of these topics may be received. */
  readonly subscribe: MatcherList;
  /** Updates all of whose topics are among these may be published. */
  readonly publish: MatcherList;
}

export interface SubscriptionPayload {
  /** Compared with the subscription's own matcher as if that were a topic. */
  readonly matchers: MatcherList;
  /** Undefined hides what later entries would say. */
  readonly payload: Readonly<Record<string, unknown>> | undefined;
}

/** How much one token may hold; more, and it is refused as a whole. */
export interface GrantLimits {
  readonly details: number;
  readonly topics: number;
  /** How long each topic may be, in UTF-16 units. */
  readonly topicLength: number;
  /** How large its patterns may be together, in instructions. */
  readonly patternSize: number;
}

const nothing = new MatcherList([]);

/** The grants of whoever presents no token. */
export const noGrants: Grants = { subscribe: nothing, publish: nothing };

/** What several tokens grant together. */
export function unionOf(grants: readonly Grants[]): Grants {
  if (grants.length === 1) return grants[0]!;
  return {
    subscribe: new MatcherList(grants.flatMap(({ subscribe }) => subscribe.all)),
    publish: new MatcherList(grants.flatMap(({ publish }) => publish.all)),
    payload: grants.find(({ payload }) => payload !== undefined)?.payload,
    payloads: grants.flatMap(({ payloads = [] }) => payloads),
  };
}

/** What other subscribers see of a subscription, by the text of its matcher. */
export function payloadOf({ payload, payloads }: Payloads, matcher: string): unknown {
  if (payloads === undefined) return payload;
  return payloads.find(({ matchers }) => matchers.matches(matcher))?.payload ?? payload;
}

/**
 * Reads the `mercure` claim of a verified token: `{ subscribe?: string[], publish?: string[], payload? }`.
 *
 * A token without the claim grants nothing. One whose claim is malformed yields undefined and is to be refused as a
 * whole: acting on the half that parses would silently change what it allows.
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

/** Undefined for selectors that the hub does not evaluate, by themselves or together. */
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
