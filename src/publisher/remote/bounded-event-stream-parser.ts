import { EventStreamParser } from "../../protocol/sse/event-stream-parser.js";

/** A parser for the stream of a server that can be faulty or hostile: an event without an end would fill the memory. */
export class BoundedEventStreamParser extends EventStreamParser {
  #dataLength = 0;

  /**
   * Refuses an event that is too long already.
   *
   * @param max - The max length of the event's data and unfinished line, in UTF-16 units.
   * @throws RangeError when they are longer.
   */
  check(max: number): void {
    if (this.#dataLength + this.unfinishedLine.length > max)
      throw new RangeError(`an event is longer than ${max} characters`);
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
