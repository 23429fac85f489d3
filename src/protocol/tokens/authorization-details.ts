import { forbiddenCharacter } from "../characters.js";
import { compileExact, compileSelector, type Matcher, MatcherList } from "../matching/matcher.js";
import { PatternSum } from "../matching/pattern-sum.js";
import { type Pace, stepsToRead, unpaced } from "../matching/work.js";
import { type GrantLimits, type Grants, noGrants, type SubscriptionPayload } from "./grants.js";

/** The type of the hub's authorization details, compared byte by byte. Mercure 1.0 "Authorization Details". */
export const detailType = "https://mercure.rocks/authorization-detail";

/**
 * Compiles a matcher of a type. Returns undefined for an unknown type, or for a matcher that is invalid for its type.
 */
export type MatcherCompiler = (match: string, matchType: string) => Matcher | undefined;

/** Compiles exact matchers only. Mercure 1.0 "Exact Matching". */
const compileExactOnly: MatcherCompiler = (match, matchType) =>
  // A selector of 0.x would read braces as a template; here they are part of the name.
  matchType === "exact" ? compileExact(match) : undefined;

/**
 * Reads the claim `authorization_details` of a verified token of Mercure 1.0.
 *
 * A token without a Mercure detail grants nothing. A single invalid detail makes the whole claim undefined, because
 * partial acceptance would silently change the grants. Two cases are valid: unknown actions grant nothing, and details
 * of other types are for other services.
 *
 * @param pace - Yields the event loop between patterns.
 */
export async function parseAuthorizationDetails(
  claims: Readonly<Record<string, unknown>>,
  limits: GrantLimits,
  compile: MatcherCompiler = compileExactOnly,
  pace: Pace = unpaced,
): Promise<Grants | undefined> {
  if (!Object.hasOwn(claims, "authorization_details")) return noGrants;
  const details = claims.authorization_details;
  if (!Array.isArray(details)) return undefined;
  const granted = { subscribe: [] as Matcher[], publish: [] as Matcher[] };
  const payloads: SubscriptionPayload[] = [];
  const left = { details: limits.details, topics: limits.topics };
  const sum = new PatternSum(limits.patternSize);
  for (const detail of details) {
    // Every detail must be an object with a type, even one for another service. RFC 9396, section 2.
    if (!isObject(detail) || typeof detail.type !== "string") return undefined;
    if (detail.type !== detailType) continue;
    const { actions, topics, payload } = detail;
    if (!isFullArray(actions) || !actions.every((action) => typeof action === "string")) return undefined;
    if (!isFullArray(topics)) return undefined;
    if (payload !== undefined && !isObject(payload)) return undefined;
    left.details -= 1;
    left.topics -= topics.length;
    if (left.details < 0 || left.topics < 0) return undefined;
    const matchers: Matcher[] = [];
    for (const topic of topics) {
      const matcher = parseMatcher(topic, limits.topicLength, compile);
      if (matcher === undefined || !sum.add(matcher)) return undefined;
      matchers.push(matcher);
      const pause = pace(stepsToRead(matcher));
      if (pause !== undefined) await pause;
    }
    if (actions.includes("publish")) granted.publish.push(...matchers);
    if (!actions.includes("subscribe")) continue;
    granted.subscribe.push(...matchers);
    payloads.push({ matchers: new MatcherList(matchers), payload });
  }
  return {
    subscribe: new MatcherList(granted.subscribe),
    publish: new MatcherList(granted.publish),
    ...(payloads.some(({ payload }) => payload !== undefined) && { payloads }),
  };
}

/** Parses one entry of a list of topic matchers. Mercure 1.0 "Topic Matcher List". */
function parseMatcher(topic: unknown, maxLength: number, compile: MatcherCompiler): Matcher | undefined {
  if (!isObject(topic)) return undefined;
  const { match } = topic;
  const matchType = Object.hasOwn(topic, "match_type") ? topic.match_type : "exact";
  if (typeof match !== "string" || match === "" || typeof matchType !== "string") return undefined;
  if (match.length > maxLength || forbiddenCharacter(match) !== undefined) return undefined;
  // The wildcard takes precedence over the type, even over an unknown type.
  if (match === "*") return compileSelector(match);
  try {
    return compile(match, matchType);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isFullArray(value: unknown): value is unknown[] {
  return Array.isArray(value) && value.length > 0;
}
