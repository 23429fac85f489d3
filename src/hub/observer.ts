/**
 * Receives events of a hub, for example for metrics. Its methods must return fast, because streams wait for them. The
 * hub logs only the first error or rejected promise of each method, and continues.
 */
export interface HubObserver {
  /** Called after a stream has opened. */
  subscribed(): void;
  /** Called once for each opened stream, after it has ended. */
  unsubscribed(): void;
  /** Called after the transport has accepted an update, from HTTP or from this process. */
  published(): void;
}
