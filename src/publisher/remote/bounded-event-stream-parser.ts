import { EventStreamParser, type EventStreamReceiver } from "../../protocol/sse/event-stream-parser.js";

/** A parser for the stream of a server that can be faulty or hostile: an event without an end would fill the memory. */
export class BoundedEventStreamParser extends EventStreamParser {
  readonly #maxEventLength: number;
  #dataLength = 0;

  /** @param maxEventLength - The max length of an event's data and unfinished line, in UTF-16 units. */
  constructor(receiver: EventStreamReceiver, lastEventId: string, maxEventLength: number) {
    super(receiver, lastEventId);
    this.#maxEventLength = maxEventLength;
  }

  /** @throws RangeError when the event is longer than the max length. */
  override push(chunk: Uint8Array): void {
    super.push(chunk);
    if (this.#dataLength + this.unfinishedLine.length <= this.#maxEventLength) return;
    throw new RangeError(`an event is longer than ${this.#maxEventLength} characters`);
  }

  protected override readField(field: string, value: string): void {
    if (field === "data") this.#dataLength += value.length + 1;
    super.readField(field, value);
  }

  protected override endBlock(): void {
    this.#dataLength = 0;
    super.endBlock();
  }
}
