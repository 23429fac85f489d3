import type { Clock } from "../../shared/clock.js";
import type { Nodes } from "../../transport/nodes.js";
import type { ControlChannel } from "../auth/control-channel.js";
import { Departures } from "./departures.js";
import { MissedUpdates } from "./missed-updates.js";
import { NodeStreams } from "./node-streams.js";
import type { NodeStream, RecordedState } from "./stream-record.js";

/** The part of a hub that knows the subscriptions, as the nodes of the hub need it. */
export interface SharedSubscriptions {
  /** Shares the streams of this node. */
  share(streams: NodeStreams): void;
  /** Adds a stream of another node. */
  add(stream: NodeStream, node: string): void;
  /** Removes a stream of another node. */
  remove(stream: NodeStream, state: RecordedState): void;
  /** Announces the end of streams of a node that has ended, except those whose end is announced. */
  announceEnd(streams: readonly NodeStream[]): Promise<void>;
  /** Called when all nodes know the end of these streams. */
  forgetEnd(streams: readonly NodeStream[]): void;
  /** Called when the nodes of these streams have announced their end and removed them. */
  forgotten(streams: readonly NodeStream[]): void;
  /** Stops listening to events. */
  close(): void;
}

/** The time that other nodes have to hear a message, in milliseconds. */
const messageLifetime = 60_000;
/** The max time that {@link HubNodes.catchUp} takes, in milliseconds. */
const maxCatchUp = 1000;

/** The nodes of a hub over a transport that several share. */
export class HubNodes {
  readonly streams: NodeStreams;
  readonly missed: MissedUpdates;
  readonly #departures: Departures;
  readonly #subscriptions: SharedSubscriptions | undefined;
  readonly #channel: ControlChannel;
  readonly #clock: Clock;
  readonly #stop: () => void;
  #position = 0;

  /** @param onMissed - Called with a topic whose streams have missed updates. */
  constructor(
    nodes: Nodes,
    channel: ControlChannel,
    subscriptions: SharedSubscriptions | undefined,
    onMissed: (name: string) => void,
    onError: (error: unknown) => void,
    clock: Clock,
  ) {
    this.#subscriptions = subscriptions;
    this.#channel = channel;
    this.#clock = clock;
    this.#departures = new Departures({
      self: nodes.self,
      channel,
      isLiving: (node) => this.streams.isLiving(node),
      outlive: (life) => this.streams.outlive(life),
      announceEnd: async (streams) => subscriptions?.announceEnd(streams),
      forgetEnd: (streams) => subscriptions?.forgetEnd(streams),
      onError,
      clock,
    });
    this.missed = new MissedUpdates(channel, onMissed, onError);
    this.#stop = channel.listen(
      (data, position) => {
        // A message about an ended node can arrive in the same turn as the end.
        this.streams.reportGone();
        this.#departures.execute(data);
        this.missed.execute(data, position);
        this.#position = position;
        this.streams.executed(position);
      },
      () => {},
    );
    this.streams = new NodeStreams(nodes, {
      begin: (stream, node) => subscriptions?.add(stream, node),
      end: (stream, state) => subscriptions?.remove(stream, state),
      living: (node, life) => this.#departures.cancel({ node, life }),
      gone: (node, life, streams) => {
        this.#departures.release(node);
        if (streams.length > 0) this.#departures.add({ node, life }, streams);
      },
      forgotten: (streams) => subscriptions?.forgotten(streams),
      returned: () => this.#departures.release(nodes.self),
    });
    subscriptions?.share(this.streams);
  }

  /**
   * Resolves when all nodes have executed the control messages that this node has received, and know the streams that
   * these messages have ended on the others. Resolves after two seconds otherwise.
   */
  async confirmed(): Promise<void> {
    await this.streams.confirmed(this.#position);
    // This node knows the ends now. If there are more than two nodes, the others know them after a later message.
    if ([...this.streams.others].length < 2) return;
    await this.#sendConfirm();
    await this.streams.confirmed(this.#position);
  }

  /** Whether another node takes new streams, as far as this node knows. */
  get hasSuccessor(): boolean {
    return this.streams.hasSuccessor;
  }

  /** Resolves when this node knows what the others have told before the call, or after a second. */
  async catchUp(): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.at(this.#clock.now() + maxCatchUp, resolve);
      // This node receives its own message after everything that the others have told before.
      void this.#sendConfirm()
        .catch(() => {})
        .then(cancel)
        .then(resolve);
    });
  }

  async #sendConfirm(): Promise<void> {
    const until = this.#channel.now() + messageLifetime;
    await this.#channel.send({ data: JSON.stringify({ kind: "confirm" }), key: "confirm", until });
  }

  close(): void {
    this.#stop();
    this.#departures.close();
    this.#subscriptions?.close();
    this.streams.close();
  }
}
