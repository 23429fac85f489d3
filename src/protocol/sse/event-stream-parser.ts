/** A single event, as "dispatch the event" of the HTML standard produces it. */
export interface StreamEvent {
  /** The event's type; `message` when the stream names no type. */
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

export interface EventStreamReceiver {
  event(event: StreamEvent): void;
  /**
   * Reports the stream's new position, at the end of a block. The call comes before the block's event, and even for a
   * block without an event.
   */
  lastEventId(id: string): void;
  retry(milliseconds: number): void;
}

/**
 * Parses `text/event-stream` bytes as they arrive, in chunks of any size. The algorithm is that of the HTML standard
 * ("Interpreting an event stream"). A block that the stream's end truncates is never reported.
 */
export class EventStreamParser {
  readonly #receiver: EventStreamReceiver;
  /**
   * Keeps what a chunk's end cuts off of a character. The parser itself drops the byte order mark: the decoder of Node 26
   * drops two of them where a chunk ends within the first.
   */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #hasBegun = false;
  #unfinishedLine = "";
  #endedInCarriageReturn = false;
  #id: string;
  #type = "";
  #data: string[] = [];
  #dataLength = 0;
  readonly #maxEventLength: number;

  /**
   * @param lastEventId - The id of events until the stream names one: after a reconnection, the last known id.
   * @param maxEventLength - The max length of an event's data and unfinished line, in UTF-16 units.
   */
  constructor(receiver: EventStreamReceiver, lastEventId = "", maxEventLength = Number.POSITIVE_INFINITY) {
    this.#receiver = receiver;
    this.#id = lastEventId;
    this.#maxEventLength = maxEventLength;
  }

  /**
   * Parses the next chunk.
   *
   * @throws RangeError when the event is longer than the max length.
   */
  push(chunk: Uint8Array): void {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (text === "") return;
    if (!this.#hasBegun && text.startsWith("\ufeff")) text = text.slice(1);
    this.#hasBegun = true;
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

  /**
   * Reads one field. A comment also comes here: its field name is empty, and the parser ignores it like any unknown
   * field.
   */
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
