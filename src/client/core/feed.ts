import { MoreButton } from "./more-button.js";

/** As near to the end as this, in CSS pixels, is at the end: scroll positions are fractional and fingers imprecise. */
const tolerance = 8;

/**
 * Keeps a feed at its end for as long as its reader is there. Only scrolling up counts as leaving: the distance to the
 * end also grows when content does, and events of scrolling come late.
 */
export class Feed {
  readonly #feed: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #more: MoreButton;
  readonly #sizes = new ResizeObserver(() => this.#settle());
  readonly #changes = new MutationObserver((records) => this.#change(records));
  #pinned = true;
  #lastTop = 0;

  constructor(feed: HTMLElement) {
    this.#feed = feed;
    this.#scroller = scrollerOf(feed);
    this.#more = new MoreButton(this.#scroller, feed.dataset.moreLabel || "New messages", () => this.#returnToEnd());
    this.#sizes.observe(this.#scroller);
    for (const item of feed.children) this.#sizes.observe(item);
    this.#changes.observe(feed, { childList: true, subtree: true, characterData: true });
    feed.addEventListener("load", this.#settle, true);
    this.#scroller.addEventListener("scroll", this.#scrolled, { passive: true });
    this.#settle();
  }

  dispose(): void {
    this.#sizes.disconnect();
    this.#changes.disconnect();
    this.#feed.removeEventListener("load", this.#settle, true);
    this.#scroller.removeEventListener("scroll", this.#scrolled);
    this.#more.hide();
  }

  skipSnapshot(): void {
    this.#more.skipSnapshot();
  }

  /** After anything that may have changed a size. Content can also shrink until its end is in view. */
  readonly #settle = (): void => {
    if (this.#pinned) this.#toEnd("instant");
    else if (this.#isAtEnd()) this.#pin();
    else this.#more.place();
  };

  readonly #scrolled = (): void => {
    const { scrollTop, clientHeight } = this.#scroller;
    // A feed that is not displayed has no position, and keeps the one it had.
    if (clientHeight === 0) return;
    if (this.#isAtEnd()) this.#pin();
    else if (scrollTop < this.#lastTop - 1) this.#pinned = false;
    this.#lastTop = scrollTop;
  };

  #change(records: MutationRecord[]): void {
    for (const record of records) {
      if (record.target !== this.#feed) continue;
      for (const node of record.removedNodes) if (node instanceof Element) this.#sizes.unobserve(node);
      for (const node of record.addedNodes) {
        if (node instanceof Element && node.parentNode === this.#feed) this.#sizes.observe(node);
      }
    }
    if (!this.#pinned && bringsNewEnd(records, this.#feed)) this.#more.show();
    this.#settle();
  }

  #returnToEnd(): void {
    this.#pinned = true;
    this.#toEnd(matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth");
  }

  #pin(): void {
    this.#pinned = true;
    this.#more.hide();
  }

  /** Never by the style's own scroll-behavior: a smooth scroll would still be on its way when the next item comes. */
  #toEnd(behavior: ScrollBehavior): void {
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
    this.#lastTop = this.#scroller.scrollTop;
  }

  #isAtEnd(): boolean {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroller;
    return scrollHeight - clientHeight - scrollTop <= tolerance;
  }
}

/** The rows of a table cannot scroll: what does is around the table. */
function scrollerOf(feed: HTMLElement): HTMLElement {
  if (!getComputedStyle(feed).display.startsWith("table")) return feed;
  for (let element = feed.parentElement; element; element = element.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(element).overflowY)) return element;
  }
  return feed;
}

/** An item replaced in place is no news, even if it is the last. */
function bringsNewEnd(records: MutationRecord[], feed: Element): boolean {
  const last = feed.lastElementChild;
  const own = records.filter((record) => record.target === feed);
  const added = own.some((record) => last && [...record.addedNodes].includes(last));
  const replaced = own.some((record) => [...record.removedNodes].some((node) => isOfId(node, last?.id)));
  return added && !replaced;
}

function isOfId(node: Node, id: string | undefined): boolean {
  return Boolean(id) && node instanceof Element && node.id === id;
}
