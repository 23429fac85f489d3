import { ElementSource } from "../core/element-source.js";
import type { Markup } from "../core/markup.js";
import { PageStreams } from "../core/page-streams.js";
import type { StreamSource } from "../core/source.js";
import type { StreamAddress } from "../core/stream-address.js";
import { type WatchedElements, watchElements } from "../core/watch-elements.js";
import type { HtmxInternalApi } from "./htmx.js";

interface Registration {
  readonly source: StreamSource;
  readonly type: string;
  readonly listener: EventListenerOrEventListenerObject | null;
}

const registrations = new WeakMap<Element, Registration[]>();
/** The element that htmx is about to pass to its extensions. Sources that they request now belong to it. */
let current: Element | undefined;
/** Whether that element has its source. Other requests in the same turn are for elements outside the document. */
let isServed = false;

/** A source that registers each of its listeners with the element that added it. */
class ListenedSource extends ElementSource {
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: AddEventListenerOptions | boolean,
  ): void {
    super.addEventListener(type, listener, options);
    if (current) registrations.get(current)?.push({ source: this, type, listener });
  }
}

/**
 * Gives each element one source for its whole life, for `htmx.createEventSource`. Each time htmx processes an element,
 * the extension requests a new source and adds its listeners again. Here it receives the same source, and the element's
 * old listeners are dropped. Listeners of elements inside it stay, because htmx does not always process those again.
 */
export class StreamElements extends PageStreams {
  readonly #watched: WatchedElements;

  constructor(api: HtmxInternalApi, markup: Markup) {
    super(markup);
    for (const name of ["htmx:afterProcessNode", "htmx:beforeCleanupElement"]) addEventListener(name, showTarget, true);
    // This is the last event of an element's processing. The extension acts right after it.
    addEventListener("htmx:after-process-node", (event) => this.#beginProcessing(elementOf(event)), true);
    addEventListener("htmx:beforeCleanupElement", (event) => this.#cleanUp(elementOf(event)), true);
    this.#watched = watchElements(markup.selector, {
      added: (element) => {
        const { sseEventSource: source } = api.getInternalData(element);
        if (source instanceof ElementSource) this.comeBack(element, source);
      },
      removed: (element) => this.release(element),
    });
  }

  /** The implementation of `htmx.createEventSource`. */
  readonly createEventSource = (text: string): EventTarget => {
    const element = !isServed && current && this.markup.read(current) === text ? current : undefined;
    isServed = true;
    return this.sourceFor(text, element);
  };

  protected override adopted(element: Element): void {
    this.#watched.add(element);
  }

  protected override newSource(address: StreamAddress): ElementSource {
    return new ListenedSource(address, this);
  }

  #beginProcessing(element: Element): void {
    if (!element.matches(this.markup.selector)) this.release(element);
    dropListeners(element);
    registrations.set(element, []);
    current = element;
    isServed = false;
    queueMicrotask(() => {
      current = undefined;
    });
  }

  #cleanUp(element: Element): void {
    dropListeners(element);
    this.release(element);
  }
}

function dropListeners(element: Element): void {
  for (const { source, type, listener } of registrations.get(element) ?? []) source.removeEventListener(type, listener);
  registrations.delete(element);
}

/** Shows the extension an event's target in a shadow tree, where the event names the tree's host. */
function showTarget(event: Event): void {
  if (event.target !== elementOf(event)) Object.defineProperty(event, "target", { value: elementOf(event) });
}

/** Returns an event's real target. From the window, the target of an event in a shadow tree is the tree's host. */
function elementOf(event: Event): Element {
  return event.composedPath()[0] as Element;
}
