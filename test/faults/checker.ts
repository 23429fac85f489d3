/** An update as a node's listener received it, or as history returned it. */
export interface Heard {
  readonly position: number;
  /** The data. Every update of a run has other data, so that data identifies it. */
  readonly data: string;
}

/** The life of one node: from its start, or from its listening, to its end. A restarted node is another one. */
export interface NodeRecord {
  readonly name: string;
  /** The node's head when it began to listen. */
  readonly from: number;
  /** The node's head at its end. For a killed node: the last position that it recorded. */
  readonly to: number;
  /** In the order of the calls. */
  readonly heard: readonly Heard[];
  /** The gaps that the node was told of: updates after one position, up to another one. */
  readonly gaps: readonly { readonly after: number; readonly through: number }[];
}

/** The record of a run with faults. */
export interface RunRecord {
  /** The data of all updates that somebody has tried to publish. */
  readonly sent: readonly string[];
  /** The data of those that were acknowledged. */
  readonly acknowledged: readonly string[];
  readonly nodes: readonly NodeRecord[];
  /** The history after the run, if it has room for the whole run. */
  readonly history?: readonly Heard[];
}

/**
 * Returns what is wrong with a run; nothing if every acknowledged update was heard once by every node that lived, in one
 * order, at positions that grow and are never used again, or was in a gap that the node was told of.
 */
export function faultsOf(run: RunRecord): string[] {
  const faults: string[] = [];
  const all = [...run.nodes.map(({ heard }) => heard), run.history ?? []].flat();
  const positions = new Map<string, number>();
  const owners = new Map<number, string>();
  const sent = new Set(run.sent);
  for (const { position, data } of all) {
    const other = positions.get(data);
    if (other !== undefined && other !== position) faults.push(`${data} has the positions ${other} and ${position}`);
    const owner = owners.get(position);
    if (owner !== undefined && owner !== data) faults.push(`position ${position} is ${owner} and ${data}`);
    if (!sent.has(data)) faults.push(`${data} was never sent`);
    positions.set(data, position);
    owners.set(position, data);
  }
  for (const data of run.acknowledged) {
    if (!sent.has(data)) faults.push(`${data} was acknowledged and never sent`);
    if (!positions.has(data)) faults.push(`${data} was acknowledged and is lost`);
  }
  const accepted = [...owners.keys()].sort((a, b) => a - b);
  for (const node of run.nodes) faults.push(...faultsOfNode(node, accepted));
  if (run.history !== undefined) faults.push(...faultsOfHistory(run.history, run.acknowledged, accepted));
  return faults;
}

/** @param accepted - The positions of all updates, in order. */
function faultsOfNode({ name, from, to, heard, gaps }: NodeRecord, accepted: readonly number[]): string[] {
  const faults: string[] = [];
  let last = from;
  for (const { position } of heard) {
    if (position === last) faults.push(`${name} heard position ${position} twice`);
    else if (position < last) faults.push(`${name} heard position ${position} after ${last}`);
    last = Math.max(last, position);
  }
  if (last > to) faults.push(`${name} ends at ${to} and has heard position ${last}`);
  const known = new Set(heard.map(({ position }) => position));
  const isTold = (position: number) => gaps.some(({ after, through }) => position > after && position <= through);
  const missed = accepted.filter((position) => position > from && position <= to && !known.has(position));
  for (const position of missed) {
    if (!isTold(position)) faults.push(`${name} missed position ${position}, and was not told`);
  }
  for (const { after, through } of gaps) {
    if (after >= through) faults.push(`${name} was told of an empty gap after ${after}`);
    if (!accepted.some((position) => position > after && position <= through && !known.has(position))) {
      faults.push(`${name} was told of a gap from ${after} to ${through}, and missed nothing`);
    }
  }
  return faults;
}

function faultsOfHistory(
  history: readonly Heard[],
  acknowledged: readonly string[],
  accepted: readonly number[],
): string[] {
  const faults: string[] = [];
  for (const [index, { position }] of history.entries()) {
    const before = history[index - 1]?.position ?? 0;
    if (position <= before) faults.push(`history has position ${position} after ${before}`);
  }
  const held = new Set(history.map(({ data }) => data));
  for (const data of acknowledged) if (!held.has(data)) faults.push(`${data} was acknowledged and is not in history`);
  const positions = new Set(history.map(({ position }) => position));
  for (const position of accepted) {
    if (!positions.has(position)) faults.push(`position ${position} was heard and is not in history`);
  }
  return faults;
}
