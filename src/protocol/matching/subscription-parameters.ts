import { forbiddenCharacter } from "../characters.js";
import { HttpProblem } from "../problem.js";
import type { ProtocolVersion } from "../protocol-version.js";
import { compileMatcher, compileSelector, type Matcher, MatcherList } from "./matcher.js";
import { PatternSum } from "./pattern-sum.js";
import { bytesOfRequest } from "./subscription-memory.js";
import { type Pace, stepsToRead, unpaced } from "./work.js";

/** The versions that a hub speaks. */
export type Protocol = ProtocolVersion | "both";

/** The matchers of a subscription request, and the request's protocol version. */
export interface RequestedMatchers {
  readonly version: ProtocolVersion;
  readonly matchers: MatcherList;
}

/** The limits for one request. Mercure 1.0 "Subscription". */
export interface MatcherLimits {
  /** The max number of matchers. */
  readonly count: number;
  /** The max length of each matcher, in UTF-16 units. */
  readonly length: number;
  /** The max total size of the patterns, in instructions: each update is evaluated against all of them. */
  readonly patternSize: number;
  /** The max total memory of the matchers, in bytes; 0 means unlimited. */
  readonly bytes: number;
}

/** The parameters of 0.x that replace the header `Last-Event-ID`, the standard name first. */
const cursors = ["lastEventID", "Last-Event-ID", "last-event-id", "last_event_id"];

/**
 * Reads the matchers of a subscription request: `topic` in Mercure 0.x "Subscription"; `match`, `match_exact` and
 * `match_urlpattern` in Mercure 1.0 "Subscription", which reserves all other names that begin with `match`.
 *
 * The sizes of patterns are added up while reading. The first pattern above the limit ends the work.
 *
 * @param hubUrl - The hub's absolute URL. Relative URL patterns resolve against it.
 * @param pace - Yields the event loop between patterns.
 * @throws HttpProblem for a request without matchers, above a limit, or in a version that the hub does not speak.
 */
export async function requestedMatchers(
  parameters: URLSearchParams,
  protocol: Protocol,
  limits: MatcherLimits,
  hubUrl: string,
  pace: Pace = unpaced,
): Promise<RequestedMatchers> {
  const reading = readMatchers(parameters, protocol, limits, hubUrl);
  for (let step = reading.next(); ; step = reading.next()) {
    if (step.done) return step.value;
    const pause = pace(step.value);
    if (pause !== undefined) await pause;
  }
}

/**
 * Checks a request synchronously, for a page whose stream will send it.
 *
 * @throws HttpProblem as {@link requestedMatchers} does.
 */
export function checkRequest(
  parameters: URLSearchParams,
  protocol: Protocol,
  limits: MatcherLimits,
  hubUrl: string,
): void {
  const reading = readMatchers(parameters, protocol, limits, hubUrl);
  while (!reading.next().done);
}

/** Reads the matchers, and yields the steps that each of them took. */
function* readMatchers(
  parameters: URLSearchParams,
  protocol: Protocol,
  limits: MatcherLimits,
  hubUrl: string,
): Generator<number, RequestedMatchers> {
  const version = requestedVersion(parameters, protocol);
  const matchers: Matcher[] = [];
  const sum = new PatternSum(limits.patternSize);
  for (const [name, value] of parameters) {
    if (!isMatcher(name, version)) continue;
    if (matchers.length === limits.count) {
      throw new HttpProblem(400, `A request can name max ${limits.count} topics.`);
    }
    checkTopic(value, limits.length);
    const matcher = version === 0 ? compileSelector(value) : compileParameter(name, value, hubUrl);
    if (!sum.add(matcher)) {
      throw new HttpProblem(400, "The patterns are too large in total. Subscribe to fewer patterns, or name topics.");
    }
    matchers.push(matcher);
    yield stepsToRead(matcher);
  }
  const list = new MatcherList(matchers);
  if (limits.bytes > 0 && bytesOfRequest(list) > limits.bytes) {
    throw new HttpProblem(400, "The topics are too large in total. Subscribe to fewer or shorter topics.");
  }
  return { version, matchers: list };
}

/**
 * Returns the parameter that replaces `Last-Event-ID`. The first non-empty one counts, so the query precedes the body.
 */
export function requestedCursor(parameters: URLSearchParams, version: ProtocolVersion): string | undefined {
  const names = version === 0 ? cursors : ["last_event_id"];
  const ids = names.flatMap((name) => parameters.get(name) ?? []);
  return ids.find((id) => id !== "") ?? ids[0];
}

function requestedVersion(parameters: URLSearchParams, protocol: Protocol): ProtocolVersion {
  const names = [...parameters.keys()];
  const speaks0 = names.includes("topic") && protocol !== 1;
  const speaks1 = names.some(isReserved) && protocol !== 0;
  if (speaks0 && speaks1) {
    throw new HttpProblem(
      400,
      "Use either topic, of Mercure 0.x, or match and match_…, of Mercure 1.0, in one request.",
    );
  }
  if (!speaks0 && !speaks1) throw new HttpProblem(400, howToAsk[protocol]);
  if (speaks0) return 0;
  // An ignored id would lose updates.
  const other = cursors.find((name) => name !== "last_event_id" && parameters.has(name));
  if (other !== undefined) throw new HttpProblem(400, `With match the parameter ${other} is named last_event_id.`);
  return 1;
}

const howToAsk = {
  0: "Name the topics to subscribe to: ?topic=…&topic=…",
  1: "Name the topics to subscribe to: ?match=…&match_urlpattern=…",
  both: "Name the topics to subscribe to: ?topic=…&topic=…, or ?match=…&match_urlpattern=…",
} as const;

/** Returns whether a parameter names a matcher or a position. */
export function isParameter(name: string): boolean {
  return name === "topic" || isReserved(name) || cursors.includes(name);
}

function isMatcher(name: string, version: ProtocolVersion): boolean {
  return version === 0 ? name === "topic" : isReserved(name);
}

/**
 * Returns whether Mercure 1.0 reserves a name. It reserves the whole prefix, in any case, so that a misspelt type is an
 * error.
 */
function isReserved(name: string): boolean {
  return /^match/i.test(name);
}

/**
 * Checks the text of a topic or of a pattern.
 *
 * @throws HttpProblem for text that is invalid for every hub.
 */
export function checkTopic(value: string, maxLength: number): void {
  if (value === "") throw new HttpProblem(400, "A topic must not be empty.");
  if (value.length > maxLength) throw new HttpProblem(400, `A topic can have max ${maxLength} characters.`);
  const character = forbiddenCharacter(value);
  if (character) throw new HttpProblem(400, `A topic must not contain ${character}, a control or format character.`);
}

function compileParameter(name: string, value: string, hubUrl: string): Matcher {
  const type = name === "match" ? "exact" : /^match_(.*)$/s.exec(name)?.[1];
  const matcher = type === undefined ? undefined : compileMatcher(value, type, hubUrl);
  if (matcher !== undefined) return matcher;
  throw new HttpProblem(400, "The supported match parameters are match, match_exact and match_urlpattern.");
}
