import { streamKeyParameter } from "../../protocol/stream-key.js";
import type { ConnectionReceiver, Outcome, Reading, Wire } from "./connection.js";
import { SharedConnection } from "./shared-connection.js";
import { TabStreams } from "./tab-streams.js";

/** The attribute with the mark of a private stream's viewer. */
const viewerAttribute = "data-mercure-viewer";
/** The viewer of a page whose private streams have no mark. Such a page shares no connection with other tabs. */
const unknownViewer = "?";

/** The random names of streams, by their elements. */
const keys = new WeakMap<Element, string>();

const connections = new Map<string, { read(reading: Reading): Promise<Outcome> }>();

/**
 * Reads a stream over the connection that all streams of the same hub and viewer share: the streams of the page, and
 * over HTTP/1.1 those of all tabs. A stream of another hub has a connection of its own.
 *
 * @param meta - The element with the URL of the hub's shared connections.
 * @param element - The element of the stream. The element of a private stream has the mark of its viewer.
 */
export function read(
  meta: HTMLMetaElement,
  reading: Reading,
  element: Element | undefined,
  ...wire: Wire
): Promise<Outcome> {
  const { origin, pathname } = new URL(reading.address.url);
  const shared = new URL(meta.content, location.href);
  if (origin !== location.origin || shared.origin !== origin || shared.pathname !== `${pathname}/streams`) {
    return wire[0](reading);
  }
  // The public streams of a page share the connection of its private ones.
  const marked = reading.address.isPrivate ? element : document.querySelector(`[${viewerAttribute}]`);
  const viewer = marked?.getAttribute(viewerAttribute) ?? (reading.address.isPrivate ? unknownViewer : "");
  // After a deployment, tabs with another version of the script do not understand each other.
  const name = [shared.pathname, viewer, meta.dataset.script].join(" ");
  let connection = connections.get(name);
  if (connection === undefined) {
    const ofPage = new SharedConnection(shared.href, wire);
    connection = viewer !== unknownViewer && canShareTabs() ? new TabStreams(name, ofPage) : ofPage;
    connections.set(name, connection);
  }
  const { receiver, call } = inTime(reading.receiver, wire[3]);
  const outcome = connection.read(named({ ...reading, receiver }, element));
  // The next connection must begin after the events that wait.
  return new Promise((resolve) => void outcome.then((ended) => call(() => resolve(ended))));
}

/** Lets the calls of a stream wait, in their order, while a message could take the reader's changes. */
function inTime(receiver: ConnectionReceiver, replacement: Wire[3]) {
  /** The last promise that has resolved. */
  let known: Promise<unknown> | undefined;
  let waiting = 0;
  const call = (work: () => void): void => {
    const { ready } = replacement;
    if (ready === known && waiting === 0) {
      work();
      return;
    }
    waiting += 1;
    void Promise.resolve(ready).then(() => {
      known = ready;
      waiting -= 1;
      work();
    });
  };
  const waitingReceiver: ConnectionReceiver = {
    opened: (headers, from) => call(() => receiver.opened(headers, from)),
    heard: () => receiver.heard(),
    event: (event) => call(() => receiver.event(event)),
    lastEventId: (id) => call(() => receiver.lastEventId(id)),
    retry: (milliseconds) => call(() => receiver.retry(milliseconds)),
  };
  return { receiver: waitingReceiver, call };
}

/** Names the stream, so that the hub lets its next connection take the place of the last one. */
function named(reading: Reading, element: Element | undefined): Reading {
  const key = (element && keys.get(element)) ?? newKey();
  if (element) keys.set(element, key);
  const url = `${reading.address.url}&${streamKeyParameter}=${key}`;
  return { ...reading, address: { ...reading.address, url } };
}

function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Returns whether tabs share a connection. Only HTTP/1.1 bounds a browser to six connections. Later versions carry all
 * tabs over one connection already.
 */
function canShareTabs(): boolean {
  try {
    const channel = new BroadcastChannel("");
    channel.close();
  } catch {
    return false;
  }
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return Boolean(navigator.locks) && !/^h[23]/.test(navigation?.nextHopProtocol ?? "");
}
