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
  const parameters = topics.map((topic) => `topic=${encode(topic)}`);
  parameters.push(`lastEventID=${encode(lastEventId)}`);
  if (token !== undefined) parameters.push(`authorization=${encode(token)}`);
  return `${hub}?${parameters.join("&")}`;
}

/** Leaves nothing that could end an attribute or a string in a script, in either kind of quotes. */
function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
