const seconds = 60;

/** One number of the dashboard, with its last minute second by second. */
export class Figure {
  readonly label: string;
  readonly unit: string;
  readonly #digits: number;
  readonly #sum: boolean;
  readonly #ceiling: number;
  #history: number[] = [];

  /**
   * @param options.sum Whether the number is the sum of the whole minute, and not the newest.
   * @param options.ceiling The min top of the chart's scale, so that small numbers look small.
   */
  constructor(label: string, unit: string, options: { digits?: number; sum?: boolean; ceiling: number }) {
    this.label = label;
    this.unit = unit;
    this.#digits = options.digits ?? 0;
    this.#sum = options.sum ?? false;
    this.#ceiling = options.ceiling;
  }

  add(value: number): void {
    this.#history = [...this.#history, value].slice(-seconds);
  }

  get value(): string {
    const value = this.#sum ? this.#history.reduce((a, b) => a + b, 0) : (this.#history.at(-1) ?? 0);
    return value.toFixed(this.#digits);
  }

  /** The line of the chart, in a box of 59 by 20. It spans the whole box, even in the first minute. */
  get points(): string {
    const values = this.#history.length > 1 ? this.#history : Array<number>(2).fill(this.#history[0] ?? 0);
    const top = Math.max(this.#ceiling, ...values);
    const step = (seconds - 1) / (values.length - 1);
    return values
      .map((value, i) => `${Number((i * step).toFixed(2))},${(19 - (value / top) * 18).toFixed(1)}`)
      .join(" ");
  }

  /** The line and the area below it. */
  get area(): string {
    return `0,20 ${this.points} ${seconds - 1},20`;
  }
}
