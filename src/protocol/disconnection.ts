import { MercureError } from "../shared/errors.js";

/** The streams to disconnect. Exactly one property must be set. */
export interface DisconnectTarget {
  /** The claim `sub` of the streams' tokens. */
  readonly subject?: string | undefined;
  /** A topic that the streams subscribe to. */
  readonly topic?: string | undefined;
  /** The id of a single stream, as subscription events name it. */
  readonly subscriber?: string | undefined;
}

/** A control message between the nodes of a hub: it ends streams and revokes their tokens. */
export interface Disconnection {
  /**
   * The kind of `name`. `token` is the id of a single token; the node that holds a subscriber's stream finds that id.
   */
  readonly kind: keyof DisconnectTarget | "token";
  readonly name: string;
  /** The time of the disconnection, in milliseconds since 1970. Tokens issued up to this time are revoked. */
  readonly before: number;
}

const kinds: readonly Disconnection["kind"][] = ["subject", "topic", "subscriber", "token"];

/**
 * Converts a target to a control message.
 *
 * @throws MercureError `ERR_OPTION` unless the target has exactly one name, and that name is not empty.
 */
export function disconnectionOf(target: DisconnectTarget, before: number): Disconnection {
  const given = Object.entries(target ?? {}).filter(([, name]) => name !== undefined);
  const [[kind, name] = []] = given;
  const isKnown = kind === "subject" || kind === "topic" || kind === "subscriber";
  if (given.length === 1 && isKnown && typeof name === "string" && name !== "") return { kind, name, before };
  throw new MercureError(
    "ERR_OPTION",
    "disconnect() takes one of subject, topic and subscriber, and its name: disconnect({ subject: user.id }).",
  );
}

export function encodeDisconnection({ kind, name, before }: Disconnection): string {
  return JSON.stringify({ kind, name, before });
}

/** Parses a control message. Returns undefined for an unknown message, such as one from a later version of the hub. */
export function decodeDisconnection(text: string): Disconnection | undefined {
  const { kind, name, before } = JSON.parse(text) as Partial<Disconnection>;
  if (kind === undefined || !kinds.includes(kind) || typeof name !== "string" || typeof before !== "number") {
    return undefined;
  }
  return { kind, name, before };
}
