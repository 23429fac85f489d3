import type { Nodes } from "../../transport/nodes.js";
import type { ControlChannel } from "../auth/control-channel.js";
import { Departures } from "./departures.js";
import { MissedUpdates } from "./missed-updates.js";
import { NodeStreams } from "./node-streams.js";
import type { NodeStream, StreamState } from "./stream-record.js";

/** The part of a hub that knows the subscriptions, as the nodes of the hub need it. */
export interface SharedSubscriptions {
  /** Shares the streams of this node. */
  share(streams: NodeStreams): void;
  /** Adds a stream of another node. */
  add(stream: NodeStream, node: string): void;
  /** Removes a stream of another node. */
  remove(stream: NodeStream, state: StreamState): void;
  /** Announces the end of streams of a node that has ended, except those whose end is announced. */
  announceEnd(streams: readonly NodeStream[]): Promise<void>;
  /** Another node may announce the end of all streams of this node. */
  beginAbsence(): void;
  /** @param isAnnounced - Whether another node has announced the end of this node's streams. */
  endAbsence(isAnnounced: boolean): void;
}

/** The nodes of a hub over a transport that several share. */
export class HubNodes {
  readonly streams: NodeStreams;
  readonly missed: MissedUpdates;
  readonly #departures: Departures;
  readonly #stop: () => void;
  #position = 0;

  /** @param onMissed - Called with a topic whose streams have missed updates. */
  constructor(
    nodes: Nodes,
    channel: ControlChannel,
    subscriptions: SharedSubscriptions | undefined,
    onMissed: (name: string) => void,
    onError: (error: unknown) => void,
  ) {
    this.#departures = new Departures({
      self: nodes.self,
      channel,
      announceEnd: async (node, streams) => {
        if (node === nodes.self) subscriptions?.endAbsence(false);
        else await subscriptions?.announceEnd(streams);
      },
      announceAgain: () => subscriptions?.endAbsence(true),
      onError,
    });
    this.missed = new MissedUpdates(channel, onMissed, onError);
    this.#stop = channel.listen(
      (data, position) => {
        // A message can follow the end that it is about within the same turn.
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
      gone: (node, streams) => {
        this.#departures.add(node, streams);
        this.#departures.release(node);
      },
      returned: () => {
        subscriptions?.beginAbsence();
        this.#departures.add(nodes.self, []);
      },
    });
    subscriptions?.share(this.streams);
  }

  /** Resolves when all nodes have executed the orders that this node has heard, or after a second. */
  confirmed(): Promise<void> {
    return this.streams.confirmed(this.#position);
  }

  close(): void {
    this.#stop();
    this.streams.close();
  }
}
