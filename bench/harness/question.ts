import type { Peer } from "./peer.js";
import type { Rows } from "./rows.js";

/** The figures of one row. A figure that was not measured is missing. */
export interface Row {
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  /** The faults of the row: updates lost, repeated, out of order. Any fault makes the run fail. */
  readonly faults: readonly string[];
}

export interface Column {
  /** The name of the figure. */
  readonly figure: string;
  readonly title: string;
  /** The number of digits after the point. */
  readonly digits: number;
}

/** A target of the project, and its state. */
export interface Target {
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

/** The amount of work: all of it, or a small part as a check that it works. */
export interface Scale {
  /** A number of seconds, or fewer for a quick run. */
  seconds(full: number): number;
  /** A number of anything, or a smaller one for a quick run. */
  count(full: number): number;
}

export interface Question {
  /** For the command line. */
  readonly name: string;
  readonly asks: string;
  readonly peers: readonly Peer[];
  readonly columns: readonly Column[];
  /** The default number of rounds. Default 3. */
  readonly rounds?: number;
  measure(peer: Peer, scale: Scale): Promise<Row[]>;
  /** Compares rows of the same run; omits a target without its rows. */
  judge(rows: Rows): Target[];
}
