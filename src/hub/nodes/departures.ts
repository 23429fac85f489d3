import type { Clock } from "../../shared/clock.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { ControlChannel } from "../auth/control-channel.js";
import type { NodeStream } from "./stream-record.js";

/** A message about a node that has ended: the node `by` claims the announcement, or has finished it. */
interface Message {
  readonly kind: "claim" | "announced";
  readonly node: string;
  readonly by: string;
}

/** The lifetimes of messages, in milliseconds. A node that stood still learns from them which ends are announced. */
const lifetimes = { claim: 600_000, announced: 86_400_000 };
/** The max number of nodes whose announced end is remembered. */
const capacity = 1000;
/** The time until a message is sent again after a failure of the store, in milliseconds. */
const retryInterval = 1000;

export interface DeparturesOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly channel: ControlChannel;
  /** Whether another node lives, as far as this one knows. */
  isLiving(node: string): boolean;
  /** Announces the end of a node's streams, except those whose end is announced. */
  announceEnd(streams: readonly NodeStream[]): Promise<void>;
  /** Called when all nodes know the end of the streams that {@link DeparturesOptions.announceEnd} has announced. */
  forgetEnd(streams: readonly NodeStream[]): void;
  /** Called when no other node announces the end of this node's streams, after the others took it for ended. */
  endAbsence(): void;
  onError(error: unknown): void;
}

/**
 * Decides which node announces the end of the streams of a node that has ended. Every node that has noticed the end
 * sends a claim, and all nodes hear the claims in the same order, so exactly one announces. A node that was only paused
 * sends a claim for itself.
 */
export class Departures {
  readonly #options: DeparturesOptions;
  /** The streams of each node that has ended, until their end is announced. */
  readonly #departures = new Map<string, readonly NodeStream[]>();
  /** The nodes that announce an end, by the node that has ended. The first claim in the common order decides. */
  readonly #claims = new Map<string, string>();
  /**
   * The nodes whose end is announced. A node that stood still can receive the announcement before it knows that they
   * have ended.
   */
  readonly #announced = new OldestFirstMap<string, true>();

  #isClosed = false;

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** @param streams - The streams of the node. Empty for this node, after the others have taken it for ended. */
  add(node: string, streams: readonly NodeStream[]): void {
    if (node !== this.#options.self && this.#announced.has(node)) return;
    this.#departures.set(
      node,
      streams.map((stream) => ({ of: node, ...stream })),
    );
    // The others do not wait for claims of this node from before its absence.
    if (node === this.#options.self) this.release(node);
    this.#send("claim", node);
  }

  /** Notes that a node has ended. The others announce the rest of its claims. */
  release(node: string): void {
    for (const [departed, by] of this.#claims) {
      if (by !== node) continue;
      this.#claims.delete(departed);
      if (this.#departures.has(departed) && departed !== node) this.#send("claim", departed);
    }
  }

  /** Notes that a node lives: it was only paused, and announces its streams itself. */
  cancel(node: string): void {
    this.#announced.delete(node);
    if (this.#claims.get(node) !== this.#options.self) this.#departures.delete(node);
  }

  /** Executes a message of a node, this one included. Other messages have no effect. */
  execute(data: string): void {
    const { kind, node, by } = JSON.parse(data) as Partial<Message>;
    if (node === undefined || by === undefined) return;
    if (kind === "claim") this.#claim(node, by);
    else if (kind === "announced") this.#settle(node, by);
  }

  close(): void {
    this.#isClosed = true;
  }

  #claim(node: string, by: string): void {
    const { self, isLiving } = this.#options;
    // This node can hear a message of a node whose end it knows already.
    if (this.#claims.has(node) || (by !== self && !isLiving(by))) return;
    this.#claims.set(node, by);
    if (by === self) void this.#announce(node);
  }

  #settle(node: string, by: string): void {
    // A node that stood still can send this message late, while this node announces the streams that the other has
    // left.
    if (by !== this.#options.self && this.#claims.get(node) === this.#options.self) return;
    this.#claims.delete(node);
    // A node that has announced its own end was only paused, and lives.
    if (by === node) this.#announced.delete(node);
    else this.#announced.set(node, true);
    if (this.#announced.size > capacity) this.#announced.shift();
    const wasAbsent = this.#departures.delete(node);
    if (node !== this.#options.self) return;
    if (wasAbsent) this.#options.endAbsence();
    // This node lives. Without an answer the others would not announce its end when it comes.
    if (by !== node) void this.#send("announced", node);
  }

  async #announce(node: string): Promise<void> {
    const { self, announceEnd, forgetEnd, onError } = this.#options;
    const departed = node === self ? [] : (this.#departures.get(node) ?? []);
    // The node can have died during its announcement for another node, whose streams it describes as its own.
    const streams = departed.filter(({ of = node }) => of === node || !this.#departures.has(of));
    try {
      await announceEnd(streams);
    } catch (error) {
      onError(error);
      this.#later(() => {
        if (this.#claims.get(node) === self) void this.#announce(node);
      });
      return;
    }
    await this.#send("announced", node);
    forgetEnd(streams);
  }

  async #send(kind: Message["kind"], node: string): Promise<void> {
    if (kind === "claim" && !this.#departures.has(node)) return;
    const { self, channel, onError } = this.#options;
    const message: Message = { kind, node, by: self };
    const until = channel.now() + lifetimes[kind];
    // A late claim must not replace the announcement, which the node itself can hear later.
    try {
      await channel.send({ data: JSON.stringify(message), key: `${kind} ${node}`, until });
    } catch (error) {
      onError(error);
      // The others wait for this message as long as this node lives.
      this.#later(() => void this.#send(kind, node));
    }
  }

  #later(callback: () => void): void {
    const { clock } = this.#options;
    clock.at(clock.now() + retryInterval, () => {
      if (!this.#isClosed) callback();
    });
  }
}
