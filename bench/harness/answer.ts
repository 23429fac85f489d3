import type { Peer } from "./peer.js";
import { type Question, type Row, Rows, type Scale, type Target } from "./question.js";

/** What a run has found out about one question. */
export interface Answer {
  readonly question: string;
  readonly asks: string;
  readonly rows: readonly Row[];
  /** Peers that were not measured, and why. */
  readonly leftOut: readonly { readonly name: string; readonly why: string }[];
  readonly targets: readonly Target[];
}

/**
 * Puts a question to its peers, one after the other: two at a time would disturb each other.
 *
 * @param isWanted - Which peers are wanted; the others are not mentioned.
 * @param progress - Told what is being measured.
 */
export async function answer(
  question: Question,
  scale: Scale,
  isWanted: (peer: Peer) => boolean,
  progress: (message: string) => void,
): Promise<Answer> {
  const rows: Row[] = [];
  const leftOut: { name: string; why: string }[] = [];
  for (const peer of question.peers.filter(isWanted)) {
    const why = peer.missing?.();
    if (why !== undefined) {
      leftOut.push({ name: peer.name, why });
      continue;
    }
    progress(`${question.name}: ${peer.name}, ${peer.what}`);
    try {
      rows.push(...(await question.measure(peer, scale)));
    } catch (error) {
      rows.push({ name: peer.name, figures: {}, faults: [(error as Error).message] });
    }
  }
  return { question: question.name, asks: question.asks, rows, leftOut, targets: question.judge(new Rows(rows)) };
}
