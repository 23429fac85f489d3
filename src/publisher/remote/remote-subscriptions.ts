import type { Selector, SubscriptionDocument } from "../../protocol/active-subscription.js";
import { selectorPath, subscriptionsPath } from "../../protocol/active-subscription.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { MercureError } from "../../shared/errors.js";
import { boundedText, connectionFailure } from "./http-answer.js";

/** The max time until a hub answers, in milliseconds. */
const defaultTimeout = 10_000;

/** The max length of the answer, in bytes: room for about a hundred thousand subscriptions. */
const maxAnswerLength = 64 * 1024 * 1024;

/** A hub's answer. Its other properties are ignored. */
export interface SubscriptionCollection {
  /** The subscriptions. They can include ended ones. */
  readonly subscriptions: readonly SubscriptionDocument[];
}

/** A query for a hub's subscriptions: all of them, or those of a selector. */
export interface SubscriptionsQuestion {
  readonly hubUrl: string;
  /** The version of Mercure that the hub speaks. */
  readonly protocol: ProtocolVersion;
  /** The selector. Undefined for all subscriptions. */
  readonly selector: Selector | undefined;
  /** Returns a token that grants the list of subscriptions, which has its own topic. */
  makeToken(topic: string): string;
}

/**
 * Resolves to the subscriptions of a hub in another process. Mercure 0.x and 1.0 "Subscription API".
 *
 * @throws MercureError `ERR_SUBSCRIPTIONS` if the hub refuses, does not answer in time, cannot be reached, or does not
 * support the subscription API.
 */
export async function askForSubscriptions(
  { hubUrl, protocol, selector, makeToken }: SubscriptionsQuestion,
  timeout = defaultTimeout,
  limit = maxAnswerLength,
): Promise<SubscriptionCollection> {
  const { origin, pathname } = new URL(hubUrl.replace(/\/$/, ""));
  const path = selector === undefined ? subscriptionsPath(pathname) : selectorPath(pathname, typed(selector, protocol));
  const url = origin + path;
  const token = makeToken(path);
  let response: Response;
  let text: string | undefined;
  try {
    response = await fetch(url, {
      headers: { Accept: "application/json, application/ld+json", Authorization: `Bearer ${token}` },
      // A followed redirect would send the token to its target.
      redirect: "manual",
      signal: AbortSignal.timeout(timeout),
    });
    text = await boundedText(response, limit);
  } catch (error) {
    throw failure(url, `cannot be reached: ${connectionFailure(error).reason}`, error);
  }
  if (!response.ok) throw failure(url, describeFailure(response));
  if (text === undefined) throw failure(url, `answered with more than ${limit} bytes`);
  const answer = parse(text);
  if (isAnswer(answer)) return answer;
  throw failure(url, "answered without a list of subscriptions");
}

/** Returns a selector for a URL. In Mercure 1.0 every topic has a match type; in 0.x topics have no type. */
function typed({ text, matchType = "exact" }: Selector, protocol: ProtocolVersion): Selector {
  return protocol === 0 ? { text } : { text, matchType };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAnswer(answer: unknown): answer is SubscriptionCollection {
  const { subscriptions } = (answer ?? {}) as { subscriptions?: unknown };
  return Array.isArray(subscriptions) && subscriptions.every((each) => typeof each === "object" && each !== null);
}

function failure(url: string, what: string, cause?: unknown): MercureError {
  const options = cause === undefined ? undefined : { cause };
  return new MercureError("ERR_SUBSCRIPTIONS", `Cannot list the hub's subscriptions: ${url} ${what}.`, options);
}

function describeFailure({ status, headers }: Response): string {
  const challenge = headers.get("WWW-Authenticate");
  const answered = `answered ${status}${challenge === null ? "" : ` (${challenge})`}`;
  if (status === 404) return `${answered}; the hub has no subscription API, or is at another path`;
  if (status !== 401 && status !== 403) return answered;
  return `${answered}; the token must be valid for the hub and grant this list`;
}
