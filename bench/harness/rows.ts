import type { Row, Target } from "./question.js";

/** The rows of a table, measured in some rounds. */
export class Rows {
  readonly #rounds: readonly (readonly Row[])[];

  constructor(rounds: readonly (readonly Row[])[]) {
    this.#rounds = rounds;
  }

  /** Each row with the medians of its figures. */
  medians(): Row[] {
    const rows = this.#rounds.flat();
    const names = [...new Set(rows.map(({ name }) => name))];
    return names.map((name) => {
      const own = rows.filter((row) => row.name === name);
      const figures = new Set(own.flatMap((row) => Object.keys(row.figures)));
      return {
        name,
        figures: Object.fromEntries(
          [...figures].map((figure) => [figure, median(own.flatMap((row) => row.figures[figure] ?? []))]),
        ),
        faults: own.flatMap(({ faults }) => faults),
      };
    });
  }

  /** Requires a figure of a row to be at most a bound. */
  below(row: string, figure: string, bound: number, unit: string): Target[] {
    return this.#bound(row, figure, `at most ${bound} ${unit}`, (value) => value <= bound);
  }

  /** Requires a figure of a row to be at least a bound. */
  reaches(row: string, figure: string, bound: number, unit: string): Target[] {
    return this.#bound(row, figure, `at least ${bound} ${unit}`, (value) => value >= bound);
  }

  #bound(row: string, figure: string, wanted: string, isMet: (value: number) => boolean): Target[] {
    const values = this.#rounds.flatMap((rows) => figureOf(rows, row, figure) ?? []);
    if (values.length === 0) return [];
    const value = median(values);
    return [{ wanted: `${row}: ${figure} ${wanted}`, measured: value.toFixed(1), met: isMet(value) }];
  }

  /** Requires a figure of a row to be at most another of its figures. */
  atMostFigure(row: string, figure: string, other: string): Target[] {
    const pairs = this.#rounds.flatMap((rows): [number, number][] => {
      const [value, bound] = [figureOf(rows, row, figure), figureOf(rows, row, other)];
      return value === undefined || bound === undefined ? [] : [[value, bound]];
    });
    if (pairs.length === 0) return [];
    const ratio = median(pairs.map(([value, bound]) => value / bound));
    return [{ wanted: `${row}: ${figure} at most ${other}`, measured: ratio.toFixed(2), met: ratio <= 1 }];
  }

  /** Requires a figure of a row to exceed that of another by at most a bound. */
  above(row: string, figure: string, bound: number, unit: string, of: string): Target[] {
    const differences = this.#pairs(row, figure, of).map(([value, other]) => value - other);
    if (differences.length === 0) return [];
    const value = median(differences);
    const wanted = `${row}: ${figure} at most ${bound} ${unit} above ${of}'s`;
    return [{ wanted, measured: value.toFixed(1), met: value <= bound }];
  }

  /** Requires a figure of a row to be at most a multiple of another row's. */
  atMost(row: string, figure: string, factor: number, of: string): Target[] {
    return this.#compare(row, figure, factor, of, "at most", (ratio) => ratio <= factor);
  }

  atLeast(row: string, figure: string, factor: number, of: string): Target[] {
    return this.#compare(row, figure, factor, of, "at least", (ratio) => ratio >= factor);
  }

  /** The ratio is the median of the rounds' own ratios: a machine that is slow for minutes slows both rows. */
  #compare(
    row: string,
    figure: string,
    factor: number,
    of: string,
    relation: string,
    isMet: (ratio: number) => boolean,
  ): Target[] {
    const ratios = this.#pairs(row, figure, of).map(([value, other]) => value / other);
    if (ratios.length === 0) return [];
    const ratio = median(ratios);
    return [
      { wanted: `${row}: ${figure} ${relation} ${factor} of ${of}'s`, measured: ratio.toFixed(2), met: isMet(ratio) },
    ];
  }

  /** Returns a figure of two rows, for each round that has both. */
  #pairs(row: string, figure: string, of: string): [value: number, other: number][] {
    return this.#rounds.flatMap((rows): [number, number][] => {
      const value = figureOf(rows, row, figure);
      const other = figureOf(rows, of, figure);
      return value === undefined || other === undefined ? [] : [[value, other]];
    });
  }
}

function figureOf(rows: readonly Row[], row: string, figure: string): number | undefined {
  return rows.find(({ name }) => name === row)?.figures[figure];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}
