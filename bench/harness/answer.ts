import type { Peer } from "./peer.js";
import type { Question, Row, Scale, Target } from "./question.js";
import { Rows } from "./rows.js";

/** What a run has found out about one question. */
export interface Answer {
  readonly question: string;
  readonly asks: string;
  /** The medians of all rounds. */
  readonly rows: readonly Row[];
  readonly rounds: readonly (readonly Row[])[];
  /** Peers that were not measured, and why. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
  readonly targets: readonly Target[];
}

export interface Run {
  readonly scale: Scale;
  /** How often each peer is measured. All take their turns, so that what else the machine does falls on all. */
  readonly rounds: number;
  /** Which peers are wanted; the others are not mentioned. */
  readonly isWanted: (peer: Peer) => boolean;
  /** Told what is being measured. */
  readonly progress: (message: string) => void;
}

/** Puts a question to its peers, one after the other: two at a time would disturb each other. */
export async function answer(question: Question, { scale, rounds, isWanted, progress }: Run): Promise<Answer> {
  const peers = question.peers.filter(isWanted).map((peer) => ({ peer, why: peer.missing?.() }));
  const measured: Row[][] = [];
  for (let round = 1; round <= rounds; round++) {
    const rows: Row[] = [];
    // Back and forth, so that no row always comes first.
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

/** A peer that fails is a row with a fault, and the others go on. */
async function measure(question: Question, peer: Peer, scale: Scale): Promise<Row[]> {
  try {
    return await question.measure(peer, scale);
  } catch (error) {
    return [{ name: peer.name, figures: {}, faults: [(error as Error).message] }];
  }
}
