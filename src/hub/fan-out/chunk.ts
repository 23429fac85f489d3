/**
 * The bytes of several events in one buffer. They are framed once for all clients that receive them as a chunk of the
 * chunked transfer coding. RFC 9112, section 7.1.
 */
export class Chunk {
  /** The events with the framing. */
  readonly framed: Buffer;
  /** The events without the framing, in the same memory. */
  readonly bytes: Buffer;

  /** @param parts - The encoded events, at least one byte in all: an empty chunk would end the response. */
  constructor(parts: readonly Buffer[]) {
    let length = 0;
    for (const part of parts) length += part.length;
    const head = `${length.toString(16)}\r\n`;
    const start = head.length;
    const framed = Buffer.allocUnsafe(start + length + 2);
    framed.write(head, 0, "latin1");
    let end = start;
    for (const part of parts) {
      framed.set(part, end);
      end += part.length;
    }
    framed.write("\r\n", end, "latin1");
    this.framed = framed;
    this.bytes = framed.subarray(start, end);
  }

  static of(text: string): Chunk {
    return new Chunk([Buffer.from(text)]);
  }
}
