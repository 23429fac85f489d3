export interface FrameReceiver {
  head(number: number, head: ResponseInit): void;
  bytes(number: number, bytes: Uint8Array): void;
  end(number: number): void;
}

const newline = 10;

/**
 * Reads the frames of a shared connection. Each begins with a line that an EventSource takes for a comment: a colon, the
 * number of the stream, a space, and the stream's head as JSON, or the length of the events that follow. The length 0
 * ends the stream.
 */
export class FrameReader {
  readonly #receiver: FrameReceiver;
  #left = new Uint8Array(0);

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** Reads the next bytes, cut anywhere. */
  push(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#left.length > 0) {
      bytes = new Uint8Array(this.#left.length + chunk.length);
      bytes.set(this.#left);
      bytes.set(chunk, this.#left.length);
    }
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(newline, start);
      if (end < 0) break;
      const line = new TextDecoder().decode(bytes.subarray(start, end));
      const [, number, text = ""] = /^:(\d+) (.+)$/.exec(line) ?? [];
      const next = end + 1;
      // The greeting of a connection, and anything that a proxy adds.
      if (number === undefined) start = next;
      else if (text.startsWith("{")) {
        this.#receiver.head(Number(number), JSON.parse(text) as ResponseInit);
        start = next;
      } else {
        const length = Number(text);
        if (bytes.length < next + length) break;
        if (length === 0) this.#receiver.end(Number(number));
        else this.#receiver.bytes(Number(number), bytes.subarray(next, next + length));
        start = next + length;
      }
    }
    this.#left = bytes.slice(start);
  }
}
