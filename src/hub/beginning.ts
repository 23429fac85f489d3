import type { Generation } from "../protocol/generation.js";
import type { MatcherList } from "../protocol/matcher.js";
import type { Replay, Transport } from "../transport/transport.js";
import { readHistory } from "./dispatcher.js";

/** Where a subscriber begins. */
export interface Beginning {
  readonly replay: Replay;
  /** The id of the event before the first that is sent, or `earliest`; undefined when nobody asked for it. */
  readonly precedingId?: string;
}

/**
 * Finds out what a subscriber has missed since an event; without one, or with an empty id, it begins with what is yet to
 * come.
 *
 * The client has missed nothing, as far as the hub can tell, exactly when `precedingId` is what it asked for. Mercure
 * 0.x "Reconnection, State Reconciliation and Event Sourcing".
 */
export async function begin(
  transport: Transport,
  matchers: MatcherList,
  eventId: string | undefined,
): Promise<Beginning> {
  const { head } = transport;
  if (!eventId) {
    const replay = { updates: [], lostThrough: head, through: head };
    return eventId === undefined ? { replay } : { replay, precedingId: transport.cursor(head) };
  }

  const after = eventId === "earliest" ? undefined : await transport.positionOf(eventId);
  const replay = await readHistory(transport, matchers, after ?? 0);
  if (after === undefined) return { replay, precedingId: "earliest" };
  if (replay.lostThrough <= after) return { replay, precedingId: eventId };
  const first = replay.updates[0]?.position ?? replay.through + 1;
  return { replay, precedingId: transport.cursor(first - 1) };
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
