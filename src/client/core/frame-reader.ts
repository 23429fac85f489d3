export interface FrameReceiver {
  head(number: number, head: ResponseInit): void;
  bytes(number: number, bytes: Uint8Array): void;
  end(number: number): void;
}

const newline = 10;

/**
 * Reads the frames of a shared connection. Each frame begins with a line that is a comment to an EventSource: a colon,
 * the number of the stream, and a space. Then follows the stream's head as JSON, or the length of the following events.
 * The length 0 ends the stream.
 */
export class FrameReader {
  readonly #receiver: FrameReceiver;
  #left = new Uint8Array(0);
  /** The stream of the present frame, and the number of bytes left in it. */
  #number = 0;
  #length = 0;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** Reads the next bytes. They can begin and end anywhere in a frame. */
  push(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#left.length > 0) {
      bytes = new Uint8Array(this.#left.length + chunk.length);
      bytes.set(this.#left);
      bytes.set(chunk, this.#left.length);
    }
    let start = 0;
    for (;;) {
      if (this.#length > 0) {
        const part = bytes.subarray(start, start + this.#length);
        if (part.length === 0) break;
        start += part.length;
        this.#length -= part.length;
        this.#receiver.bytes(this.#number, part);
        continue;
      }
      const end = bytes.indexOf(newline, start);
      if (end < 0) break;
      const line = new TextDecoder().decode(bytes.subarray(start, end));
      start = end + 1;
      const [, number, text = ""] = /^:(\d+) (\{.+|\d+)$/.exec(line) ?? [];
      // The connection's greeting, and lines that a proxy adds, have no number.
      if (number === undefined) continue;
      this.#number = Number(number);
      if (text.startsWith("{")) this.#receiver.head(this.#number, JSON.parse(text) as ResponseInit);
      else if (text === "0") this.#receiver.end(this.#number);
      else this.#length = Number(text);
    }
    this.#left = bytes.slice(start);
  }
}
