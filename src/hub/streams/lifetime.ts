/** The part of the longest lifetime by which connections differ, so that their clients do not return together. */
const spread = 0.2;

/** Says when connections end. Mercure 1.0 "Subscribers": with their token, and after a longest time at any rate. */
export class Lifetime {
  readonly #longest: number;
  readonly #random: () => number;
  readonly #now: () => number;

  /** @param seconds - The longest time; 0 for as long as the token allows. */
  constructor(seconds: number, random: () => number = Math.random, now: () => number = () => Date.now()) {
    this.#longest = seconds * 1000;
    this.#random = random;
    this.#now = now;
  }

  /** In milliseconds since 1970; undefined for never. Whole seconds, so that many streams share a timer. */
  endOf(expiresAt: number | undefined): number | undefined {
    if (this.#longest === 0) return expiresAt;
    const end = this.#now() + this.#longest * (1 - spread * this.#random());
    return Math.min(Math.floor(end / 1000) * 1000, expiresAt ?? end);
  }
}
