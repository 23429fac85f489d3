import { MercureError } from "../shared/errors.js";

/** Whose streams shall end: one of these. */
export interface DisconnectTarget {
  /** Who bears their tokens: the claim `sub`. */
  readonly subject?: string | undefined;
  /** What they stream. */
  readonly topic?: string | undefined;
  /** The one stream that subscription events call so. */
  readonly subscriber?: string | undefined;
}

/** What the nodes of a hub tell each other to end and to refuse. */
export interface Disconnection {
  /** `token` stands for a single token, by its id; the node that has a subscriber's stream finds it out. */
  readonly kind: keyof DisconnectTarget | "token";
  readonly name: string;
  /** Tokens that were issued up to this moment are meant, in milliseconds since 1970. */
  readonly before: number;
}

const kinds: readonly Disconnection["kind"][] = ["subject", "topic", "subscriber", "token"];

/** @throws MercureError `ERR_OPTION` for anything but exactly one name that is not empty. */
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

/** Undefined for what is none, as a later version of the hub might send. */
export function decodeDisconnection(text: string): Disconnection | undefined {
  const { kind, name, before } = JSON.parse(text) as Partial<Disconnection>;
  if (kind === undefined || !kinds.includes(kind) || typeof name !== "string" || typeof before !== "number") {
    return undefined;
  }
  return { kind, name, before };
}
