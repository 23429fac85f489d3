import { percentEncode } from "../protocol/percent-encode.js";

export interface StreamUrlParts {
  /** The hub's URL; a relative one is fine. */
  readonly hub: string;
  readonly topics: readonly string[];
  /** From where on updates are replayed. */
  readonly lastEventId: string;
  readonly token?: string | undefined;
}

/** The URL at which a client subscribes to topics (Mercure 0.x, "Subscription"). */
export function streamUrl({ hub, topics, lastEventId, token }: StreamUrlParts): string {
  const parameters = topics.map((topic) => `topic=${percentEncode(topic)}`);
  parameters.push(`lastEventID=${percentEncode(lastEventId)}`);
  if (token !== undefined) parameters.push(`authorization=${percentEncode(token)}`);
  return `${hub}?${parameters.join("&")}`;
}
