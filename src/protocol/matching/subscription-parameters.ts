import { forbiddenCharacter } from "../characters.js";
import { Refusal } from "../problem.js";
import type { Generation } from "../protocol-version.js";
import { compileMatcher, compileSelector, type Matcher, MatcherList } from "./matcher.js";
import { PatternSum } from "./pattern-sum.js";
import { bytesOfRequest } from "./subscription-memory.js";
import { type Pace, stepsToRead, unpaced } from "./work.js";

/** Which generations a hub speaks. */
export type Protocol = Generation | "both";

/** What a request asks to receive, and in which generation it asks. */
export interface RequestedMatchers {
  readonly generation: Generation;
  readonly matchers: MatcherList;
}

/** How much one request may ask for. Mercure 1.0 "Subscription". */
export interface MatcherLimits {
  /** How many matchers. */
  readonly count: number;
  /** How long each, in UTF-16 units. */
  readonly length: number;
  /** How large the patterns together, in instructions: each update is evaluated with all of them. */
  readonly patternSize: number;
  /** How much memory they take together, in bytes; 0 for any amount. */
  readonly bytes: number;
}

/** The names that 0.x gave to the parameter that stands in for the header `Last-Event-ID`, the prescribed one first. */
const cursors = ["lastEventID", "Last-Event-ID", "last-event-id", "last_event_id"];

/**
 * Reads what a request subscribes to: `topic` in Mercure 0.x "Subscription"; `match`, `match_exact` and
 * `match_urlpattern` in Mercure 1.0 "Subscription", where no other name may begin with `match`.
 *
 * The sizes of patterns are added while they are read: the first that is too much ends the work.
 *
 * @param hubUrl - The hub's absolute URL, against which relative URL patterns are resolved.
 * @param pace - Gives the event loop to others between patterns.
 * @throws Refusal when the request asks for nothing, for too much, or by what the hub does not speak.
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
 * The same at once, for a page whose stream will ask.
 *
 * @throws Refusal as {@link requestedMatchers} does.
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

/** Yields the steps that each matcher took. */
function* readMatchers(
  parameters: URLSearchParams,
  protocol: Protocol,
  limits: MatcherLimits,
  hubUrl: string,
): Generator<number, RequestedMatchers> {
  const generation = requestedGeneration(parameters, protocol);
  const matchers: Matcher[] = [];
  const sum = new PatternSum(limits.patternSize);
  for (const [name, value] of parameters) {
    if (!isMatcher(name, generation)) continue;
    if (matchers.length === limits.count) {
      throw new Refusal(400, `Ask for at most ${limits.count} topics in one request.`);
    }
    checkTopic(value, limits.length);
    const matcher = generation === 0 ? compileSelector(value) : compileParameter(name, value, hubUrl);
    if (!sum.add(matcher)) {
      throw new Refusal(400, "The patterns are too large together. Subscribe to fewer, or to topics by their names.");
    }
    matchers.push(matcher);
    yield stepsToRead(matcher);
  }
  const list = new MatcherList(matchers);
  if (limits.bytes > 0 && bytesOfRequest(list) > limits.bytes) {
    throw new Refusal(400, "The topics are too large together. Subscribe to fewer, or to shorter ones.");
  }
  return { generation, matchers: list };
}

/** The id that stands for `Last-Event-ID` in the parameters; of several the first, and so the query before the body. */
export function requestedCursor(parameters: URLSearchParams, generation: Generation): string | undefined {
  const names = generation === 0 ? cursors : ["last_event_id"];
  const ids = names.flatMap((name) => parameters.get(name) ?? []);
  return ids.find((id) => id !== "") ?? ids[0];
}

function requestedGeneration(parameters: URLSearchParams, protocol: Protocol): Generation {
  const names = [...parameters.keys()];
  const speaks0 = names.includes("topic") && protocol !== 1;
  const speaks1 = names.some(isReserved) && protocol !== 0;
  if (speaks0 && speaks1) {
    throw new Refusal(400, "Use either topic, of Mercure 0.x, or match and match_…, of Mercure 1.0, in one request.");
  }
  if (!speaks0 && !speaks1) throw new Refusal(400, howToAsk[protocol]);
  if (speaks0) return 0;
  // An id that is silently passed over would lose updates.
  const other = cursors.find((name) => name !== "last_event_id" && parameters.has(name));
  if (other !== undefined) throw new Refusal(400, `With match the parameter ${other} is named last_event_id.`);
  return 1;
}

const howToAsk = {
  0: "Name the topics to subscribe to: ?topic=…&topic=…",
  1: "Name the topics to subscribe to: ?match=…&match_urlpattern=…",
  both: "Name the topics to subscribe to: ?topic=…&topic=…, or ?match=…&match_urlpattern=…",
} as const;

/** Whether a parameter of this name says what is subscribed to, or since when. */
export function isParameter(name: string): boolean {
  return name === "topic" || isReserved(name) || cursors.includes(name);
}

function isMatcher(name: string, generation: Generation): boolean {
  return generation === 0 ? name === "topic" : isReserved(name);
}

/** Mercure 1.0 reserves the whole prefix, in any case, so that a misspelt type is not passed over. */
function isReserved(name: string): boolean {
  return /^match/i.test(name);
}

/**
 * Checks the text of a topic or of a pattern.
 *
 * @throws Refusal for what no hub takes.
 */
export function checkTopic(value: string, longest: number): void {
  if (value === "") throw new Refusal(400, "A topic must not be empty.");
  if (value.length > longest) throw new Refusal(400, `A topic must not be longer than ${longest} characters.`);
  const character = forbiddenCharacter(value);
  if (character) throw new Refusal(400, `A topic must not contain ${character}, a control or format character.`);
}

function compileParameter(name: string, value: string, hubUrl: string): Matcher {
  const type = name === "match" ? "exact" : /^match_(.*)$/s.exec(name)?.[1];
  const matcher = type === undefined ? undefined : compileMatcher(value, type, hubUrl);
  if (matcher !== undefined) return matcher;
  throw new Refusal(400, "Names that begin with match are match, match_exact and match_urlpattern, and no others.");
}
