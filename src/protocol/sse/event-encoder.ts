import { MercureError } from "../../shared/errors.js";
import { forbiddenCharacter } from "../characters.js";

/**
 * The fields of one server-sent event. {@link https://html.spec.whatwg.org/multipage/server-sent-events.html | HTML
 * standard, section 9.2}.
 */
export interface ServerSentEvent {
  /** The event's data: any text. Line breaks of any kind arrive as LF. Default: empty. */
  readonly data?: string;
  /** The event's type. Browsers dispatch an event without a type, or with an empty one, as `message`. */
  readonly type?: string;
  /** The event's id. The client sends it as `Last-Event-ID` when it reconnects; the empty string resets it. */
  readonly id?: string;
  /** The client's new reconnection time, in milliseconds. */
  readonly retry?: number;
}

/**
 * Returns the text of one event in an event stream, including the final blank line.
 *
 * The text always has a `data` field, because browsers drop events without one.
 *
 * @throws MercureError `ERR_UPDATE` when the type, the id or the retry would end its line or break the protocol.
 * @example
 * ```ts
 * encodeEvent({ data: "hello", id: "1" }); // → id: 1…data: hello…
 * ```
 */
export function encodeEvent({ data = "", type, id, retry }: ServerSentEvent): string {
  let fields = "";
  if (id !== undefined) fields += `id: ${singleLine("id", id)}\n`;
  if (type) fields += `event: ${singleLine("type", type)}\n`;
  if (retry !== undefined) fields += `retry: ${milliseconds(retry)}\n`;
  return `${fields}data: ${dataLines(data)}\n\n`;
}

/** Returns the text that sets a client's last id, and its reconnection time in milliseconds, without an event. */
export function encodeReturn(id: string, retry?: number): string {
  return `id: ${singleLine("id", id)}\n${retry === undefined ? "" : `retry: ${milliseconds(retry)}\n`}\n`;
}

/** A comment without text. Clients ignore comments; they keep proxies from closing idle connections. */
export const emptyComment = ":\n";

/** Returns the text with a field name before each line but the first. */
function dataLines(text: string): string {
  // Searches for one character are faster than a regular expression. Most text has no CR, or no line break at all.
  if (text.includes("\r")) return text.replace(/\r\n|\r|\n/g, "\ndata: ");
  return text.includes("\n") ? text.replaceAll("\n", "\ndata: ") : text;
}

function singleLine(field: string, value: string): string {
  const character = forbiddenCharacter(value);
  if (character === undefined) return value;
  throw new MercureError("ERR_UPDATE", `The ${field} of an event must not contain ${character}, a control character.`);
}

function milliseconds(retry: number): number {
  if (Number.isSafeInteger(retry) && retry >= 0) return retry;
  throw new MercureError("ERR_UPDATE", `The retry of an event must be a whole number of milliseconds, not ${retry}.`);
}
