import { work } from "../../protocol/matching/work.js";
import type { Replay, StoredUpdate, Transport } from "../../transport/transport.js";
import { newPace, stepsPerTurn } from "../pacer.js";
import { Chunk } from "./chunk.js";
import { type Dispatcher, readHistory } from "./dispatcher.js";
import type { EncodedEvents } from "./encoded-events.js";
import type { SubscriptionScope } from "./subscription-scope.js";

/** A chunk of history as a scope receives it. */
export interface EncodedReplay {
  /** Undefined if the chunk has no update for this scope. */
  readonly chunk: Chunk | undefined;
  /** The position of the first update in the chunk, even if this scope does not receive it. */
  readonly first: number | undefined;
  /** The bounds as in a {@link Replay}. */
  readonly lostThrough: number;
  readonly through: number;
  /** Whether the chunk reaches the end of history. */
  readonly isLast: boolean;
  /** The number of steps for selecting and encoding the updates. */
  readonly steps: number;
}

interface Kept {
  readonly scope: SubscriptionScope;
  readonly after: number;
  readonly replay: EncodedReplay;
  readonly bytes: number;
}

/** The cost of an update besides patterns, in steps: for checking it, and for encoding it. */
const stepsPerUpdate = 20;
const stepsPerEvent = 100;

/** The max steps of patterns for one update before the encoding yields to the event loop between patterns. */
const maxStepsAtOnce = 8 * stepsPerTurn;

/** The max number of cached chunks, and their max size in bytes. */
const keptCount = 64;
const keptBytes = 4 * 1024 * 1024;

/** Reads and encodes history once for all subscribers at the same position. */
export class EncodedReplays {
  readonly #transport: Transport;
  readonly #dispatcher: Dispatcher;
  readonly #events: EncodedEvents;
  /** The cached chunks, the oldest first. */
  readonly #kept: Kept[] = [];
  #bytes = 0;

  constructor(transport: Transport, dispatcher: Dispatcher, events: EncodedEvents) {
    this.#transport = transport;
    this.#dispatcher = dispatcher;
    this.#events = events;
  }

  /** Reads a bounded chunk of history after a position. */
  read(scope: SubscriptionScope, after: number): EncodedReplay | Promise<EncodedReplay> {
    const known = this.#find(scope, after);
    if (known !== undefined) return known;
    const replay = readHistory(this.#transport, scope.matchers, after, scope.readsPrivate);
    return "then" in replay
      ? replay.then((read) => this.#encoded(scope, after, read))
      : this.#encoded(scope, after, replay);
  }

  #find(scope: SubscriptionScope, after: number): EncodedReplay | undefined {
    for (const kept of this.#kept) {
      if (kept.after !== after || kept.scope !== scope) continue;
      // A cached chunk that ends at a former end of history is stale: smaller and smaller chunks would follow it.
      if (!kept.replay.isLast || kept.replay.through >= this.#dispatcher.position) return kept.replay;
    }
    return undefined;
  }

  #encoded(scope: SubscriptionScope, after: number, replay: Replay): EncodedReplay | Promise<EncodedReplay> {
    const builder = new ReplayBuilder(scope, replay);
    const isMuch = scope.costOf(replay.updates) > maxStepsAtOnce;
    if (isMuch) return this.#encodePaced(builder, after);
    for (const stored of replay.updates) {
      if (builder.isEnough) break;
      builder.add(stored, scope.receives(stored.update) ? this.#events.of(stored) : undefined);
    }
    return this.#finish(builder, after);
  }

  async #encodePaced(builder: ReplayBuilder, after: number): Promise<EncodedReplay> {
    const { scope, updates } = builder;
    const pace = newPace();
    for (const stored of updates) {
      if (builder.isEnough) break;
      const isReceived = await scope.receivesPaced(stored.update, pace);
      builder.add(stored, isReceived ? this.#events.of(stored) : undefined);
    }
    return this.#finish(builder, after);
  }

  #finish(builder: ReplayBuilder, after: number): EncodedReplay {
    const { scope, parts, through, lostThrough, steps, updates } = builder;
    const chunk = parts.length === 0 ? undefined : new Chunk(parts);
    const isLast = through >= this.#dispatcher.position;
    const replay = { chunk, first: updates[0]?.position, lostThrough, through, isLast };
    // Later subscribers at the same position use the cached chunk.
    if (chunk !== undefined) {
      this.#keep({ scope, after, replay: { ...replay, steps: stepsPerEvent }, bytes: chunk.framed.length });
    }
    return { ...replay, steps };
  }

  #keep(kept: Kept): void {
    this.#kept.push(kept);
    this.#bytes += kept.bytes;
    while (this.#kept.length > keptCount || (this.#bytes > keptBytes && this.#kept.length > 1)) {
      this.#bytes -= this.#kept.shift()!.bytes;
    }
  }
}

/** A part of history selected for one scope, as large as one turn allows. */
class ReplayBuilder {
  readonly scope: SubscriptionScope;
  readonly updates: readonly StoredUpdate[];
  readonly lostThrough: number;
  readonly parts: Buffer[] = [];
  readonly #readThrough: number;
  readonly #before = work.steps;
  readonly #stepsToLook: number;
  #looked = 0;
  #position = 0;

  constructor(scope: SubscriptionScope, { updates, lostThrough, through }: Replay) {
    this.scope = scope;
    this.updates = updates;
    this.lostThrough = lostThrough;
    this.#readThrough = through;
    // The check of a pattern's literal takes a little time too.
    this.#stepsToLook = stepsPerUpdate + scope.patterns.length;
  }

  get steps(): number {
    return work.steps - this.#before + this.#looked * this.#stepsToLook + this.parts.length * stepsPerEvent;
  }

  get isEnough(): boolean {
    return this.#looked > 0 && this.steps >= stepsPerTurn;
  }

  get through(): number {
    return this.#looked === this.updates.length ? this.#readThrough : this.#position;
  }

  /** @param event - The encoded event. Undefined if the scope does not receive the update. */
  add({ position }: StoredUpdate, event: Buffer | undefined): void {
    if (event !== undefined) this.parts.push(event);
    this.#looked++;
    this.#position = position;
  }
}
