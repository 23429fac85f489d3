import type { IncomingMessage } from "node:http";
import { forbiddenCharacter } from "../protocol/characters.js";
import { MatcherList } from "../protocol/matcher.js";
import { Refusal } from "../protocol/problem.js";
import { textHeader } from "./request.js";

/** The names that the generations of Mercure gave to the parameter that stands in for the header `Last-Event-ID`. */
const lastEventIdParameters = ["lastEventID", "Last-Event-ID", "last-event-id", "last_event_id"];

/** What a subscription asks for by its parameters `topic`. Mercure 0.x "Subscription". */
export function requestedTopics(query: URLSearchParams): MatcherList {
  const selectors = query.getAll("topic");
  if (selectors.length === 0) throw new Refusal(400, "Name the topics to subscribe to: ?topic=…&topic=…");
  for (const selector of selectors) {
    if (selector === "") throw new Refusal(400, "A topic must not be empty.");
    const character = forbiddenCharacter(selector);
    if (character) throw new Refusal(400, `A topic must not contain ${character}, a control or format character.`);
  }
  return MatcherList.ofSelectors(selectors);
}

/** The id of the event that the client has last seen; the header, which is newer, goes before the parameters. */
export function requestedEventId(req: IncomingMessage, query: URLSearchParams): string | undefined {
  const header = textHeader(req, "last-event-id");
  if (header) return header;
  return lastEventIdParameters.map((name) => query.get(name)).find((id) => id) ?? undefined;
}
