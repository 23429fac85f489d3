import { keepFocus } from "./edited-field.js";
import type { Markup } from "./markup.js";
import { pageSince } from "./page-fetch.js";
import { prepareReplacement } from "./replacement.js";
import { sameStream } from "./same-stream.js";
import type { StreamAddress } from "./stream-address.js";

/** The min time between a gap and one that counts as new, in milliseconds. */
const calmAfter = 60_000;
/** The base and the max of the pause before a repeated refetch, in milliseconds. */
const basePause = 2_000;
const maxPause = 60_000;

interface Refetches {
  count: number;
  lastAt: number;
}

/** The refetches of each stream, by its URL, because each refetch replaces the stream's element. */
const refetches = new Map<string, Refetches>();

/**
 * Fetches the page again, and replaces a stream's element by the same stream of that page, with its content and its
 * position. Open elements, drafts, scroll positions and the focus stay, and so does a field that the visitor is
 * changing. The element stays unchanged if the page cannot be fetched or lacks the stream, as after a redirect to a
 * sign-in page. If the new page has a gap at once, for example from a cache, the pauses between refetches grow.
 */
export async function refetch(markup: Markup, element: Element, address: StreamAddress): Promise<void> {
  await pauseBefore(address.url);
  if (!element.isConnected) return;
  const page = await pageSince(performance.now()).catch(() => undefined);
  const fresh = sameStream(markup, page, element, address)?.element;
  if (fresh === undefined || !element.isConnected || !prepareReplacement(element, fresh)) return;
  keepFocus(page!, true);
  const fragment = new DocumentFragment();
  fragment.append(document.importNode(fresh, true));
  markup.replace(element, fragment);
}

async function pauseBefore(url: string): Promise<void> {
  const now = Date.now();
  const known = refetches.get(url);
  const count = known && now - known.lastAt < calmAfter ? known.count : 0;
  const pause = Math.min(maxPause, count && basePause * 2 ** (count - 1)) * (0.5 + Math.random() / 2);
  refetches.set(url, { count: count + 1, lastAt: now + pause });
  if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
}
