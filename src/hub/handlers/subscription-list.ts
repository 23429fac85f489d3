import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { newPace } from "../pacer.js";

/** The cost of an item, in steps: without its text, and for some characters of the text. */
const stepsPerItem = 200;
const charactersPerStep = 8;

/** The length of text that is written at once, in UTF-16 units. It is the memory that a slow reader takes. */
const pieceLength = 64 * 1024;

/** An answer with a list that can be too long for memory. */
export interface ListAnswer {
  readonly headers: Readonly<Record<string, string>>;
  /** The text around the list. */
  readonly before: string;
  readonly after: string;
  /** The items as JSON; undefined for an item to leave out. */
  readonly items: Iterable<string | undefined>;
}

/**
 * Writes a list item by item. It yields to the event loop between chunks, and waits for a slow reader. An answer that
 * fits into one piece has a `Content-Length`.
 */
export async function writeList(res: ServerResponse, { headers, before, after, items }: ListAnswer): Promise<void> {
  const pace = newPace();
  let piece = before;
  let separator = "";
  for (const item of items) {
    if (item !== undefined) {
      piece += separator + item;
      separator = ",";
    }
    const pause = pace(item === undefined ? 1 : stepsPerItem + item.length / charactersPerStep);
    if (pause !== undefined) await pause;
    if (isGone(res)) return;
    if (piece.length < pieceLength) continue;
    if (!res.headersSent) res.writeHead(200, headers);
    const isRoomy = res.write(piece);
    piece = "";
    if (!isRoomy) await drained(res);
  }
  if (isGone(res)) return;
  piece += after;
  if (!res.headersSent) res.writeHead(200, { ...headers, "Content-Length": Buffer.byteLength(piece) });
  res.end(piece);
}

/** Resolves when the client has taken the written bytes, or has left. */
async function drained(res: ServerResponse): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  try {
    await Promise.race([once(res, "drain", { signal }), once(res, "close", { signal })]);
  } finally {
    done.abort();
  }
}

function isGone(res: ServerResponse): boolean {
  return res.destroyed || res.writableEnded || res.closed;
}
