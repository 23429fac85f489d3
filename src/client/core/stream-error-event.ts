/** An error event with a message. The extension writes the event to the console as a string. */
export class StreamErrorEvent extends Event {
  readonly message: string;

  constructor(message: string) {
    super("error");
    this.message = message;
  }

  override toString(): string {
    return this.message;
  }
}
