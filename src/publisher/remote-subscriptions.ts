import { MercureError } from "../errors.js";
import type { Selector, SubscriptionDocument } from "../protocol/active-subscription.js";
import { selectorPath, subscriptionsPath } from "../protocol/active-subscription.js";
import { connectionFailure } from "./http-answer.js";

/** How long a hub may take to answer, in milliseconds. */
const defaultPatience = 10_000;

/** What is asked of a hub: all subscriptions, or those of a selector. */
export interface SubscriptionsQuestion {
  readonly hubUrl: string;
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
  { hubUrl, selector, makeToken }: SubscriptionsQuestion,
  patience = defaultPatience,
): Promise<SubscriptionDocument[]> {
  const { origin, pathname } = new URL(hubUrl);
  const path = selector === undefined ? subscriptionsPath(pathname) : selectorPath(pathname, selector);
  const url = origin + path;
  let response: Response;
  let answer: { subscriptions?: unknown } | undefined;
  try {
    response = await fetch(url, {
      headers: { Accept: "application/json, application/ld+json", Authorization: `Bearer ${makeToken(path)}` },
      // Followed, it would hand the token to wherever it leads.
      redirect: "manual",
      signal: AbortSignal.timeout(patience),
    });
    const text = await response.text();
    answer = response.ok ? parse(text) : undefined;
  } catch (error) {
    throw failure(url, `cannot be asked: ${connectionFailure(error).reason}`, error);
  }
  if (!response.ok) throw failure(url, complaint(response));
  const { subscriptions } = answer ?? {};
  if (!Array.isArray(subscriptions)) throw failure(url, "answers with something else than a list of subscriptions");
  return (subscriptions as SubscriptionDocument[]).filter(({ active }) => active);
}

function parse(text: string): { subscriptions?: unknown } | undefined {
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
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
  return `${answered}; subscriberSecretKey must be the key that it verifies subscribers' tokens with`;
}
