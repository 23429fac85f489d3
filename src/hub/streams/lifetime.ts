/** The random part of a connection's max lifetime. It prevents clients from reconnecting together. */
const spread = 0.2;

/** Sets the end of connections: the expiry of the token, and at most the max lifetime. Mercure 1.0 "Subscribers". */
export class Lifetime {
  readonly #max: number;
  readonly #random: () => number;
  readonly #now: () => number;

  /** @param seconds - The max lifetime; 0 for as long as the token is valid. */
  constructor(seconds: number, random: () => number = Math.random, now: () => number = () => Date.now()) {
    this.#max = seconds * 1000;
    this.#random = random;
    this.#now = now;
  }

  /**
   * @param authorizedUntil - The time when the client must show a new token; undefined for never.
   * @returns the end in milliseconds since 1970; undefined for never. Ends are whole seconds, so that many streams share
   * a timer.
   */
  endOf(authorizedUntil: number | undefined): number | undefined {
    if (this.#max === 0) return authorizedUntil;
    const end = this.#now() + this.#max * (1 - spread * this.#random());
    return Math.min(Math.floor(end / 1000) * 1000, authorizedUntil ?? end);
  }
}
