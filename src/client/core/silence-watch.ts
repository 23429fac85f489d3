/** A connection is dead if no byte arrives within this number of the hub's comment intervals. */
const missedIntervals = 2.5;
/**
 * The time without a byte if the hub announces no interval, in milliseconds. The default interval elsewhere is 40 s.
 */
const unannouncedSilence = 75_000;
/** A page that becomes visible replaces its connection if no byte has arrived within this fraction of that time. */
const suspicious = 0.6;
/**
 * The bounds of the time until a hub answers, in milliseconds. Between them, the answer has as much time as a silence.
 */
const minAnswerTime = 2_000;
const maxAnswerTime = 30_000;

/** Detects a dead connection that neither side has closed: a network can drop it silently. */
export class SilenceWatch {
  readonly #onSilence: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  // Before the first request no silence counts: a prerendered page becomes visible before its streams start.
  #heardAt = Number.POSITIVE_INFINITY;
  #heardAtAwake = this.#heardAt;
  #maxSilence = unannouncedSilence;

  constructor(onSilence: () => void) {
    this.#onSilence = onSilence;
  }

  /** The max time until the hub answers a request, in milliseconds. */
  get answerTimeout(): number {
    return Math.min(maxAnswerTime, Math.max(minAnswerTime, this.#maxSilence));
  }

  /** A silence that makes a connection suspicious, in milliseconds. */
  get suspiciousSilence(): number {
    return this.#maxSilence * suspicious;
  }

  /**
   * The time since the last byte, in milliseconds. The one clock can be set back, and the other can stop while the
   * device sleeps.
   */
  get silence(): number {
    return Math.max(Date.now() - this.#heardAt, performance.now() - this.#heardAtAwake);
  }

  /** Must be called for each byte that arrives, and for each request. */
  heard(): void {
    this.#heardAt = Date.now();
    this.#heardAtAwake = performance.now();
  }

  /** Watches a connection whose hub announces the interval of its comments in `Mercure-Keep-Alive`, in seconds. */
  start(announced: string | null): void {
    this.stop();
    const interval = Number(announced) * 1000;
    this.#maxSilence = interval > 0 ? interval * missedIntervals : unannouncedSilence;
    this.heard();
    if (interval > 0) this.#check();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #check(): void {
    const left = this.#maxSilence - this.silence;
    if (left > 0) this.#timer = setTimeout(() => this.#check(), left);
    else this.#onSilence();
  }
}
