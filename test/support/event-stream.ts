import type { TestContext } from "node:test";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { inTime } from "./until.js";

/** A subscriber: any program that reads Server-Sent Events, with an independent parser. */
export interface EventStream {
  readonly response: Response;
  /** Waits for the next event. Undefined when the stream has ended. */
  next(): Promise<EventSourceMessage | undefined>;
  close(): void;
}

/** Opens a stream. A token in the URL's fragment is sent as a header, as the library's script does. */
export async function openStream(t: TestContext, url: string, init: RequestInit = {}): Promise<EventStream> {
  const controller = new AbortController();
  t.after(() => controller.abort());
  const token = new URLSearchParams(new URL(url).hash.slice(1)).get("authorization");
  const headers = { ...init.headers, ...(token !== null && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { ...init, headers, signal: controller.signal });
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => void events.push(event) });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  return {
    response,
    close: () => controller.abort(),
    async next() {
      while (events.length === 0) {
        const { done, value } = await inTime(reader.read(), `No event and no end of ${url}`);
        if (done) return undefined;
        parser.feed(value);
      }
      return events.shift();
    },
  };
}
