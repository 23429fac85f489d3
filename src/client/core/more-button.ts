/** The distance of the button from the feed's lower edge, in CSS pixels. */
const distance = 12;
/** The elements that cannot have a button among their children. */
const lists = "table, thead, tbody, tfoot, tr, ul, ol, menu, dl, select";

/**
 * The button over the lower edge of a feed. It follows the feed in the tab order, and floats, so that it moves no
 * content. The CSSOM positions it, because a strict Content Security Policy allows that.
 */
export class MoreButton {
  readonly #feed: HTMLElement;
  readonly #scroller: HTMLElement;
  readonly #button: HTMLButtonElement;
  #left = 0;
  #top = 0;

  constructor(feed: HTMLElement, scroller: HTMLElement, onClick: () => void) {
    this.#feed = feed;
    this.#scroller = scroller;
    this.#button = document.createElement("button");
    this.#button.type = "button";
    this.#button.className = "mercure-more";
    this.#button.style.position = "absolute";
    this.#button.addEventListener("click", onClick);
    // A press keeps the focus where the reader types. On a phone, losing the focus would also close the keyboard.
    this.#button.addEventListener("mousedown", (event) => event.preventDefault());
  }

  show(label: string): void {
    this.#button.textContent = label;
    if (this.#button.isConnected) this.place();
    else this.#insert();
  }

  #insert(): void {
    holderOf(this.#scroller === document.scrollingElement ? this.#feed : this.#scroller).after(this.#button);
    addEventListener("resize", this.place);
    document.addEventListener("scroll", this.place, { capture: true, passive: true });
    this.place();
  }

  /** Removes the button. If the button has the focus, the focus goes back to the feed. */
  hide(): void {
    if (!this.#button.isConnected) return;
    if (document.activeElement === this.#button) {
      focusOn(this.#scroller === document.scrollingElement ? this.#feed : this.#scroller);
    }
    this.#remove();
  }

  /** Removes the button from the page until the end of this turn, so that the copy that htmx makes now lacks it. */
  skipSnapshot(): void {
    if (!this.#button.isConnected) return;
    const focused = document.activeElement === this.#button;
    this.#remove();
    queueMicrotask(() => {
      if (!this.#scroller.isConnected) return;
      this.#insert();
      if (focused) this.#button.focus({ preventScroll: true });
    });
  }

  /** Moves the button by the difference between its place and its target. Any containing block works. */
  readonly place = (): void => {
    if (!this.#button.isConnected) return;
    const feed = visiblePart(this.#scroller);
    const own = this.#button.getBoundingClientRect();
    this.#left += feed.left + this.#scroller.clientWidth / 2 - (own.left + own.width / 2);
    this.#top += feed.bottom - distance - own.bottom;
    this.#button.style.left = `${this.#left}px`;
    this.#button.style.top = `${this.#top}px`;
  };

  #remove(): void {
    this.#button.remove();
    removeEventListener("resize", this.place);
    document.removeEventListener("scroll", this.place, { capture: true });
  }
}

/** Returns the place of a scroller in the window. The page's own scroller fills the window. */
function visiblePart(scroller: HTMLElement): { left: number; bottom: number } {
  if (scroller === document.scrollingElement) return { left: 0, bottom: innerHeight };
  const { left, bottom } = scroller.getBoundingClientRect();
  return { left: left + scroller.clientLeft, bottom };
}

function holderOf(scroller: HTMLElement): Element {
  let holder: Element = scroller;
  while (holder.parentElement?.matches(lists)) holder = holder.parentElement;
  return holder;
}

function focusOn(feed: HTMLElement): void {
  if (feed.tabIndex < 0 && !feed.hasAttribute("tabindex")) {
    feed.tabIndex = -1;
    feed.addEventListener("blur", () => feed.removeAttribute("tabindex"), { once: true });
  }
  feed.focus({ preventScroll: true });
}
