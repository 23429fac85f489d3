import { endMessage, type StreamEnd } from "../core/end-message.js";
import { pageBase } from "../core/page-base.js";
import { renew } from "../core/renewal.js";
import { StreamSource } from "../core/source.js";
import { parseAddress, type StreamAddress, textAtCursor } from "../core/stream-address.js";
import { recallToken, rememberToken } from "../core/token-memory.js";
import { watchElements } from "../core/watch-elements.js";
import type { MercureStream } from "../index.js";
import type { HtmxInternalApi } from "./htmx.js";
import { showPageState } from "./page-state.js";
import { refetch } from "./refetch.js";
import { stateAttribute, writeState } from "./state-attribute.js";

/** The two names of the attribute. htmx accepts both for each of its attributes. */
const connectAttributes = ["sse-connect", "data-sse-connect"];
export const streamSelector = connectAttributes.map((name) => `[${name}]`).join();

interface Stream {
  readonly source: ElementSource;
  /** The attribute's value for the source's current address. */
  text: string;
  /** Whether the source closed because its element left the page. It resumes when the element comes back. */
  released: boolean;
}

interface Registration {
  readonly source: StreamSource;
  readonly type: string;
  readonly listener: EventListenerOrEventListenerObject | null;
}

const streams = new WeakMap<Element, Stream>();
const registrations = new WeakMap<Element, Registration[]>();
let htmx: HtmxInternalApi;
/** The element that htmx is about to pass to its extensions. Sources that they request now belong to it. */
let current: Element | undefined;

/** A source that knows its element, and registers each of its listeners with the element that added it. */
class ElementSource extends StreamSource {
  element: Element | undefined;

  constructor(address: StreamAddress) {
    const report = (name: string, detail: object, cancelable = false): boolean => {
      return (this.element ?? document).dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable, detail }));
    };
    const end = (name: string, detail: StreamEnd) => {
      console.warn(endMessage(detail, new Date()));
      report(name, detail);
    };
    super(address, location.origin, {
      changed: (state, previous) => {
        if (this.element) writeState(htmx, this.element, state);
        showPageState(allStreams);
        report("mercure:state", { state, previous, url: this.url });
      },
      failed: (detail) => end("mercure:error", detail),
      ended: (detail) => end("mercure:end", detail),
      gap: (detail) => {
        const { element } = this;
        if (report("mercure:gap", detail, true) && element && !isRefetchedByPage(element)) {
          void refetch(htmx, element, this.address);
        }
      },
      renew: (expired, signal) => renewStream(this.element, expired, signal),
    });
  }

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
 * Gives each element one source for its whole life, and returns the implementation of `htmx.createEventSource`. Each
 * time htmx processes an element, the extension asks for a new source and adds its listeners again. Here it gets the
 * same source back, and the element's old listeners are dropped. Listeners of elements inside it stay, because htmx
 * does not always process those again.
 */
export function installStreams(api: HtmxInternalApi): (url: string) => EventTarget {
  htmx = api;
  // This is the last event of an element's processing. The extension acts right after it.
  addEventListener("htmx:after-process-node", (event) => beginProcessing(elementOf(event)), true);
  addEventListener("htmx:beforeCleanupElement", (event) => cleanUp(elementOf(event)), true);
  watchElements(streamSelector, {
    added(element) {
      const { sseEventSource: source } = api.getInternalData(element);
      if (source instanceof ElementSource) comeBack(element, source);
    },
    removed: release,
  });
  return sourceFor;
}

export function openSources(): StreamSource[] {
  return openStreams().map(([, { source }]) => source);
}

/** Returns each stream of the page, also those that have ended. */
export function allStreams(): MercureStream[] {
  return [...document.querySelectorAll(streamSelector)].flatMap((element) => {
    const source = streams.get(element)?.source;
    return source ? [{ element, state: source.state, url: source.url }] : [];
  });
}

/** Writes each stream's position into its element, and removes its token. A copy of the page resumes from there. */
export function writePositions(): void {
  for (const [element, stream] of openStreams()) {
    const { address, lastEventId } = stream.source;
    if (address.token) rememberToken(address.url, address.token);
    stream.text = textAtCursor(stream.text, lastEventId, address.cursorName);
    element.setAttribute(attributeOf(element), stream.text);
    element.removeAttribute(stateAttribute);
  }
}

/** Parses the address in an attribute. It restores a token that was removed when the page went into the history. */
export function addressIn(text: string): StreamAddress {
  const address = parseAddress(text, pageBase());
  return address.token === "" ? { ...address, token: recallToken(address.url) } : address;
}

export function attributeOf(element: Element): string {
  return connectAttributes.find((name) => element.hasAttribute(name)) ?? "sse-connect";
}

/** Returns whether the page's own markup fetches the stream's content again after a gap. */
function isRefetchedByPage(element: Element): boolean {
  return element.closest('[hx-trigger*="mercure:gap"], [data-hx-trigger*="mercure:gap"]') !== null;
}

function openStreams(): [Element, Stream][] {
  return [...document.querySelectorAll(streamSelector)].flatMap((element): [Element, Stream][] => {
    const stream = streams.get(element);
    return stream && stream.source.readyState !== stream.source.CLOSED ? [[element, stream]] : [];
  });
}

function beginProcessing(element: Element): void {
  if (!element.matches(streamSelector)) release(element);
  dropListeners(element);
  registrations.set(element, []);
  current = element;
  queueMicrotask(() => {
    current = undefined;
  });
}

function sourceFor(text: string): StreamSource {
  const element = current?.getAttribute(attributeOf(current)) === text ? current : undefined;
  const stream = element && streams.get(element);
  if (!stream) return newSource(text, element);
  if (stream.released || stream.text !== text) follow(stream, text);
  return stream.source;
}

/** Creates a source. The element is unknown when htmx processes it outside the document: {@link comeBack} adopts it. */
function newSource(text: string, element: Element | undefined): StreamSource {
  const source = new ElementSource(addressIn(text));
  if (element) adopt(element, source, text);
  return source;
}

function adopt(element: Element, source: ElementSource, text: string): void {
  source.element = element;
  streams.set(element, { source, text, released: false });
  writeState(htmx, element, source.state);
  showPageState(allStreams);
}

/**
 * Moves a stream to the attribute's new value. A changed cursor comes from the server and matches the content that came
 * with it. Otherwise the source's own cursor is newer. When only the token changed, an open connection stays, and the
 * next one uses the new token.
 */
function follow(stream: Stream, text: string): void {
  const { source } = stream;
  const before = addressIn(stream.text);
  const address = addressIn(text);
  const sameCursor = address.cursor === before.cursor;
  stream.text = text;
  stream.released = false;
  if (sameCursor && address.url === before.url && source.readyState === source.OPEN) source.renewToken(address);
  else source.reopen(address, sameCursor ? source.lastEventId : (address.cursor ?? ""));
}

/** Renews a stream, and writes its new address to the attribute, so that htmx cannot bring the old one back. */
async function renewStream(
  element: Element | undefined,
  expired: StreamAddress,
  signal: AbortSignal,
): Promise<StreamAddress | undefined> {
  const stream = element && streams.get(element);
  if (!stream) return undefined;
  const renewed = await renew(element, stream.text, expired, signal);
  if (renewed === undefined || signal.aborted) return undefined;
  stream.text = renewed.text;
  element.setAttribute(attributeOf(element), renewed.text);
  return renewed.address;
}

function comeBack(element: Element, source: ElementSource): void {
  const stream = streams.get(element);
  if (!stream) adopt(element, source, element.getAttribute(attributeOf(element)) ?? "");
  else if (stream.released) follow(stream, stream.text);
}

/**
 * Closes the source of an element that leaves the page. A source that a message or a refusal has closed stays closed.
 */
function release(element: Element): void {
  const stream = streams.get(element);
  if (!stream || stream.source.readyState === stream.source.CLOSED) return;
  stream.released = true;
  stream.source.close();
}

function cleanUp(element: Element): void {
  dropListeners(element);
  release(element);
}

function dropListeners(element: Element): void {
  for (const { source, type, listener } of registrations.get(element) ?? []) source.removeEventListener(type, listener);
  registrations.delete(element);
}

/** Returns an event's real target. From the window, the target of an event in a shadow tree is the tree's host. */
function elementOf(event: Event): Element {
  return event.composedPath()[0] as Element;
}
