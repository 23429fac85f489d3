import type { Selector } from "../../protocol/active-subscription.js";
import { percentEncode } from "../../protocol/percent-encode.js";
import type { Generation } from "../../protocol/protocol-version.js";
import { grantParameter } from "../../protocol/tokens/authz-cookies.js";

export interface StreamUrlParts {
  readonly protocol: Generation;
  /** The hub's URL; a relative one is fine. */
  readonly hub: string;
  readonly selectors: readonly Selector[];
  /** From where on updates are replayed. */
  readonly lastEventId: string;
  readonly token?: string | undefined;
  /** What the stream relies on, by the hash of it. */
  readonly grant?: string | undefined;
  /** Whether the hub knows that parameter; to any other it is not sent. */
  readonly isOwnHub: boolean;
}

/**
 * The URL at which a client subscribes to topics. Mercure 0.x and 1.0 "Subscription".
 *
 * 1.0 lets no token into the URL of a request. There it stands in the fragment, which browsers keep to themselves, for
 * the kit's script to send it as a header.
 */
export function streamUrl({ protocol, hub, selectors, lastEventId, token, grant, isOwnHub }: StreamUrlParts): string {
  const parameters = subscriptionParameters(protocol, selectors);
  if (grant !== undefined && isOwnHub) parameters.push([grantParameter, grant]);
  parameters.push([protocol === 0 ? "lastEventID" : "last_event_id", lastEventId]);
  const query = parameters.map(([name, value]) => `${name}=${percentEncode(value)}`).join("&");
  const authorization = token === undefined ? "" : `${protocol === 0 ? "&" : "#"}authorization=${percentEncode(token)}`;
  const mark = grant !== undefined && !isOwnHub && token === undefined ? `#${grantParameter}=${grant}` : "";
  return `${hub}?${query}${authorization}${mark}`;
}

/** The names and values by which a request asks for topics. */
export function subscriptionParameters(protocol: Generation, selectors: readonly Selector[]): [string, string][] {
  return selectors.map(({ text, matchType = "exact" }) => {
    if (protocol === 0) return ["topic", text];
    return [matchType === "exact" ? "match" : `match_${matchType}`, text];
  });
}
