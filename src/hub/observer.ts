/** Told of what happens in a hub, as for metrics. What it does must neither throw nor take long. */
export interface HubObserver {
  /** Called after a stream has opened. */
  subscribed(): void;
  /** Called once for each of these, after it has ended. */
  unsubscribed(): void;
  /** Called after the transport has accepted an update, whether it came over HTTP or from this process. */
  published(): void;
}
