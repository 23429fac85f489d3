import type { IncomingMessage } from "node:http";
import type { Clock } from "../../shared/clock.js";
import type { Transport } from "../../transport/transport.js";
import type { Dispatcher } from "../fan-out/dispatcher.js";
import type { EncodedReplays } from "../fan-out/encoded-replays.js";
import type { MissedUpdates } from "../nodes/missed-updates.js";
import type { NodeStreams } from "../nodes/node-streams.js";
import type { ActiveSubscriptions } from "./active-subscriptions.js";
import type { Disconnections } from "./disconnections.js";
import type { Expirations } from "./expirations.js";
import type { ConnectedSubscriber, Subscribers } from "./subscribers.js";

/** The objects that all subscribers of a hub share. */
export interface StreamServices<S extends ConnectedSubscriber> {
  readonly dispatcher: Dispatcher;
  readonly replays: EncodedReplays;
  readonly expirations: Expirations;
  readonly subscribers: Subscribers<S>;
  readonly disconnections: Disconnections;
  /** Undefined if the option `subscriptions` is false. */
  readonly activeSubscriptions: ActiveSubscriptions | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Undefined if the hub has only one node. */
  readonly missed: MissedUpdates | undefined;
  /** The streams of the other nodes. Undefined if the hub has only one node. */
  readonly nodeStreams: NodeStreams | undefined;
  /** Counts streams on the other nodes. Undefined if {@link ActiveSubscriptions} does so, or no limit needs it. */
  readonly countedElsewhere: NodeStreams | undefined;
  /** Called if history cannot be read. The hub then ends the stream, and its client retries. */
  readonly onError: (error: unknown) => void;
  /**
   * Called with the reason if a stream is closed right after it opened. The hub does so in place of a refusal that
   * standard client scripts would retry.
   */
  readonly onCloseAtOnce: (req: IncomingMessage, error: unknown) => void;
}
