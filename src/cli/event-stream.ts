import { EventStreamParser, type StreamEvent } from "../protocol/event-stream-parser.js";

/** The events of a response as they arrive; ends with it. */
export async function* eventsOf(
  body: AsyncIterable<Uint8Array>,
  lastEventId: string,
  onRetry: (milliseconds: number) => void,
): AsyncGenerator<StreamEvent, void> {
  let events: StreamEvent[] = [];
  const parser = new EventStreamParser(
    { event: (event) => events.push(event), lastEventId: () => {}, retry: onRetry },
    lastEventId,
  );
  for await (const chunk of body) {
    parser.push(chunk);
    const arrived = events;
    events = [];
    yield* arrived;
  }
}
