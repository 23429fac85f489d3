import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import type { Transport } from "../../transport/transport.js";

/** The bounds of a chunk of history. */
interface ReplayChunk {
  /** The position of the first update in the chunk. */
  readonly first: number | undefined;
  /** The bounds as in the transport's `Replay`. */
  readonly lostThrough: number;
  readonly through: number;
}

/** History as a reader can read it. */
export interface ReadableHistory<S extends ReplayChunk> {
  read(after: number): S | Promise<S>;

  /** Returns whether the reader may learn that an id exists, and its position. */
  mayKnow(eventId: string, position: number): boolean | Promise<boolean>;
}

/** The start of a reader. */
export interface ReplayStart<S> {
  /** The reader receives only updates after this position. */
  readonly after: number;
  /** The first chunk of history after the start. Undefined for a reader that begins with the next update. */
  readonly replay?: S;
  /** The last position of the gap that the reader already knows: updates up to it can be missing. */
  readonly lostThrough: number;
  /** The id of the event before the first one sent, or `earliest`. Undefined if the reader named no event. */
  readonly precedingId?: string;
}

/**
 * Reads the updates that a reader has missed since an event. Without an event, or with an empty id, the reader begins
 * with the next update.
 *
 * If `precedingId` is the requested id, the reader has missed nothing, as far as the hub can tell. Mercure 0.x
 * "Reconnection, State Reconciliation and Event Sourcing".
 */
export async function resolveReplayStart<S extends ReplayChunk>(
  transport: Transport,
  eventId: string | undefined,
  history: ReadableHistory<S>,
): Promise<ReplayStart<S>> {
  const { head } = transport;
  if (!eventId) {
    const now = { after: head, lostThrough: head };
    return eventId === undefined ? now : { ...now, precedingId: transport.cursor(head) };
  }

  const position = eventId === "earliest" ? undefined : await transport.positionOf(eventId);
  const known = position !== undefined && (await history.mayKnow(eventId, position)) ? position : undefined;
  const after = known ?? 0;
  const replay = await history.read(after);
  const { first, lostThrough, through } = replay;
  if (known === undefined) return { after, replay, lostThrough, precedingId: "earliest" };
  if (lostThrough <= after) return { after, replay, lostThrough, precedingId: eventId };
  return { after, replay, lostThrough, precedingId: transport.cursor((first ?? through + 1) - 1) };
}

/**
 * Adds updates that were never published to the gap: a reader that resumes before them has missed them.
 *
 * @param through - The position of the last one.
 */
export function withMissed<S>(start: ReplayStart<S>, through: number, transport: Transport): ReplayStart<S> {
  const { after, lostThrough, replay } = start;
  if (replay === undefined || through <= Math.max(after, lostThrough)) return start;
  return { ...start, lostThrough: through, precedingId: transport.cursor(through) };
}

/**
 * Returns the response headers that tell a client whether it has missed updates. An undefined version stands for a
 * client of either version. Mercure 1.0 "Reconnection" renamed the header.
 */
export function precedingIdHeaders(
  precedingId: string | undefined,
  version: ProtocolVersion | undefined,
): Record<string, string> {
  if (precedingId === undefined) return {};
  // Node writes header values as Latin-1, and ids can be any text in UTF-8.
  const value = Buffer.from(precedingId).toString("latin1");
  return {
    ...(version !== 1 && { "Last-Event-ID": value }),
    ...(version !== 0 && { "Mercure-Last-Event-ID": value }),
  };
}
