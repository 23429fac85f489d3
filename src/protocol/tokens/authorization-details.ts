import { forbiddenCharacter } from "../characters.js";
import { compileExact, compileSelector, type Matcher, MatcherList } from "../matching/matcher.js";
import { PatternSum } from "../matching/pattern-sum.js";
import { type Pace, stepsToRead, unpaced } from "../matching/work.js";
import { type GrantLimits, type Grants, noGrants, type SubscriptionPayload } from "./grants.js";

/** The type of the authorization details that are for a hub, compared byte by byte. Mercure 1.0 "Authorization Details". */
export const detailType = "https://mercure.rocks/authorization-detail";

/** Compiles a matcher of a type; undefined for a type that the hub does not know, or a matcher that is none of its type. */
export type MatcherCompiler = (match: string, matchType: string) => Matcher | undefined;

/** The matchers that need no pattern. Mercure 1.0 "Exact Matching". */
export const compileExactOnly: MatcherCompiler = (match, matchType) =>
  // Not a selector of 0.x: what is a template there is a name here.
  matchType === "exact" ? compileExact(match) : undefined;

/**
 * Reads the claim `authorization_details` of a verified token of Mercure 1.0.
 *
 * A token without a Mercure detail grants nothing. One bad detail, and the whole claim yields undefined: partial
 * acceptance would silently change what the token allows. Actions that the hub does not know grant nothing, and details
 * of other types are for others; neither is bad.
 *
 * @param pace - Gives the event loop to others between patterns.
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
    // RFC 9396, section 2: every detail is an object and has a type, whoever it is for.
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

/** Mercure 1.0 "Topic Matcher List". */
function parseMatcher(topic: unknown, longest: number, compile: MatcherCompiler): Matcher | undefined {
  if (!isObject(topic)) return undefined;
  const { match } = topic;
  const matchType = Object.hasOwn(topic, "match_type") ? topic.match_type : "exact";
  if (typeof match !== "string" || match === "" || typeof matchType !== "string") return undefined;
  if (match.length > longest || forbiddenCharacter(match) !== undefined) return undefined;
  // The wildcard is recognised before the type is looked at, even one that the hub does not know.
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
