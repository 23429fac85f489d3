import { setTimeout as sleep } from "node:timers/promises";
import type { StreamEvent } from "../protocol/event-stream-parser.js";
import { subscriptionParameters } from "../publisher/stream-url.js";
import type { Command } from "./command.js";
import { Failure, UsageError } from "./errors.js";
import { eventsOf } from "./event-stream.js";
import { matcherFlags, protocolFlags, readProfile, readSelectors } from "./identity.js";
import { hubUrlFlags, readHubUrl, readToken, tokenFlags } from "./remote-hub-flags.js";
import { terminalText } from "./terminal-text.js";

/** In milliseconds, until the hub says otherwise. */
const defaultRetry = 1000;
const longestRetry = 60_000;

export const subscribeCommand: Command = {
  name: "subscribe",
  summary: "Prints updates as they come, one line each.",
  usage: "<topic> … [flags]",
  details: `When the connection breaks it is made again, and resumed after the last update. It is an error when the first
cannot be made. Line breaks and control characters in data are printed as escapes.`,
  positionals: Number.POSITIVE_INFINITY,
  flags: {
    json: { help: "Print each update as a JSON object: id, type, data." },
    count: { value: "number", numeric: true, help: "End after so many updates." },
    "last-event-id": { value: "id", help: "Begin after this update; earliest is everything kept." },
    ...matcherFlags,
    ...hubUrlFlags,
    ...protocolFlags,
    ...tokenFlags("subscriber"),
  },
  async run({ read, positionals: topics }) {
    const json = read.boolean("json") ?? false;
    const count = read.number("count", { least: 1, whole: true }) ?? Number.POSITIVE_INFINITY;
    const hubUrl = readHubUrl(read);
    const profile = readProfile(read, hubUrl);
    const selectors = readSelectors(read, topics, profile.protocol);
    if (selectors.length === 0) throw new UsageError("Name the topics: htmx-mercure subscribe <topic> …");
    const url = new URL(hubUrl);
    url.search = String(new URLSearchParams(subscriptionParameters(profile.protocol, selectors)));
    const token = readToken(read, "subscriber", profile, { subscribe: selectors });
    let printed = 0;
    for await (const event of tail(url, token, read.string("last-event-id") ?? "")) {
      console.log(
        json ? JSON.stringify({ id: event.lastEventId, type: event.type, data: event.data }) : terminalText(event.data),
      );
      if (++printed >= count) break;
    }
    return 0;
  },
};

/** Events over as many connections as it takes. Ends only by an error: the hub is not there at first, or refuses. */
async function* tail(url: URL, token: string | undefined, after: string): AsyncGenerator<StreamEvent, never> {
  let lastEventId = after;
  let retry = defaultRetry;
  for (let wasConnected = false; ; ) {
    const controller = new AbortController();
    try {
      const response = await connect(url, token, lastEventId, controller.signal);
      if (response !== undefined) {
        warnOfGap(response, lastEventId);
        wasConnected = true;
        const onRetry = (milliseconds: number) => {
          retry = Math.min(milliseconds, longestRetry);
        };
        for await (const event of eventsOf(response.body!, lastEventId, onRetry)) {
          lastEventId = event.lastEventId;
          yield event;
        }
      } else if (!wasConnected) throw new Failure(`The hub at ${url.origin} is not available.`);
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (!wasConnected) throw new Failure(`The hub at ${url.origin} cannot be reached: ${reason(error)}.`);
    } finally {
      controller.abort();
    }
    console.error(`htmx-mercure: the connection has ended; the next try is in ${retry} ms.`);
    await sleep(retry);
  }
}

/** Undefined when the hub is there, but not now. */
async function connect(
  url: URL,
  token: string | undefined,
  lastEventId: string,
  signal: AbortSignal,
): Promise<Response | undefined> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  // fetch takes header values as Latin-1; ids may be any text, in UTF-8.
  if (lastEventId !== "") headers["Last-Event-ID"] = Buffer.from(lastEventId).toString("latin1");
  const response = await fetch(url, { headers, redirect: "error", signal });
  if (response.status === 200 && response.headers.get("Content-Type")?.startsWith("text/event-stream")) return response;
  if (response.status >= 500 || response.status === 429) return undefined;
  const challenge = response.headers.get("WWW-Authenticate");
  const details = challenge === null ? "" : ` (${challenge})`;
  throw new Failure(`The hub at ${url.origin} refused the subscription: ${response.status}${details}.`);
}

function warnOfGap({ headers }: Response, asked: string): void {
  const preceding = headers.get("Mercure-Last-Event-ID") ?? headers.get("Last-Event-ID");
  if (asked === "" || preceding === null || Buffer.from(preceding, "latin1").toString() === asked) return;
  console.error("htmx-mercure: the hub no longer holds everything after the last update; some may be missing.");
}

function reason(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
}
