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
  protected unfinishedLine = "";
  #endedInCarriageReturn = false;
  #id: string;
  #type = "";
  #data: string[] = [];

  /**
   * @param lastEventId - The id of events until the stream names one: after a reconnection, the last known id.
   */
  constructor(receiver: EventStreamReceiver, lastEventId = "") {
    this.#receiver = receiver;
    this.#id = lastEventId;
  }

  /** Parses the next chunk. */
  push(chunk: Uint8Array): void {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (text === "") return;
    if (!this.#hasBegun) text = text.replace(/^\ufeff/, "");
    this.#hasBegun = true;
    if (this.#endedInCarriageReturn) text = text.replace(/^\n/, "");
    this.#endedInCarriageReturn = text.endsWith("\r");

    const lines = text.split(/\r\n?|\n/);
    lines[0] = this.unfinishedLine + lines[0];
    this.unfinishedLine = lines.pop()!;
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?(.*)/s.exec(line)!;
      if (line === "") this.endBlock();
      else this.readField(field!, value!);
    }
  }

  /**
   * Reads one field. A comment also comes here: its field name is empty, and the parser ignores it like any unknown
   * field.
   */
  protected readField(field: string, value: string): void {
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#receiver.retry(Number(value));
  }

  protected endBlock(): void {
    const type = this.#type || "message";
    const data = this.#data;
    this.#type = "";
    this.#data = [];
    this.#receiver.lastEventId(this.#id);
    if (data.length > 0) this.#receiver.event({ type, data: data.join("\n"), lastEventId: this.#id });
  }
}
