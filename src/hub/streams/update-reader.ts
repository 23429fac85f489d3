import { MatcherList } from "../../protocol/matching/matcher.js";
import type { Update } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import type { Replay, Transport } from "../../transport/transport.js";
import { type Dispatcher, type Recipient, readHistory } from "../fan-out/dispatcher.js";
import { resolveReplayStart } from "./replay-start.js";

/** Options of `Hub.updates` and `sse.updates`. */
export interface UpdatesOptions {
  /** Ends the iteration when it aborts. The iterator throws nothing. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The id of the last event before the iteration, or `earliest` for all stored updates. Default: the iteration begins
   * with the next update.
   */
  readonly lastEventId?: string | undefined;
}

export const updatesOptions: readonly string[] = ["lastEventId", "signal"] satisfies (keyof UpdatesOptions)[];

/** The iterator that `Hub.updates()` returns, for `for await` or for manual reads. `return()` ends manual reads. */
export interface Updates extends AsyncIterableIterator<Update, undefined> {
  /**
   * Resolves to the next update.
   *
   * @throws MercureError `ERR_HISTORY_GAP` if history no longer holds the next update, or does not know the event.
   */
  next(): Promise<IteratorResult<Update, undefined>>;
  /** Ends the iteration, including a pending `next()`. */
  return(): Promise<IteratorResult<Update, undefined>>;
}

/**
 * Iterates over updates, including private ones, for code in the process.
 *
 * It pulls updates. The hub queues nothing for a slow consumer, which continues from its position in history. An
 * iterator abandoned without `return()` leaks nothing, because the dispatcher knows only a pending `next()`.
 */
export class UpdateReader implements Updates, Recipient {
  readonly matchers: MatcherList;
  /** The application can read everything. */
  readonly privateTopics = MatcherList.all;
  readonly #transport: Transport;
  readonly #dispatcher: Dispatcher;
  readonly #signal: AbortSignal | undefined;
  readonly #iteration: AsyncGenerator<Update, undefined>;
  #returned = false;
  #wake: (() => void) | undefined;

  constructor(matchers: MatcherList, options: UpdatesOptions, transport: Transport, dispatcher: Dispatcher) {
    this.matchers = matchers;
    this.#transport = transport;
    this.#dispatcher = dispatcher;
    this.#signal = options.signal;
    this.#iteration = this.#iterate(options.lastEventId ?? transport.cursor(transport.head));
  }

  receive(): void {
    this.#wake?.();
  }

  missed(): [] {
    this.#wake?.();
    return [];
  }

  end(): void {
    this.#wake?.();
  }

  next(): Promise<IteratorResult<Update, undefined>> {
    return this.#iteration.next();
  }

  return(): Promise<IteratorResult<Update, undefined>> {
    // The generator alone would first wait for the update of a pending next().
    this.#returned = true;
    this.#wake?.();
    return this.#iteration.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#iterate(lastEventId: string): AsyncGenerator<Update, undefined> {
    let { replay, precedingId } = await resolveReplayStart(this.#transport, lastEventId, {
      read: (after) => this.#read(after),
      mayKnow: () => true,
    });
    if (replay === undefined || precedingId !== lastEventId) throw gap();
    const toldLostThrough = replay.lostThrough;
    for (;;) {
      for (const { update } of replay.updates) {
        if (this.#ended) return;
        if (this.matchers.matchesAny(update.topics)) yield update;
      }
      const position = replay.through;
      await this.#moreThan(position);
      if (this.#ended) return;
      replay = await this.#read(position);
      if (replay.lostThrough > Math.max(position, toldLostThrough)) throw gap();
    }
  }

  async #read(after: number): Promise<Replay & { readonly first: number | undefined }> {
    const replay = await readHistory(this.#transport, this.matchers, after);
    return { ...replay, first: replay.updates[0]?.position };
  }

  get #ended(): boolean {
    return this.#returned || this.#dispatcher.closed || (this.#signal?.aborted ?? false);
  }

  /** Resolves when there can be updates after a position, or when the iteration has ended. */
  async #moreThan(position: number): Promise<void> {
    if (this.#ended || this.#dispatcher.position > position) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#dispatcher.add(this);
      this.#signal?.addEventListener("abort", this.#wake);
    });
    this.#dispatcher.remove(this);
    this.#signal?.removeEventListener("abort", this.#wake!);
    this.#wake = undefined;
  }
}

function gap(): MercureError {
  return new MercureError(
    "ERR_HISTORY_GAP",
    "The next update has left the history. Load the current state again, and start after the hub's lastEventId.",
  );
}
