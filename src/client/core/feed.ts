import { idOf } from "./element-id.js";
import { MoreButton } from "./more-button.js";

/**
 * The distance from the end that counts as the end, in CSS pixels. Scroll positions are fractional, fingers imprecise.
 */
const tolerance = 8;

/**
 * Keeps a feed scrolled to its end while its reader is there. Only scrolling up counts as leaving: the distance to the
 * end also grows with the content, and scroll events arrive late.
 */
export class AutoScroller {
  readonly #feed: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #more: MoreButton;
  readonly #sizes = new ResizeObserver(() => this.#settle());
  readonly #changes = new MutationObserver((records) => this.#change(records));
  readonly #label: string;
  #pinned: boolean;
  #lastTop = 0;
  /** The number of new items below a reader who has scrolled up. */
  #news = 0;

  constructor(feed: HTMLElement, pinned: boolean) {
    this.#feed = feed;
    this.#pinned = pinned;
    this.#scroller = scrollerOf(feed);
    this.#lastTop = this.#scroller.scrollTop;
    this.#label = feed.dataset.moreLabel || "{n} new";
    this.#more = new MoreButton(feed, this.#scroller, () => this.#returnToEnd());
    this.#sizes.observe(this.#scroller);
    for (const item of feed.children) this.#sizes.observe(item);
    this.#changes.observe(feed, { childList: true, subtree: true, characterData: true });
    feed.addEventListener("load", this.#settle, true);
    this.#scrollTarget.addEventListener("scroll", this.#scrolled, { passive: true });
    this.#settle();
  }

  dispose(): void {
    this.#sizes.disconnect();
    this.#changes.disconnect();
    this.#feed.removeEventListener("load", this.#settle, true);
    this.#scrollTarget.removeEventListener("scroll", this.#scrolled);
    this.#more.hide();
  }

  skipSnapshot(): void {
    this.#more.skipSnapshot();
  }

  /** The target of scroll events. For the page's own scroller it is the document. */
  get #scrollTarget(): EventTarget {
    return this.#scroller === document.scrollingElement ? document : this.#scroller;
  }

  /** Adjusts the feed after a possible change of its size. Content can also shrink until its end is visible. */
  readonly #settle = (): void => {
    if (this.#pinned) this.#toEnd("instant");
    else if (this.#isAtEnd()) this.#pin();
    else this.#more.place();
  };

  readonly #scrolled = (): void => {
    const { scrollTop, clientHeight } = this.#scroller;
    // A hidden feed has no scroll position. It keeps its last state.
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
    if (!this.#pinned && bringsNewEnd(records, this.#feed)) {
      this.#news += newItems(records, this.#feed);
      this.#more.show(this.#label.replace("{n}", `${this.#news}`));
    }
    this.#settle();
  }

  #returnToEnd(): void {
    this.#pinned = true;
    this.#news = 0;
    this.#toEnd(matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth");
  }

  #pin(): void {
    this.#pinned = true;
    this.#news = 0;
    this.#more.hide();
  }

  /**
   * Scrolls to the end. It overrides the style's scroll-behavior: a smooth scroll would still run when the next item
   * comes.
   */
  #toEnd(behavior: ScrollBehavior): void {
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
    this.#lastTop = this.#scroller.scrollTop;
  }

  #isAtEnd(): boolean {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroller;
    return scrollHeight - clientHeight - scrollTop <= tolerance;
  }
}

/**
 * Returns the element that scrolls a feed: the feed, an ancestor or the page. A table's rows cannot scroll.
 */
function scrollerOf(feed: HTMLElement): HTMLElement {
  const isTable = getComputedStyle(feed).display.startsWith("table");
  if (!isTable && getComputedStyle(feed).overflowY !== "visible") return feed;
  for (let element = feed.parentElement; element && element !== document.body; element = element.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(element).overflowY)) return element;
  }
  return document.scrollingElement as HTMLElement;
}

/** Returns the number of items that records add, without those that replace an item of the same id. */
function newItems(records: MutationRecord[], feed: Element): number {
  const own = records.filter(({ target }) => target === feed);
  const removed = own.flatMap(({ removedNodes }) => [...removedNodes]);
  const added = new Set(own.flatMap(({ addedNodes }) => [...addedNodes]));
  return [...added].filter((node) => {
    return node instanceof Element && node.parentNode === feed && !removed.some((old) => hasSameId(old, node));
  }).length;
}

/** Returns whether records add a new last item. An item replaced in place is not new, even as the last one. */
function bringsNewEnd(records: MutationRecord[], feed: Element): boolean {
  const last = feed.lastElementChild;
  const own = records.filter((record) => record.target === feed);
  const added = own.some((record) => last && [...record.addedNodes].includes(last));
  const replaced = own.some((record) => [...record.removedNodes].some((node) => hasSameId(node, last)));
  return added && !replaced;
}

function hasSameId(node: Node, item: Element | null): boolean {
  return node instanceof Element && item !== null && idOf(item) !== "" && idOf(node) === idOf(item);
}
