/**
 * Told of what happens in a hub, as for metrics. Its methods must return fast, since streams wait for them. An error that
 * one throws, or a promise that rejects, is logged once for each method and changes nothing else.
 */
export interface HubObserver {
  /** Called after a stream has opened. */
  subscribed(): void;
  /** Called once for each of these, after it has ended. */
  unsubscribed(): void;
  /** Called after the transport has accepted an update, whether it came over HTTP or from this process. */
  published(): void;
}
