import { work } from "../../protocol/matching/work.js";
import type { Replay, StoredUpdate, Transport } from "../../transport/transport.js";
import { newPace, stepsPerTurn } from "../pacer.js";
import { Chunk } from "./chunk.js";
import { type Dispatcher, readHistory } from "./dispatcher.js";
import type { EncodedEvents } from "./encoded-events.js";
import type { Audience } from "./subscription-scope.js";

/** A stretch of history as an audience receives it. */
export interface EncodedReplay {
  /** Undefined when there is nothing for this audience. */
  readonly chunk: Chunk | undefined;
  /** The position of the first update in it, whether this audience receives that or not. */
  readonly first: number | undefined;
  /** As in a {@link Replay}. */
  readonly lostThrough: number;
  readonly through: number;
  /** Whether there was nothing more to read. */
  readonly isLast: boolean;
  /** The steps that it took to select and encode the updates. */
  readonly steps: number;
}

interface Kept {
  readonly audience: Audience;
  readonly after: number;
  readonly replay: EncodedReplay;
  readonly bytes: number;
}

/** The cost of an update besides patterns, in steps: to look at it, and to encode it. */
const stepsPerUpdate = 20;
const stepsPerEvent = 100;

/** An update whose patterns may take more steps than this is looked at with turns for others in between. */
const mostStepsAtOnce = 8 * stepsPerTurn;

/** How many stretches are kept for the next subscriber at the same place, and how many bytes they have in all. */
const keptCount = 64;
const keptBytes = 4 * 1024 * 1024;

/** Reads history and turns it into bytes, once for all subscribers who are at the same place in it. */
export class EncodedReplays {
  readonly #transport: Transport;
  readonly #dispatcher: Dispatcher;
  readonly #events: EncodedEvents;
  /** The oldest first. */
  readonly #kept: Kept[] = [];
  #bytes = 0;

  constructor(transport: Transport, dispatcher: Dispatcher, events: EncodedEvents) {
    this.#transport = transport;
    this.#dispatcher = dispatcher;
    this.#events = events;
  }

  /** Reads a bounded stretch of what comes after a position. */
  read(audience: Audience, after: number): EncodedReplay | Promise<EncodedReplay> {
    const known = this.#find(audience, after);
    if (known !== undefined) return known;
    const replay = readHistory(this.#transport, audience.matchers, after, audience.readsPrivate);
    return "then" in replay
      ? replay.then((read) => this.#encoded(audience, after, read))
      : this.#encoded(audience, after, replay);
  }

  #find(audience: Audience, after: number): EncodedReplay | undefined {
    for (const kept of this.#kept) {
      if (kept.after !== after || kept.audience !== audience) continue;
      // One that ends where history then ended would be followed by ever smaller ones.
      if (!kept.replay.isLast || kept.replay.through >= this.#dispatcher.position) return kept.replay;
    }
    return undefined;
  }

  #encoded(audience: Audience, after: number, replay: Replay): EncodedReplay | Promise<EncodedReplay> {
    const stretch = new Stretch(audience, replay);
    const isMuch = audience.costOf(replay.updates) > mostStepsAtOnce;
    if (isMuch) return this.#encodePaced(stretch, after);
    for (const stored of replay.updates) {
      if (stretch.isEnough) break;
      stretch.add(stored, audience.receives(stored.update) ? this.#events.of(stored) : undefined);
    }
    return this.#finish(stretch, after);
  }

  async #encodePaced(stretch: Stretch, after: number): Promise<EncodedReplay> {
    const { audience, updates } = stretch;
    const pace = newPace();
    for (const stored of updates) {
      if (stretch.isEnough) break;
      const isReceived = await audience.receivesPaced(stored.update, pace);
      stretch.add(stored, isReceived ? this.#events.of(stored) : undefined);
    }
    return this.#finish(stretch, after);
  }

  #finish(stretch: Stretch, after: number): EncodedReplay {
    const { audience, parts, through, lostThrough, steps, updates } = stretch;
    const chunk = parts.length === 0 ? undefined : new Chunk(parts);
    const isLast = through >= this.#dispatcher.position;
    const replay = { chunk, first: updates[0]?.position, lostThrough, through, isLast };
    // Those who come to the same place later find it done.
    if (chunk !== undefined) {
      this.#keep({ audience, after, replay: { ...replay, steps: stepsPerEvent }, bytes: chunk.framed.length });
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

/** A part of history, selected for one audience: as much as one turn has time for. */
class Stretch {
  readonly audience: Audience;
  readonly updates: readonly StoredUpdate[];
  readonly lostThrough: number;
  readonly parts: Buffer[] = [];
  readonly #readThrough: number;
  readonly #before = work.steps;
  readonly #stepsToLook: number;
  #looked = 0;
  #position = 0;

  constructor(audience: Audience, { updates, lostThrough, through }: Replay) {
    this.audience = audience;
    this.updates = updates;
    this.lostThrough = lostThrough;
    this.#readThrough = through;
    // To ask a pattern for its literal takes time too, though hardly any.
    this.#stepsToLook = stepsPerUpdate + audience.patterns.length;
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

  /** @param event - Undefined for an update that is not received. */
  add({ position }: StoredUpdate, event: Buffer | undefined): void {
    if (event !== undefined) this.parts.push(event);
    this.#looked++;
    this.#position = position;
  }
}
