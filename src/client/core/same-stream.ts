import type { Markup } from "./markup.js";
import { pageBase } from "./page-base.js";
import { parseAddress, type StreamAddress } from "./stream-address.js";

/** A stream in another rendering of its page. */
export interface RenderedStream {
  readonly element: Element;
  /** The URL in the markup. */
  readonly text: string;
  readonly address: StreamAddress;
}

/** Finds the same stream in another rendering of the page, by its element's id or else by its URL. */
export function sameStream(
  markup: Markup,
  content: Document | undefined,
  { id }: Element,
  { url }: StreamAddress,
): RenderedStream | undefined {
  const candidates = [...(content?.querySelectorAll(markup.selector) ?? [])].map((element) => {
    const text = markup.read(element);
    return { element, text, address: parseAddress(text, pageBase()) };
  });
  const same = candidates.find(({ element }) => id !== "" && element.id === id);
  return same ?? candidates.find(({ address }) => address.url === url);
}
