import type { StreamEvent } from "../protocol/sse/event-stream-parser.js";
import { followEventStream, NoEventStream, precedingIdOf } from "../publisher/remote/event-stream-follower.js";
import { connectionFailure } from "../publisher/remote/http-answer.js";
import { connectionParameters } from "../publisher/streams/stream-url.js";
import type { Command } from "./command.js";
import { CommandError, UsageError } from "./errors.js";
import { matcherFlags, protocolFlags, readProfile, readSelectors } from "./identity.js";
import { hubUrlFlags, readHubUrl, readToken, tokenFlags } from "./remote-hub-flags.js";
import { terminalText } from "./terminal-text.js";

/** The reconnection time until the hub sends one, and the max reconnection time, in milliseconds. */
const minRetry = 1000;
const maxRetry = 60_000;

export const subscribeCommand: Command = {
  name: "subscribe",
  summary: "Prints each update on a line of its own.",
  usage: "<topic> … [flags]",
  details: `The command reconnects after a broken connection, and resumes after the last update. It fails if the first
connection fails. Line breaks and control characters in data are printed as escapes.`,
  positionals: Number.POSITIVE_INFINITY,
  flags: {
    json: { help: "Print each update as a JSON object: id, type, data." },
    count: { value: "number", numeric: true, help: "End after this number of updates." },
    "last-event-id": { value: "id", help: "Begin after this update; earliest means the whole history." },
    ...matcherFlags,
    ...hubUrlFlags,
    ...protocolFlags,
    ...tokenFlags("subscriber"),
  },
  async run({ read, positionals: topics }) {
    const json = read.boolean("json") ?? false;
    const count = read.number("count", { min: 1, integer: true }) ?? Number.POSITIVE_INFINITY;
    const hubUrl = readHubUrl(read);
    const profile = readProfile(read, hubUrl);
    const selectors = readSelectors(read, topics, profile.protocol);
    if (selectors.length === 0) throw new UsageError("Name the topics: htmx-mercure subscribe <topic> …");
    const url = new URL(hubUrl);
    url.search = String(new URLSearchParams(connectionParameters(profile.protocol, selectors)));
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

/**
 * Yields events, and reconnects as often as needed. The loop ends only by an error: the hub was never reached, or it
 * refuses.
 */
async function* tail(url: URL, token: string | undefined, after: string): AsyncGenerator<StreamEvent, void> {
  let lastEventId = after;
  let wasConnected = false;
  const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  for await (const step of followEventStream({
    url: url.href,
    headers: () => authorization,
    lastEventId: after,
    signal: new AbortController().signal,
    minRetry,
    maxRetry,
  })) {
    if (step.kind === "open") {
      warnOfGap(step.response, lastEventId);
      wasConnected = true;
    } else if (step.kind === "position") lastEventId = step.lastEventId;
    else if (step.kind === "event") yield step.event;
    else {
      throwUnlessTemporary(url, step.reason, wasConnected);
      console.error(`htmx-mercure: the connection ended; the next attempt is in ${Math.ceil(step.wait)} ms.`);
    }
  }
}

/**
 * Decides whether a failed connection is worth a retry.
 *
 * @throws CommandError when a retry cannot help: the hub refuses, or it was never reached.
 */
function throwUnlessTemporary({ origin }: URL, reason: unknown, wasConnected: boolean): void {
  if (!(reason instanceof NoEventStream)) {
    if (!wasConnected)
      throw new CommandError(`The hub at ${origin} cannot be reached: ${connectionFailure(reason).reason}.`);
    return;
  }
  const { status, headers } = reason.response;
  const mayPass = status >= 500 || status === 429;
  if (mayPass && wasConnected) return;
  if (mayPass) throw new CommandError(`The hub at ${origin} is unavailable: it answered ${status}.`);
  const challenge = headers.get("WWW-Authenticate");
  const details = challenge === null ? "" : ` (${challenge})`;
  throw new CommandError(`The hub at ${origin} refused the subscription: ${status}${details}.`);
}

function warnOfGap(response: Response, asked: string): void {
  const preceding = precedingIdOf(response);
  if (asked === "" || preceding === undefined || preceding === asked) return;
  console.error("htmx-mercure: the hub's history begins after the last update; some updates may be missing.");
}
