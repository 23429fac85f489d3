import type { Clock } from "../../shared/clock.js";
import { OldestFirstMap } from "../../shared/oldest-first-map.js";
import type { ControlChannel } from "../auth/control-channel.js";
import type { NodeStream } from "./stream-record.js";

/**
 * A life of a node. It ends when the others consider the node ended, and a node that returns begins another. Messages
 * about a life have no effect on later ones. A node of an older version has only one.
 */
export interface Life {
  readonly node: string;
  /** The number of lives before. */
  readonly life: number;
}

/** A message about a life that has ended: the node `by` claims the announcement, or has finished it. */
interface Message extends Life {
  readonly kind: "claim" | "announced";
  readonly by: string;
}

/** The lifetimes of messages, in milliseconds. A node that was paused learns from them which ends are announced. */
const lifetimes = { claim: 600_000, announced: 86_400_000 };
/** The max number of nodes whose announced end is remembered. */
const capacity = 1000;
/**
 * The time until another node takes over a claim, in milliseconds. Over LMDB a paused process keeps its claims,
 * because it has no lease that ends.
 */
const maxAnnouncement = 15_000;
/** The time until a message is sent again after a failure of the store, in milliseconds. */
const retryInterval = 1000;

export interface DeparturesOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly channel: ControlChannel;
  /** Whether another node lives, as far as this one knows. */
  isLiving(node: string): boolean;
  /** Begins another life of this node, after one that the others consider ended. */
  outlive(life: number): void;
  /** Announces the end of a node's streams, except those whose end is announced. */
  announceEnd(streams: readonly NodeStream[]): Promise<void>;
  /** Called when all nodes know the end of the streams that {@link DeparturesOptions.announceEnd} has announced. */
  forgetEnd(streams: readonly NodeStream[]): void;
  onError(error: unknown): void;
}

/**
 * Decides which node announces the end of the streams of a node that has ended. Every node that has noticed the end
 * sends a claim, and all nodes hear the claims in the same order, so exactly one announces.
 */
export class Departures {
  readonly #options: DeparturesOptions;
  /** The streams of each life that has ended, until their end is announced. */
  readonly #departures = new Map<string, readonly NodeStream[]>();
  /** The claims that count, by the life that has ended: the first in the common order. */
  readonly #claims = new Map<string, Message>();
  /**
   * The lives whose end is announced. A node that was paused can receive the announcement before it knows that they
   * have ended.
   */
  readonly #announced = new OldestFirstMap<string, true>();

  #isClosed = false;

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** Claims the announcement for a node that has ended, unless it is finished. */
  add(life: Life, streams: readonly NodeStream[]): void {
    const id = idOf(life);
    if (this.#announced.has(id)) return;
    this.#departures.set(id, streams);
    this.#send("claim", life);
  }

  /** Makes the claims of a node void, because it has ended or because this node returns. */
  release(node: string): void {
    for (const [id, claim] of this.#claims) {
      if (claim.by === node) this.#takeOver(id, claim);
    }
  }

  /** Notes that a life continues, so its node announces its streams itself. */
  cancel(life: Life): void {
    const id = idOf(life);
    this.#announced.delete(id);
    if (this.#claims.get(id)?.by !== this.#options.self) this.#departures.delete(id);
  }

  /** Executes a message of a node, this one included. Other messages have no effect. */
  execute(data: string): void {
    const message = { life: 0, ...JSON.parse(data) } as Message;
    const { kind, node, by } = message;
    if (node === this.#options.self && by !== node) this.#options.outlive(message.life);
    if (kind === "claim") this.#claim(message);
    else if (kind === "announced") this.#settle(message);
  }

  close(): void {
    this.#isClosed = true;
  }

  #claim(claim: Message): void {
    const { self, isLiving } = this.#options;
    const { by } = claim;
    const id = idOf(claim);
    // This node can hear a message of a node whose end it knows already.
    if (this.#claims.has(id) || (by !== self && !isLiving(by))) return;
    this.#claims.set(id, claim);
    if (by === self) void this.#announce(claim);
    else this.#later(() => this.#takeOver(id, claim), maxAnnouncement);
  }

  #takeOver(id: string, claim: Message): void {
    if (this.#claims.get(id) !== claim) return;
    this.#claims.delete(id);
    this.#send("claim", claim);
  }

  #settle(message: Message): void {
    const { self } = this.#options;
    const { node, by } = message;
    const id = idOf(message);
    // A node that was paused can send this message late, while this node announces the streams that the other has
    // left.
    if (by !== self && this.#claims.get(id)?.by === self) return;
    this.#claims.delete(id);
    // A node of an older version announces its own end when it was only paused, and lives.
    if (by === node) this.#announced.delete(id);
    else this.#announced.set(id, true);
    if (this.#announced.size > capacity) this.#announced.shift();
    this.#departures.delete(id);
  }

  async #announce(claim: Message): Promise<void> {
    const { announceEnd, forgetEnd, onError } = this.#options;
    const id = idOf(claim);
    const departed = (this.#departures.get(id) ?? []).map((stream) => ({ of: id, ...stream }));
    // The node can have died during its announcement for another node, whose streams it describes as its own.
    const streams = departed.filter(({ of }) => of === id || !this.#departures.has(of));
    try {
      await announceEnd(streams);
    } catch (error) {
      onError(error);
      this.#later(() => {
        if (this.#claims.get(id) === claim) void this.#announce(claim);
      });
      return;
    }
    await this.#send("announced", claim);
    forgetEnd(streams);
  }

  async #send(kind: Message["kind"], ended: Life): Promise<void> {
    if (kind === "claim" && !this.#departures.has(idOf(ended))) return;
    const { self, channel, onError } = this.#options;
    const { node, life } = ended;
    const message: Message = { kind, node, life, by: self };
    const until = channel.now() + lifetimes[kind];
    // A late claim must not replace the announcement, which the node itself can hear later.
    try {
      await channel.send({ data: JSON.stringify(message), key: `${kind} ${node}`, until });
    } catch (error) {
      onError(error);
      // The others wait for this message as long as this node lives.
      this.#later(() => void this.#send(kind, ended));
    }
  }

  #later(callback: () => void, delay = retryInterval): void {
    const { clock } = this.#options;
    clock.at(clock.now() + delay, () => {
      if (!this.#isClosed) callback();
    });
  }
}

function idOf({ node, life }: Life): string {
  return life === 0 ? node : `${node} ${life}`;
}
