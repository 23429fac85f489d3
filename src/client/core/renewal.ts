import { Failures } from "./failures.js";
import type { Markup } from "./markup.js";
import { pageBase } from "./page-base.js";
import { ask, pageSince, RetryableError } from "./page-fetch.js";
import { sameStream } from "./same-stream.js";
import { type StreamAddress, withToken } from "./stream-address.js";

/** The renewed address of a stream, and the new URL in its markup, which can hold a new token. */
export interface Renewed {
  readonly text: string;
  /** The stream's address. It stays the same when the token is in a cookie. */
  readonly address: StreamAddress;
}

interface RenewalRequest {
  readonly element: Element;
  /** The URL in the markup. */
  readonly text: string;
  readonly address: StreamAddress;
  readonly markup: Markup;
  readonly signal: AbortSignal;
}

/** The attribute with the URL that issues new tokens. A stream without it fetches its page instead. */
const renewalAttribute = "data-mercure-renew";

/** The time that a fetched page serves other expiring streams, in milliseconds. Streams of one page expire together. */
const freshFor = 5_000;

let queue: Promise<unknown> = Promise.resolve();

/**
 * Renews a private stream whose token has expired or is refused. The streams of a page renew one at a time, and retry
 * until the server answers. Resolves to undefined when the grant is withdrawn, or the stream was never private.
 *
 * With a renewal URL, the request carries the old token, which only identifies the grant. Without one, the page is
 * fetched again, as a reload would. Both requests need the session, so a stolen token alone gets no new one.
 */
export function renew(request: RenewalRequest): Promise<Renewed | undefined> {
  if (!request.address.isPrivate) return Promise.resolve(undefined);
  const askedAt = performance.now();
  const turn = queue.then(() => untilAnswered(request.signal, () => attempt(request, askedAt)));
  queue = turn;
  return turn;
}

async function untilAnswered<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T | undefined> {
  const failures = new Failures();
  while (!signal.aborted) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof RetryableError)) return undefined;
      await pause(failures.add({ retryAfter: error.retryAfter, isOutage: true }), signal);
    }
  }
  return undefined;
}

async function attempt(request: RenewalRequest, askedAt: number): Promise<Renewed | undefined> {
  const { element, text, address, markup } = request;
  const renewal = ownUrl(element.getAttribute(renewalAttribute));
  if (renewal !== undefined) {
    const headers: Record<string, string> = address.token ? { Authorization: `Bearer ${address.token}` } : {};
    const response = await ask(renewal, { method: "POST", headers, redirect: "manual" });
    if (response.status === 204) return { text, address };
    if (response.status === 200) return renewedBy(text, address, await response.json());
    // The server cannot verify the old token, as after a restart with another key. The page can still get a new one.
    if (response.status !== 401) return undefined;
  }
  const known = sameStream(markup, await pageSince(askedAt - freshFor), element, address);
  // The hub has just refused the token of that page.
  if (known && known.address.token !== address.token) return known;
  const fresh = sameStream(markup, await pageSince(askedAt), element, address);
  // A cached page can hold the same refused token, which gives the stream no new one.
  return fresh?.address.token !== undefined && fresh.address.token === address.token ? undefined : fresh;
}

function renewedBy(text: string, address: StreamAddress, answer: { token: string }): Renewed {
  return { text: withToken(text, answer.token), address: { ...address, token: answer.token } };
}

/** Resolves the renewal URL. Rejects a URL of another origin: only the page's own server receives tokens. */
function ownUrl(attribute: string | null): string | undefined {
  if (!attribute) return undefined;
  const { origin, href } = new URL(attribute, pageBase());
  return origin === location.origin ? href : undefined;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
