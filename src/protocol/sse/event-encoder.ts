import { MercureError } from "../../shared/errors.js";
import { forbiddenCharacter } from "../characters.js";

/** The fields of one server-sent event. HTML standard, section 9.2 "Server-sent events". */
export interface ServerSentEvent {
  /** Any text; line breaks of any kind arrive as LF. Empty by default. */
  readonly data?: string;
  /** `message` to a browser when absent or empty. */
  readonly type?: string;
  /** What the client sends as `Last-Event-ID` when it reconnects; the empty string makes it forget. */
  readonly id?: string;
  /** The client's reconnection time from now on, in milliseconds. */
  readonly retry?: number;
}

/**
 * The text of one event in an event stream, ended by its blank line.
 *
 * It always has a `data` field, without which browsers drop the event, empty or not.
 *
 * @throws MercureError `ERR_UPDATE` when the type, the id or the retry would end its line or break the protocol.
 */
export function encodeEvent({ data = "", type, id, retry }: ServerSentEvent): string {
  let fields = "";
  if (id !== undefined) fields += `id: ${singleLine("id", id)}\n`;
  if (type) fields += `event: ${singleLine("type", type)}\n`;
  if (retry !== undefined) fields += `retry: ${milliseconds(retry)}\n`;
  return `${fields}data: ${prefixLines(data, "data: ")}\n\n`;
}

/** The text that gives a client its reconnection time, in milliseconds, without an event. */
export function encodeRetry(retry: number): string {
  return `retry: ${milliseconds(retry)}\n\n`;
}

/** The text of a comment, which clients ignore: it keeps proxies from closing a connection on which nothing happens. */
export function encodeComment(text = ""): string {
  return `:${prefixLines(text, ":")}\n`;
}

function prefixLines(text: string, prefix: string): string {
  // Searches for one character beat a regular expression, and usual text has no CR, or no line break at all.
  if (text.includes("\r")) return text.replace(/\r\n|\r|\n/g, `\n${prefix}`);
  return text.includes("\n") ? text.replaceAll("\n", `\n${prefix}`) : text;
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
