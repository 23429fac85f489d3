import type { MercureStream, StreamState } from "../index.js";
import { ElementSource, type SourceOwner } from "./element-source.js";
import { type Markup, stateAttribute } from "./markup.js";
import { pageBase } from "./page-base.js";
import { showPageState } from "./page-state.js";
import { whenActivated } from "./page-visibility.js";
import { refetch } from "./refetch.js";
import { renew } from "./renewal.js";
import type { StreamSource } from "./source.js";
import { parseAddress, type StreamAddress, textAtCursor } from "./stream-address.js";
import { recallToken, rememberToken } from "./token-memory.js";

interface Stream {
  source: ElementSource;
  /** The URL in the markup for the source's current address. */
  text: string;
  /** Whether the source closed because its element left the page. It resumes when the element comes back. */
  released: boolean;
}

/** The streams of the page. Each element has one source for its whole life. */
export class PageStreams implements SourceOwner {
  protected readonly markup: Markup;
  readonly #streams = new WeakMap<Element, Stream>();
  /** The elements with a source that can be in the page, including those in shadow trees. */
  readonly #elements = new Set<Element>();

  constructor(markup: Markup) {
    this.markup = markup;
  }

  /** Each stream of the page, including the ended ones. */
  get all(): MercureStream[] {
    return this.#present().map(([element, { source }]) => ({ element, state: source.state, url: source.url }));
  }

  get openSources(): StreamSource[] {
    return this.#open().map(([, { source }]) => source);
  }

  sourceOf(element: Element): ElementSource | undefined {
    return this.#streams.get(element)?.source;
  }

  /**
   * Returns the source for a URL. The element is unknown while it is outside the document, for example when
   * `hx-preserve` or a newer message has displaced it. Its source stays quiet until {@link comeBack} adopts it.
   */
  sourceFor(text: string, element: Element | undefined): ElementSource {
    const stream = element && this.#streams.get(element);
    if (!stream) {
      const source = this.newSource(this.#addressIn(text));
      if (element) this.#adopt(element, source, text);
      return source;
    }
    if (stream.released || stream.text !== text) this.#follow(stream, text);
    return stream.source;
  }

  /** Resumes the stream of an element that has come into the page. htmx can have given it another source meanwhile. */
  comeBack(element: Element, source: ElementSource): void {
    const stream = this.#streams.get(element);
    const text = this.markup.read(element);
    if (!stream) {
      this.#adopt(element, source, text);
      return;
    }
    this.#elements.add(element);
    if (stream.source === source && !stream.released) return;
    const { lastEventId } = stream.source;
    stream.source = source;
    source.element = element;
    this.#follow(stream, text, lastEventId);
  }

  /**
   * Closes the source of an element that leaves the page. A source that a message or a refusal has closed stays closed.
   */
  release(element: Element): void {
    const stream = this.#streams.get(element);
    if (!stream) return;
    showPageState(() => this.all);
    if (stream.source.readyState === stream.source.CLOSED) return;
    stream.released = true;
    stream.source.close();
  }

  /** Writes each stream's position into its element, and removes its token. A copy of the page resumes from there. */
  writePositions(): void {
    for (const [element, stream] of this.#open()) {
      const { address, lastEventId } = stream.source;
      if (address.token) rememberToken(address.url, address.token);
      const position = this.markup.positionOf?.(element) ?? lastEventId;
      this.#write(element, stream, textAtCursor(stream.text, position, address.cursorName));
      element.removeAttribute(stateAttribute);
    }
  }

  /** Returns whether a snapshot of the page has a stream whose token is no longer in memory. */
  lacksToken(html: string): boolean {
    const { body } = new DOMParser().parseFromString(html, "text/html");
    return [...body.querySelectorAll(this.markup.selector)].some((element) => {
      const text = this.markup.read(element);
      return /[?&#]authorization=(&|$)/.test(text) && this.#addressIn(text).token === undefined;
    });
  }

  changed({ element }: ElementSource, state: StreamState): void {
    if (element) this.markup.writeState(element, state);
    showPageState(() => this.all);
  }

  gap({ element, address }: ElementSource): void {
    if (element && !isRefetchedByPage(element)) void refetch(this.markup, element, address);
  }

  /** Renews a stream, and writes its new address to the markup, so that htmx cannot bring the old one back. */
  async renew(
    { element }: ElementSource,
    expired: StreamAddress,
    signal: AbortSignal,
  ): Promise<StreamAddress | undefined> {
    const stream = element && this.#streams.get(element);
    if (!stream) return undefined;
    const renewed = await renew({ element, text: stream.text, address: expired, markup: this.markup, signal });
    if (renewed === undefined || signal.aborted) return undefined;
    this.#write(element, stream, renewed.text);
    return renewed.address;
  }

  protected newSource(address: StreamAddress): ElementSource {
    return new ElementSource(address, this);
  }

  /** Called when a stream restarts from the position of fresh content. */
  protected restarted(_source: ElementSource): void {}

  /**
   * Writes a stream's URL. The stored text is what the markup returns, with a possibly different order of parameters.
   */
  #write(element: Element, stream: Stream, text: string): void {
    this.markup.write(element, text);
    stream.text = this.markup.read(element);
  }

  #present(): [Element, Stream][] {
    return [...this.#elements].flatMap((element): [Element, Stream][] => {
      const stream = this.#streams.get(element);
      if (stream && element.isConnected) return [[element, stream]];
      this.#elements.delete(element);
      return [];
    });
  }

  #open(): [Element, Stream][] {
    return this.#present().filter(([, { source }]) => source.readyState !== source.CLOSED);
  }

  /** Parses a URL of the markup. It restores a token that was removed when the page went into the history. */
  #addressIn(text: string): StreamAddress {
    const address = parseAddress(text, pageBase());
    return address.token === "" ? { ...address, token: recallToken(address.url) } : address;
  }

  #adopt(element: Element, source: ElementSource, text: string): void {
    source.element = element;
    this.#streams.set(element, { source, text, released: false });
    this.#elements.add(element);
    this.adopted(element);
    whenActivated(() => {
      if (source.readyState !== source.CLOSED) source.start();
    });
    this.changed(source, source.state);
  }

  /** Called for each element in the page that has got a source. */
  protected adopted(_element: Element): void {}

  /**
   * Moves a stream to a new URL of its markup. A changed cursor comes from the server and matches the content that came
   * with it. Otherwise the source's own cursor is newer. If only the token changed, an open connection stays, and the
   * next one uses the new token.
   */
  #follow(stream: Stream, text: string, position = stream.source.lastEventId): void {
    const { source } = stream;
    const before = this.#addressIn(stream.text);
    const address = this.#addressIn(text);
    const sameCursor = address.cursor === before.cursor;
    stream.text = text;
    stream.released = false;
    if (!sameCursor) this.restarted(source);
    if (sameCursor && address.url === before.url && source.readyState === source.OPEN) source.renewToken(address);
    else source.reopen(address, sameCursor ? position : (address.cursor ?? ""));
  }
}

/** Returns whether the page's own markup fetches the stream's content again after a gap. */
function isRefetchedByPage(element: Element): boolean {
  return element.closest('[hx-trigger*="mercure:gap"], [data-hx-trigger*="mercure:gap"]') !== null;
}
