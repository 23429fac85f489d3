import { createParser } from "eventsource-parser";

export interface StreamedEvent {
  /** `message` when the stream names no type. */
  readonly type: string;
  readonly data: string;
  /** The last id that the stream gave, as a browser reports it. */
  readonly id: string;
}

/** The events of a response as they arrive; ends with it. */
export async function* eventsOf(
  body: AsyncIterable<Uint8Array>,
  lastEventId: string,
  onRetry: (milliseconds: number) => void,
): AsyncGenerator<StreamedEvent, void> {
  let id = lastEventId;
  let events: StreamedEvent[] = [];
  const parser = createParser({
    onRetry,
    onEvent: ({ event, data, id: own = id }) => {
      id = own;
      events.push({ type: event ?? "message", data, id });
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    const arrived = events;
    events = [];
    yield* arrived;
  }
}
