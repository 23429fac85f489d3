import type { Peer } from "./peer.js";
import type { Question, Row, Scale, Target } from "./question.js";
import { Rows } from "./rows.js";

/** The results of a run for one question. */
export interface Answer {
  readonly question: string;
  readonly asks: string;
  /** The medians of all rounds. */
  readonly rows: readonly Row[];
  readonly rounds: readonly (readonly Row[])[];
  /** The peers that were not measured, with the reason. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
  readonly targets: readonly Target[];
}

export interface Run {
  readonly scale: Scale;
  /** The number of measurements of each peer. Peers take turns, so that other load on the machine affects all. */
  readonly rounds: number;
  /** Selects the peers; the others are left out. */
  readonly isWanted: (peer: Peer) => boolean;
  /** Called with the name of the current measurement. */
  readonly progress: (message: string) => void;
}

/** Measures the peers of a question, one after the other, because two at a time would disturb each other. */
export async function answer(question: Question, { scale, rounds, isWanted, progress }: Run): Promise<Answer> {
  const peers = question.peers.filter(isWanted).map((peer) => ({ peer, why: peer.missing?.() }));
  const measured: Row[][] = [];
  for (let round = 1; round <= rounds; round++) {
    const rows: Row[] = [];
    // Every second round runs in reverse order, so that the first place changes.
    for (const { peer, why } of round % 2 === 1 ? peers : peers.toReversed()) {
      if (why !== undefined) continue;
      progress(`${question.name}, round ${round} of ${rounds}: ${peer.name}, ${peer.what}`);
      rows.push(...(await measure(question, peer, scale)));
    }
    measured.push(rows);
  }
  const rows = new Rows(measured);
  return {
    question: question.name,
    asks: question.asks,
    rows: rows.medians(),
    rounds: measured,
    leftOut: peers.flatMap(({ peer: { name }, why }) => (why === undefined ? [] : [{ name, why }])),
    targets: question.judge(rows),
  };
}

/** Measures a peer. A failed peer becomes a row with a fault, and the others continue. */
async function measure(question: Question, peer: Peer, scale: Scale): Promise<Row[]> {
  try {
    return await question.measure(peer, scale);
  } catch (error) {
    return [{ name: peer.name, figures: {}, faults: [(error as Error).message] }];
  }
}
