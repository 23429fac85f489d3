/** One event, as "dispatch the event" of the HTML standard leaves it. */
export interface StreamEvent {
  /** `message` when the stream names no type. */
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

export interface EventStreamReceiver {
  event(event: StreamEvent): void;
  /** A block has ended and its id is now the stream's position. Comes before the block's event, and also without one. */
  lastEventId(id: string): void;
  retry(milliseconds: number): void;
}

/**
 * Reads `text/event-stream` bytes as they arrive, in pieces of any size, by the algorithm of the HTML standard
 * ("Interpreting an event stream"). A block that the stream's end cuts off is never reported.
 */
export class EventStreamParser {
  readonly #receiver: EventStreamReceiver;
  /** Drops the byte order mark and keeps what a chunk's end cuts off of a character. */
  readonly #decoder = new TextDecoder();
  #unfinishedLine = "";
  #endedInCarriageReturn = false;
  #id: string;
  #type = "";
  #data: string[] = [];
  #dataLength = 0;
  readonly #maxEventLength: number;

  /**
   * @param lastEventId - The id that events have until the stream gives one: after a reconnection, the last one known.
   * @param maxEventLength - How many UTF-16 units the data and the unfinished line of an event may have.
   */
  constructor(receiver: EventStreamReceiver, lastEventId = "", maxEventLength = Number.POSITIVE_INFINITY) {
    this.#receiver = receiver;
    this.#id = lastEventId;
    this.#maxEventLength = maxEventLength;
  }

  /** @throws RangeError when the event is longer than the bound. */
  push(chunk: Uint8Array): void {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (text === "") return;
    if (this.#endedInCarriageReturn && text.startsWith("\n")) text = text.slice(1);
    this.#endedInCarriageReturn = text.endsWith("\r");

    const lines = text.split(/\r\n|\r|\n/);
    lines[0] = this.#unfinishedLine + lines[0];
    this.#unfinishedLine = lines.pop() ?? "";
    for (const line of lines) this.#readLine(line);
    if (this.#dataLength + this.#unfinishedLine.length > this.#maxEventLength) this.#refuse();
  }

  #refuse(): never {
    throw new RangeError(`an event is longer than ${this.#maxEventLength} characters`);
  }

  #readLine(line: string): void {
    if (line === "") {
      this.#endBlock();
      return;
    }
    const colon = line.indexOf(":");
    if (colon === -1) this.#readField(line, "");
    else this.#readField(line.slice(0, colon), line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1));
  }

  /** A comment comes here too: its field has no name, and nameless fields are ignored like unknown ones. */
  #readField(field: string, value: string): void {
    if (field === "data") {
      this.#data.push(value);
      this.#dataLength += value.length + 1;
    } else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#receiver.retry(Number(value));
  }

  #endBlock(): void {
    const type = this.#type || "message";
    const data = this.#data;
    this.#type = "";
    this.#data = [];
    this.#dataLength = 0;
    this.#receiver.lastEventId(this.#id);
    if (data.length > 0) this.#receiver.event({ type, data: data.join("\n"), lastEventId: this.#id });
  }
}
