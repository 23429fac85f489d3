import type { Selector, SubscriptionDocument } from "../../protocol/active-subscription.js";
import { selectorPath, subscriptionsPath } from "../../protocol/active-subscription.js";
import type { Generation } from "../../protocol/protocol-version.js";
import { MercureError } from "../../shared/errors.js";
import { boundedText, connectionFailure } from "./http-answer.js";

/** How long a hub may take to answer, in milliseconds. */
const defaultPatience = 10_000;

/** How long its answer may be, in bytes: room for some hundred thousand subscriptions. */
const longestAnswer = 64 * 1024 * 1024;

/** What a hub answers, and what else it tells. */
export interface SubscriptionsAnswer {
  /** Those that have ended may be among them. */
  readonly subscriptions: readonly SubscriptionDocument[];
}

/** What is asked of a hub: all subscriptions, or those of a selector. */
export interface SubscriptionsQuestion {
  readonly hubUrl: string;
  /** The generation of Mercure in which the answer shall be. */
  readonly protocol: Generation;
  /** Undefined for all. */
  readonly selector: Selector | undefined;
  /** Makes a token that grants the list, which has a topic of its own. */
  makeToken(topic: string): string;
}

/**
 * Asks a hub elsewhere who is subscribed now. Mercure 0.x and 1.0 "Subscription API".
 *
 * @throws MercureError `ERR_SUBSCRIPTIONS` when the hub refuses, does not answer in time, cannot be reached, or does not
 * tell anybody.
 */
export async function askForSubscriptions(
  { hubUrl, protocol, selector, makeToken }: SubscriptionsQuestion,
  patience = defaultPatience,
  limit = longestAnswer,
): Promise<SubscriptionsAnswer> {
  const { origin, pathname } = new URL(hubUrl.replace(/\/$/, ""));
  const path = selector === undefined ? subscriptionsPath(pathname) : selectorPath(pathname, typed(selector, protocol));
  const url = origin + path;
  const token = makeToken(path);
  let response: Response;
  let text: string | undefined;
  try {
    response = await fetch(url, {
      headers: { Accept: "application/json, application/ld+json", Authorization: `Bearer ${token}` },
      // Followed, it would hand the token to wherever it leads.
      redirect: "manual",
      signal: AbortSignal.timeout(patience),
    });
    text = await boundedText(response, limit);
  } catch (error) {
    throw failure(url, `cannot be asked: ${connectionFailure(error).reason}`, error);
  }
  if (!response.ok) throw failure(url, complaint(response));
  if (text === undefined) throw failure(url, `answers with more than ${limit} bytes`);
  const answer = parse(text);
  if (isAnswer(answer)) return answer;
  throw failure(url, "answers with something else than a list of subscriptions");
}

/** In URLs of Mercure 1.0 every topic has a type, in those of 0.x none. */
function typed({ text, matchType = "exact" }: Selector, protocol: Generation): Selector {
  return protocol === 0 ? { text } : { text, matchType };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAnswer(answer: unknown): answer is SubscriptionsAnswer {
  const { subscriptions } = (answer ?? {}) as { subscriptions?: unknown };
  return Array.isArray(subscriptions) && subscriptions.every((each) => typeof each === "object" && each !== null);
}

function failure(url: string, what: string, cause?: unknown): MercureError {
  const options = cause === undefined ? undefined : { cause };
  return new MercureError("ERR_SUBSCRIPTIONS", `The hub does not tell who is subscribed: ${url} ${what}.`, options);
}

function complaint({ status, headers }: Response): string {
  const challenge = headers.get("WWW-Authenticate");
  const answered = `answers ${status}${challenge === null ? "" : ` (${challenge})`}`;
  if (status === 404) return `${answered}; the hub has active subscriptions turned off, or is at another path`;
  if (status !== 401 && status !== 403) return answered;
  return `${answered}; the token must be one that the hub takes and that grants this list`;
}
