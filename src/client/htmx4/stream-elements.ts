import { closeEvent } from "../../protocol/event-types.js";
import { PageStreams } from "../core/page-streams.js";
import { type StreamAddress, withCursor } from "../core/stream-address.js";
import { type WatchedElements, watchElements } from "../core/watch-elements.js";
import type { StreamState } from "../index.js";
import { type Arrival, deliver } from "./delivery.js";
import type { Htmx, InternalApi } from "./htmx.js";
import { InboxSource, type Receiver } from "./inbox-source.js";
import { markupOf, selector } from "./markup.js";

/**
 * Gives each element with a connection one source for its whole life. The extension `hx-sse` leaves the element alone,
 * because htmx's data about the element already names the source as its connection.
 */
export class StreamElements extends PageStreams implements Receiver {
  readonly #htmx: Htmx;
  readonly #api: InternalApi;
  readonly #processed = new Set<Element>();
  readonly #watched: WatchedElements;

  constructor(htmx: Htmx, api: InternalApi) {
    super(markupOf(htmx, (element) => (this.sourceOf(element) as InboxSource).shownId));
    this.#htmx = htmx;
    this.#api = api;
    this.#watched = watchElements(selector, {
      added: (element) => {
        const source = this.sourceOf(element);
        if (source) this.comeBack(element, source);
      },
      removed: (element) => this.release(element),
    });
  }

  /** Must be called before htmx processes an element and its descendants. */
  process(root: ParentNode): void {
    for (const element of this.#processed) if (!element.matches(selector)) this.release(element);
    for (const element of [root as Element, ...root.querySelectorAll(selector)]) {
      if (!element.matches?.(selector)) continue;
      // The extension connects even elements that htmx ignores, unless they have a connection.
      if (element.closest("[hx-ignore], [data-hx-ignore]")) this.#api.htmxProp(element).sse ??= { lastEventId: "" };
      else this.#connect(element);
    }
  }

  override release(element: Element): void {
    this.#processed.delete(element);
    super.release(element);
  }

  async deliver(source: InboxSource, arrival: Arrival): Promise<void> {
    const element = source.element!;
    const { type } = arrival.message;
    await deliver(this.#htmx, this.#api, element, source, arrival);
    if (type === closeEvent || type !== this.#api.attributeValue(element, "hx-sse:close")) return;
    source.discard();
    source.finish(type);
  }

  report(connection: InboxSource, error: Event): void {
    if (error.type === "open") this.#trigger(connection, "after:connection");
    else this.#trigger(connection, "error", { error });
  }

  override changed(connection: InboxSource, state: StreamState): void {
    super.changed(connection, state);
    if (state === "ended" || state === "denied") this.#trigger(connection, "close", { reason: state });
  }

  protected override adopted(element: Element): void {
    this.#watched.add(element);
  }

  protected override newSource(address: StreamAddress): InboxSource {
    return new InboxSource(address, this);
  }

  protected override restarted(source: InboxSource): void {
    source.discard();
  }

  /** Triggers an event of the extension. */
  #trigger(connection: InboxSource, name: string, detail: object = {}): void {
    this.#api.triggerHtmxEvent(connection.element!, `htmx:sse:${name}`, { connection, ...detail });
  }

  #connect(element: Element): void {
    const property = this.#api.htmxProp(element);
    const { sse } = property;
    const text = this.markup.read(element);
    // The extension connected before this script ran. Its last message is in the page.
    const foreign = sse?.abortController && sse.lastEventId;
    sse?.abortController?.abort();
    this.#processed.add(element);
    property.sse = this.sourceFor(foreign ? withCursor(text, foreign) : text, element);
  }
}
