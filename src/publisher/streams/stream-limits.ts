import type { Selector } from "../../protocol/active-subscription.js";
import { assertPublishable } from "../../protocol/draft.js";
import { checkRequest, checkTopic, type MatcherLimits } from "../../protocol/matching/subscription-parameters.js";
import { applicationTopic } from "../../protocol/own-topics.js";
import { HttpProblem } from "../../protocol/problem.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { GrantLimits } from "../../protocol/tokens/grants.js";
import { MercureError } from "../../shared/errors.js";
import { connectionParameters } from "./stream-url.js";

/** The limits of a hub for streams and tokens. */
export interface StreamLimits {
  readonly matchers: MatcherLimits;
  readonly grants: GrantLimits;
  /** The hub's absolute URL. Relative URL patterns resolve against it. */
  readonly hubUrl: string;
  /** The max size of a stream's URL, and of a token sent in a header, in bytes. 0 is unlimited. */
  readonly urlBytes: number;
}

const fewerTopics =
  "Use a pattern, such as orders/{id}, or several streams; the options maxMatchers, maxMatcherLength and " +
  "maxPatternSize of the hub set the limits";

/**
 * Checks the selectors of a stream with the function that parses the hub's requests.
 *
 * @throws MercureError `ERR_TOPIC` for selectors that the hub would reject.
 */
export function checkSelectors(selectors: readonly Selector[], protocol: ProtocolVersion, limits: StreamLimits): void {
  const hubPath = new URL(limits.hubUrl).pathname;
  for (const { text, matchType } of selectors) {
    if (matchType === undefined && !text.includes("{")) assertPublishable(applicationTopic(text), hubPath);
  }
  try {
    const parameters = new URLSearchParams(connectionParameters(protocol, selectors));
    checkRequest(parameters, protocol, limits.matchers, limits.hubUrl);
  } catch (error) {
    const longest = Math.max(...selectors.map(({ text }) => text.length));
    const asked = `${selectors.length === 1 ? "one topic" : `${selectors.length} topics`}, max ${longest} characters long`;
    throw refused(error, `The hub would reject this stream of ${asked}`, fewerTopics);
  }
}

/**
 * Checks the selectors of a token with the same function, within the limits of tokens.
 *
 * @throws MercureError `ERR_TOPIC` for selectors that the hub would reject.
 */
export function checkGranted(selectors: readonly Selector[], protocol: ProtocolVersion, limits: StreamLimits): void {
  if (selectors.length === 0) return;
  const { topics, topicLength, patternSize } = limits.grants;
  const matchers = { count: topics, length: topicLength, patternSize, bytes: 0 };
  try {
    const parameters = new URLSearchParams(connectionParameters(protocol, selectors));
    checkRequest(parameters, protocol, matchers, limits.hubUrl);
  } catch (error) {
    const hint =
      "Use a pattern, or several streams; the options maxTokenTopics and maxMatcherLength of the hub set the limits";
    throw refused(error, `The hub would reject a token for ${selectors.length} topics; the max is ${topics}`, hint);
  }
}

/**
 * Checks the topics of an update with the function that checks the topics of streams. An update on an invalid topic
 * would have no subscribers.
 *
 * @throws MercureError `ERR_TOPIC` for a topic that the hub would reject.
 */
export function checkPublished(topics: readonly string[], { matchers }: StreamLimits): void {
  for (const topic of topics) {
    try {
      checkTopic(topic, matchers.length);
    } catch (error) {
      const hint = "Give it a shorter name, or raise the option hub.maxMatcherLength";
      throw refused(
        error,
        `The hub would reject streams of the topic ${shortened(topic)} of ${topic.length} characters`,
        hint,
      );
    }
  }
}

/**
 * Checks the size of a stream's URL, of a token sent in a header, and of the whole head of the request.
 *
 * @param headBytes - The number of bytes of the head left for both. Undefined if it is not known.
 * @throws MercureError `ERR_TOPIC` if one of them is too large.
 */
export function checkUrl(url: string, { urlBytes }: StreamLimits, headBytes: number | undefined): void {
  const [target = "", fragment = ""] = url.split("#");
  const longer = Math.max(target.length, fragment.length);
  if (urlBytes !== 0 && longer > urlBytes) {
    throw tooLarge(`${longer} bytes; the option maxStreamUrlBytes allows ${urlBytes}`);
  }
  const size = target.length + fragment.length;
  if (headBytes !== undefined && size > headBytes) {
    throw tooLarge(
      `${size} bytes; a request's head has room for ${Math.max(0, headBytes)} beside the browser's cookies`,
    );
  }
}

function tooLarge(size: string): MercureError {
  return new MercureError(
    "ERR_TOPIC",
    `The URL of this stream has ${size}: servers and proxies reject it. Use a pattern, shorter names, or several streams.`,
  );
}

function refused(error: unknown, what: string, hint: string): unknown {
  const isKnown = error instanceof HttpProblem || (error instanceof MercureError && error.code === "ERR_TOPIC");
  if (!isKnown) return error;
  return new MercureError("ERR_TOPIC", `${what}. ${error.message} ${hint}.`, { cause: error });
}

function shortened(topic: string): string {
  return JSON.stringify(topic.length > 100 ? `${topic.slice(0, 100)}…` : topic);
}
