import type { Update } from "../../protocol/update.js";
import type { Nodes } from "../../transport/nodes.js";
import type { Replay, ReplayQuery, Transport, TransportListener, TransportState } from "../../transport/transport.js";

/**
 * Carries control messages between hub nodes over the transport, and hides them from everything else.
 *
 * Control messages travel as updates of the hub's own namespace, so every transport delivers and keeps them. Publishers
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
    this.updatesOnly = new TransportWithout(this.#topic, transport);
  }

  /** Sends a control message. Resolves when the transport holds it and this node's listeners have been called. */
  async send(data: string): Promise<void> {
    const namespace = this.#namespace;
    await this.#transport.publish({ topics: [this.#topic], data, private: true }, { namespace, keep: "orders" });
  }

  /** Returns the control messages still in the transport's history, oldest first. */
  async history(): Promise<string[]> {
    const { updates } = await this.#transport.read({ topics: new Set([this.#topic]), after: 0 });
    return updates.filter(({ update }) => isOf(this.#topic, update)).map(({ update }) => update.data);
  }

  listen(listener: (data: string) => void): () => void {
    return this.#transport.listen({
      update: ({ update }) => {
        if (isOf(this.#topic, update)) listener(update.data);
      },
    });
  }
}

class TransportWithout implements Transport {
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
