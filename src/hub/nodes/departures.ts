import type { ControlChannel } from "../auth/control-channel.js";
import type { NodeStream } from "./stream-record.js";

/** A message about a node that has ended: `by` wants to announce the end of its streams, or has done so. */
interface Message {
  readonly kind: "claim" | "announced";
  readonly node: string;
  readonly by: string;
}

interface Departure {
  readonly streams: readonly NodeStream[];
  /** The node that announces the end of the streams: the one whose claim is the first in the common order. */
  by: string | undefined;
}

/** The time that other nodes have to hear a message, in milliseconds. */
const messageLifetime = 600_000;

export interface DeparturesOptions {
  readonly self: string;
  readonly channel: ControlChannel;
  /** Announces the end of a node's streams, except those whose end is announced. */
  announceEnd(node: string, streams: readonly NodeStream[]): Promise<void>;
  /** Announces the streams of this node again, after another node has announced their end. */
  announceAgain(): void;
  onError(error: unknown): void;
}

/**
 * Decides which node announces the end of the streams of a node that has ended. Every node that has noticed the end
 * sends a claim, and all nodes hear the claims in the same order, so exactly one announces.
 */
export class Departures {
  readonly #options: DeparturesOptions;
  readonly #departures = new Map<string, Departure>();
  /** Whether another node has announced the end of this node's streams, and this node has not heard of its end yet. */
  #isAnnounced = false;

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** @param streams - The streams of the node, or of this node after the others have taken it for ended. */
  add(node: string, streams: readonly NodeStream[]): void {
    if (node === this.#options.self && this.#isAnnounced) {
      this.#isAnnounced = false;
      this.#options.announceAgain();
      return;
    }
    this.#departures.set(node, { streams, by: undefined });
    this.#send("claim", node);
  }

  /** Notes that a node has ended. The others announce the rest of its claims. */
  release(node: string): void {
    for (const [departed, departure] of this.#departures) {
      if (departure.by !== node) continue;
      departure.by = undefined;
      this.#send("claim", departed);
    }
  }

  /** Executes a message of a node, this one included. Other messages have no effect. */
  execute(data: string): void {
    const { kind, node, by } = JSON.parse(data) as Partial<Message>;
    const { self } = this.#options;
    const departure = this.#departures.get(node ?? "");
    if (departure === undefined) {
      // The log deletes the record of a node's end after some seconds, so a node can hear this message first.
      if (kind === "announced" && node === self && by !== self) this.#isAnnounced = true;
    } else if (kind === "announced") {
      this.#departures.delete(node!);
      if (node === self && by !== self) this.#options.announceAgain();
    } else if (kind === "claim" && departure.by === undefined) {
      departure.by = by;
      if (by === self) void this.#announce(node!, departure.streams);
    }
  }

  async #announce(node: string, streams: readonly NodeStream[]): Promise<void> {
    try {
      await this.#options.announceEnd(node, streams);
    } catch (error) {
      this.#options.onError(error);
    }
    this.#send("announced", node);
  }

  #send(kind: Message["kind"], node: string): void {
    const { self, channel, onError } = this.#options;
    const message: Message = { kind, node, by: self };
    const until = channel.now() + messageLifetime;
    // A late claim must not replace the announcement, which the node itself can hear later.
    channel.send({ data: JSON.stringify(message), key: `${kind} ${node}`, until }).catch(onError);
  }
}
