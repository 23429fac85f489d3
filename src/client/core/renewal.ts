import { pageBase } from "./page-base.js";
import { parseRetryAfter, reconnectDelay } from "./reconnect-delay.js";
import { parseAddress, type StreamAddress, withToken } from "./stream-address.js";

/** What a stream goes on with: its attribute's new value, which may hold a new token. */
export interface Renewed {
  readonly text: string;
  /** With a cookie's token, the same as before. */
  readonly address: StreamAddress;
}

/** Names where the application is asked for a new token; a stream without it asks for its page. */
const renewalAttribute = "data-mercure-renew";

/** For how long a rendering of the page serves streams that expire after it, in milliseconds: they do so together. */
const freshFor = 5_000;

/** How long the first pause after a failure is at least, in milliseconds. */
const firstPause = 500;

interface FetchedPage {
  readonly askedAt: number;
  readonly content: Document | undefined;
}

let queue: Promise<unknown> = Promise.resolve();
let page: FetchedPage | undefined;

/**
 * Gets what a private stream goes on with when its token does no longer: one at a time for all streams of the page, again
 * and again where nobody answers. Undefined when the stream is not granted any more, or was never private.
 *
 * With an address for it, the application is asked by the old token, which only says what it was for. Without, the page
 * is fetched anew, as its reader would by reloading it: whoever has only got hold of a token gets no other.
 */
export function renew(
  element: Element,
  text: string,
  address: StreamAddress,
  signal: AbortSignal,
): Promise<Renewed | undefined> {
  if (!address.isPrivate) return Promise.resolve(undefined);
  const askedAt = performance.now();
  const turn = queue.then(() => untilAnswered(signal, () => attempt(element, text, address, askedAt)));
  queue = turn;
  return turn;
}

/** Thrown by an attempt that another may mend. */
class Unanswered {
  readonly retryAfter: number;

  constructor(retryAfter = 0) {
    this.retryAfter = retryAfter;
  }
}

async function untilAnswered<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T | undefined> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Unanswered)) return undefined;
      await pause(reconnectDelay(firstPause, failures, error.retryAfter), signal);
    }
  }
  return undefined;
}

async function attempt(
  element: Element,
  text: string,
  address: StreamAddress,
  askedAt: number,
): Promise<Renewed | undefined> {
  const renewal = ownUrl(element.getAttribute(renewalAttribute));
  if (renewal !== undefined) {
    const headers: Record<string, string> = address.token ? { Authorization: `Bearer ${address.token}` } : {};
    const response = await ask(renewal, { method: "POST", headers, redirect: "manual" });
    if (response.status === 204) return { text, address };
    if (response.status === 200) return renewedBy(text, address, await response.json());
    // A token that says nothing to the server, as after its restart with another key. The page may get a new one.
    if (response.status !== 401) return undefined;
  }
  const known = page && page.askedAt > askedAt - freshFor ? renewedFrom(page.content, element, address) : undefined;
  // Otherwise it is the rendering whose token the hub has just refused.
  if (known && known.address.token !== address.token) return known;
  const fresh = renewedFrom(await freshPage(), element, address);
  // Rendered with the very token that does no longer, as by a cache, the page has none to go on with.
  return fresh?.address.token !== undefined && fresh.address.token === address.token ? undefined : fresh;
}

function renewedBy(text: string, address: StreamAddress, answer: { token: string }): Renewed {
  return { text: withToken(text, answer.token), address: { ...address, token: answer.token } };
}

/** The same stream in another rendering of the page: by its id, or else by what it streams. */
function renewedFrom(content: Document | undefined, element: Element, address: StreamAddress): Renewed | undefined {
  if (content === undefined) return undefined;
  const candidates = [...content.querySelectorAll("[sse-connect], [data-sse-connect]")].map((found) => {
    const text = found.getAttribute("sse-connect") ?? found.getAttribute("data-sse-connect") ?? "";
    return { id: found.id, text, address: parseAddress(text, pageBase()) };
  });
  const same = element.id === "" ? undefined : candidates.find(({ id }) => id === element.id);
  return same ?? candidates.find((candidate) => candidate.address.url === address.url);
}

async function freshPage(): Promise<Document | undefined> {
  const askedAt = performance.now();
  const response = await ask(location.href.replace(/#.*/s, ""), { headers: { Accept: "text/html" } });
  const isOwn = response.ok && new URL(response.url).origin === location.origin;
  const content = isOwn ? new DOMParser().parseFromString(await response.text(), "text/html") : undefined;
  page = { askedAt, content };
  return content;
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Unanswered();
  }
  const { status } = response;
  if (status < 500 && status !== 429 && status !== 408) return response;
  throw new Unanswered(parseRetryAfter(response.headers.get("Retry-After"), Date.now()));
}

/** Tokens are sent to the page's own server alone. */
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
