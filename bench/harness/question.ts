import type { Peer } from "./peer.js";
import type { Rows } from "./rows.js";

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
  /** How often its rows are measured unless the command line says otherwise. Default 3. */
  readonly rounds?: number;
  measure(peer: Peer, scale: Scale): Promise<Row[]>;
  /** Compares rows that were measured in the same run; without a row that it needs, it leaves a target out. */
  judge(rows: Rows): Target[];
}
