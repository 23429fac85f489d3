import type { ActiveSubscription } from "../../protocol/active-subscription.js";
import { percentEncode } from "../../protocol/percent-encode.js";

/** A subscription with the state of its events. */
export interface AnnouncedSubscription extends ActiveSubscription {
  /** The selector's path in the web API. */
  readonly path: string;
  /** Pending events of the stream, until the transport has accepted them. Set on the stream's first subscription. */
  pending: Promise<void> | undefined;
  /**
   * Whether the last event that this node has received is a start; undefined before the first. Only with several nodes.
   */
  isAnnounced: boolean | undefined;
}

/** Returns the first topic of a subscription's events. */
export function eventTopic({ path, subscriber }: Pick<AnnouncedSubscription, "path" | "subscriber">): string {
  return `${path}/${percentEncode(subscriber)}`;
}
