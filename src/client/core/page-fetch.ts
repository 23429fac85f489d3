import { parseRetryAfter } from "./reconnect-delay.js";

interface FetchedPage {
  readonly askedAt: number;
  readonly content: Promise<Document | undefined>;
}

let latest: FetchedPage | undefined;

/** A failed attempt that is worth a retry. */
export class RetryableError {
  readonly retryAfter: number;

  constructor(retryAfter = 0) {
    this.retryAfter = retryAfter;
  }
}

/**
 * Fetches the page, as a reload would, or returns a page that was requested at the time or later. Streams of one page
 * share a request. Resolves to undefined for the answer of another page.
 *
 * @param time - On the clock of `performance.now()`, in milliseconds.
 */
export function pageSince(time: number): Promise<Document | undefined> {
  if (latest === undefined || latest.askedAt < time) {
    const page = { askedAt: performance.now(), content: fetchPage() };
    latest = page;
    // A failed request must not serve other streams.
    page.content.catch(() => {
      if (latest === page) latest = undefined;
    });
  }
  return latest.content;
}

async function fetchPage(): Promise<Document | undefined> {
  const response = await ask(location.href.replace(/#.*/s, ""), { headers: { Accept: "text/html" } });
  const isOwn = response.ok && new URL(response.url).origin === location.origin;
  return isOwn ? new DOMParser().parseFromString(await response.text(), "text/html") : undefined;
}

/** @throws RetryableError if the server cannot answer now. */
export async function ask(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new RetryableError();
  }
  const { status } = response;
  if (status < 500 && status !== 429 && status !== 408) return response;
  throw new RetryableError(parseRetryAfter(response.headers.get("Retry-After"), Date.now()));
}
