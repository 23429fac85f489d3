import type { Selector } from "../../protocol/active-subscription.js";
import { percentEncode } from "../../protocol/percent-encode.js";
import type { ProtocolVersion } from "../../protocol/protocol-version.js";
import { grantParameter } from "../../protocol/tokens/authz-cookies.js";

export interface StreamUrlParts {
  readonly protocol: ProtocolVersion;
  /** The hub's URL, absolute or relative. */
  readonly hub: string;
  readonly selectors: readonly Selector[];
  /** The id of the last event before the stream. The hub replays all later updates. */
  readonly lastEventId: string;
  readonly token?: string | undefined;
  /** The name of the stream's grant: its hash. */
  readonly grant?: string | undefined;
  /** Whether the hub supports the grant parameter. Other hubs do not receive it. */
  readonly isOwnHub: boolean;
}

/**
 * Returns the URL of a subscription to topics. Mercure 0.x and 1.0 "Subscription".
 *
 * Mercure 1.0 forbids tokens in the URL of a request. There the token is in the fragment, which browsers do not send.
 * The library's script reads it and sends it as a header.
 */
export function streamUrl({ protocol, hub, selectors, lastEventId, token, grant, isOwnHub }: StreamUrlParts): string {
  const parameters = connectionParameters(protocol, selectors);
  if (grant !== undefined && isOwnHub) parameters.push([grantParameter, grant]);
  parameters.push([protocol === 0 ? "lastEventID" : "last_event_id", lastEventId]);
  const query = parameters.map(([name, value]) => `${name}=${percentEncode(value)}`).join("&");
  const authorization = token === undefined ? "" : `${protocol === 0 ? "&" : "#"}authorization=${percentEncode(token)}`;
  const mark = grant !== undefined && !isOwnHub && token === undefined ? `#${grantParameter}=${grant}` : "";
  return `${hub}?${query}${authorization}${mark}`;
}

/** Returns the URL parameters that select topics, as pairs of name and value. */
export function connectionParameters(protocol: ProtocolVersion, selectors: readonly Selector[]): [string, string][] {
  return selectors.map(({ text, matchType = "exact" }) => {
    if (protocol === 0) return ["topic", text];
    return [matchType === "exact" ? "match" : `match_${matchType}`, text];
  });
}
