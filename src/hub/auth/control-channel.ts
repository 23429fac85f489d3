import type { Update } from "../../protocol/update.js";
import type { Nodes } from "../../transport/nodes.js";
import { timeOfPosition } from "../../transport/positions.js";
import type { Replay, ReplayQuery, Transport, TransportListener, TransportState } from "../../transport/transport.js";

/** The max data of one read of messages, in UTF-16 units. */
const chunkSize = 256 * 1024;

/** A control message, with the fields that decide how long the transport keeps it. */
export interface ControlMessage {
  readonly data: string;
  /** A newer message with the same key replaces this one for nodes that start later. */
  readonly key: string;
  /** The end of the message's effect, in milliseconds since 1970. Undefined for never. */
  readonly until: number | undefined;
}

/**
 * Carries control messages between hub nodes over the transport, and hides them from everything else.
 *
 * Control messages travel as updates of the hub's own namespace, so every transport delivers them. A transport keeps
 * them apart from everything else, so neither updates nor subscription events can evict them. Publishers
 * cannot write them: the namespace belongs to the hub. Subscribers cannot read them, whatever their tokens grant:
 * subscribers read from {@link ControlChannel.updatesOnly} only.
 */
export class ControlChannel {
  /** The transport without the control messages. */
  readonly updatesOnly: Transport;
  readonly #transport: Transport;
  readonly #namespace: string;
  readonly #topic: string;

  constructor(transport: Transport, hubPath: string) {
    this.#transport = transport;
    this.#namespace = `${hubPath}/orders/`;
    this.#topic = `${this.#namespace}all`;
    this.updatesOnly = new UpdatesOnlyTransport(this.#topic, transport);
  }

  /** Sends a control message. Resolves when the transport holds it and this node's listeners have been called. */
  async send({ data, key, until }: ControlMessage): Promise<void> {
    const draft = { topics: [this.#topic], data, private: true, key };
    await this.#transport.publish(draft, { namespace: this.#namespace, keep: "orders", until });
  }

  /** The time by the clock that all nodes share, in milliseconds since 1970. */
  now(): number {
    return this.#transport.now();
  }

  /**
   * Reads the control messages in force, oldest first, once the transport is ready.
   *
   * @param apply - Called with each message.
   * @returns the time of the last message that the transport has evicted although it was in force, in milliseconds
   * since 1970; undefined if it evicted nothing.
   */
  async readAll(apply: (data: string, position: number) => void): Promise<number | undefined> {
    await this.#transport.ready;
    const topics = new Set([this.#topic]);
    let lost = 0;
    for (let after = 0, isRead = false; !isRead; ) {
      const { updates, through, lostThrough } = await this.#transport.read({ topics, after, limit: chunkSize });
      for (const { update, position } of updates) if (isOf(this.#topic, update)) apply(update.data, position);
      lost = Math.max(lost, lostThrough);
      isRead = through >= this.#transport.head;
      after = through;
    }
    return lost === 0 ? undefined : timeOfPosition(lost);
  }

  /**
   * Calls the listener with each later message.
   *
   * @param onGap - Called if this node will never receive some messages. It must read them all.
   */
  listen(listener: (data: string, position: number) => void, onGap: () => void): () => void {
    return this.#transport.listen({
      update: ({ update, position }) => {
        if (isOf(this.#topic, update)) listener(update.data, position);
      },
      gap: onGap,
    });
  }
}

/** A transport without the control messages. It shows readers and listeners everything else. */
class UpdatesOnlyTransport implements Transport {
  readonly #topic: string;
  readonly #transport: Transport;

  constructor(topic: string, transport: Transport) {
    this.#topic = topic;
    this.#transport = transport;
  }

  get ready(): Promise<void> {
    return this.#transport.ready;
  }

  get state(): TransportState {
    return this.#transport.state;
  }

  get head(): number {
    return this.#transport.head;
  }

  get nodes(): Nodes {
    return this.#transport.nodes;
  }

  now(): number {
    return this.#transport.now();
  }

  publish(...draft: Parameters<Transport["publish"]>): Promise<Update> {
    return this.#transport.publish(...draft);
  }

  cursor(position: number): string {
    return this.#transport.cursor(position);
  }

  positionOf(id: string): number | undefined | Promise<number | undefined> {
    return this.#transport.positionOf(id);
  }

  read(query: ReplayQuery): Replay | Promise<Replay> {
    const replay = this.#transport.read(query);
    return replay instanceof Promise ? replay.then((each) => this.#without(each)) : this.#without(replay);
  }

  listen({ update, gap }: TransportListener): () => void {
    return this.#transport.listen({
      update: (stored) => {
        if (!isOf(this.#topic, stored.update)) update(stored);
      },
      ...(gap !== undefined && { gap }),
    });
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  #without(replay: Replay): Replay {
    if (!replay.updates.some(({ update }) => isOf(this.#topic, update))) return replay;
    return { ...replay, updates: replay.updates.filter(({ update }) => !isOf(this.#topic, update)) };
  }
}

function isOf(topic: string, { topics }: Update): boolean {
  return topics[0] === topic;
}
