import type { Generation } from "../../protocol/protocol-version.js";
import type { Transport } from "../../transport/transport.js";

/** What is known of a stretch of history that has been read. */
interface Stretch {
  /** The position of the first update in it. */
  readonly first: number | undefined;
  /** As `Replay` of the transport has them. */
  readonly lostThrough: number;
  readonly through: number;
}

/** Where a reader begins. */
export interface Beginning<S> {
  /** Only updates after this position. */
  readonly after: number;
  /** What history has from there, as far as it has been read; undefined for who begins with what is yet to come. */
  readonly replay?: S;
  /** Up to here the reader knows that updates may be missing. */
  readonly lostThrough: number;
  /** The id of the event before the first that is sent, or `earliest`; undefined when nobody asked for it. */
  readonly precedingId?: string;
}

/**
 * Finds out what a reader has missed since an event; without one, or with an empty id, it begins with what is yet to
 * come.
 *
 * The reader has missed nothing, as far as the hub can tell, exactly when `precedingId` is what it asked for. Mercure
 * 0.x "Reconnection, State Reconciliation and Event Sourcing".
 *
 * @param mayKnow - Whether the reader may learn that an update is at a position.
 */
export async function begin<S extends Stretch>(
  transport: Transport,
  eventId: string | undefined,
  read: (after: number) => S | Promise<S>,
  mayKnow: (position: number) => boolean | Promise<boolean> = () => true,
): Promise<Beginning<S>> {
  const { head } = transport;
  if (!eventId) {
    const now = { after: head, lostThrough: head };
    return eventId === undefined ? now : { ...now, precedingId: transport.cursor(head) };
  }

  const position = eventId === "earliest" ? undefined : await transport.positionOf(eventId);
  const known = position !== undefined && (await mayKnow(position)) ? position : undefined;
  const after = known ?? 0;
  const replay = await read(after);
  const { first, lostThrough, through } = replay;
  if (known === undefined) return { after, replay, lostThrough, precedingId: "earliest" };
  if (lostThrough <= after) return { after, replay, lostThrough, precedingId: eventId };
  return { after, replay, lostThrough, precedingId: transport.cursor((first ?? through + 1) - 1) };
}

/**
 * The response header that tells a client whether it has missed something; undefined stands for a client of whichever
 * generation. Mercure 1.0 "Reconnection" renamed it.
 */
export function precedingIdHeaders(
  precedingId: string | undefined,
  generation: Generation | undefined,
): Record<string, string> {
  if (precedingId === undefined) return {};
  // Node writes header values as Latin-1; ids may be any text, in UTF-8.
  const value = Buffer.from(precedingId).toString("latin1");
  return {
    ...(generation !== 1 && { "Last-Event-ID": value }),
    ...(generation !== 0 && { "Mercure-Last-Event-ID": value }),
  };
}
