import type { Peer } from "./peer.js";

/** What one row was measured at. A figure that a row has not is left out. */
export interface Row {
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  /** What must not happen and did: updates lost, repeated, out of order. Any makes the run fail. */
  readonly faults: readonly string[];
}

export interface Column {
  /** Which figure it shows. */
  readonly figure: string;
  readonly title: string;
  /** How many digits stand after the point. */
  readonly digits: number;
}

/** What the project wants to reach, and what it has. */
export interface Target {
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

/** How much is done: all of it, or enough to see that it works. */
export interface Scale {
  /** A number of seconds, or less when it shall be quick. */
  seconds(full: number): number;
  /** A number of anything, or less when it shall be quick. */
  count(full: number): number;
}

export interface Question {
  /** For the command line. */
  readonly name: string;
  readonly asks: string;
  readonly peers: readonly Peer[];
  readonly columns: readonly Column[];
  measure(peer: Peer, scale: Scale): Promise<Row[]>;
  /** Compares rows that were measured in the same run; without a row that it needs, it leaves a target out. */
  judge(rows: Rows): Target[];
}

/** The rows of a table by their names. */
export class Rows {
  readonly #rows: readonly Row[];

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  figure(row: string, figure: string): number | undefined {
    return this.#rows.find(({ name }) => name === row)?.figures[figure];
  }

  /** Wants a figure of a row to be at most so much. */
  below(row: string, figure: string, bound: number, unit: string): Target[] {
    const value = this.figure(row, figure);
    if (value === undefined) return [];
    return [{ wanted: `${row}: ${figure} at most ${bound} ${unit}`, measured: value.toFixed(1), met: value <= bound }];
  }

  /** Wants a figure of a row to be at most so many times that of another. */
  atMost(row: string, figure: string, factor: number, of: string): Target[] {
    return this.#compare(row, figure, factor, of, "at most", (ratio) => ratio <= factor);
  }

  atLeast(row: string, figure: string, factor: number, of: string): Target[] {
    return this.#compare(row, figure, factor, of, "at least", (ratio) => ratio >= factor);
  }

  #compare(
    row: string,
    figure: string,
    factor: number,
    of: string,
    relation: string,
    isMet: (ratio: number) => boolean,
  ): Target[] {
    const value = this.figure(row, figure);
    const other = this.figure(of, figure);
    if (value === undefined || other === undefined) return [];
    const ratio = value / other;
    return [
      { wanted: `${row}: ${figure} ${relation} ${factor} of ${of}'s`, measured: ratio.toFixed(2), met: isMet(ratio) },
    ];
  }
}
