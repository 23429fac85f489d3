import type { MatchType, Selector } from "../../protocol/active-subscription.js";

/** The state of a stream. The events of an ended stream are pending. `disconnected` is an end by a disconnection. */
export type RecordedState = "open" | "ended" | "disconnected";

/** A topic or pattern of a stream. */
export interface StreamSelector {
  readonly selector: Selector;
  readonly payload: unknown;
  readonly isPrivate: boolean;
}

/** A stream, as its node describes it to the others. */
export interface NodeStream {
  readonly subscriber: string;
  readonly state: RecordedState;
  /** The stream carries only updates after this position. */
  readonly start: number;
  /** The token's bearer in the connection limits. */
  readonly subject: string | undefined;
  readonly selectors: readonly StreamSelector[];
  /** The ended node that had the stream, if another node is about to announce the stream's end. */
  readonly of?: string;
}

const version = 1;
const states: readonly RecordedState[] = ["open", "ended", "disconnected"];
const types: readonly (MatchType | undefined)[] = [undefined, "exact", "urlpattern"];

type Row = readonly [text: string, flags: number, payload?: number];
type StreamRecord = readonly [
  version: number,
  state: number,
  start: number,
  subject: string | 0,
  payloads: readonly unknown[],
  rows: readonly Row[],
  of?: unknown,
];

/** Encodes a stream. Equal payloads are in the record once. */
export function encodeStream({ state, start, subject, selectors, of }: NodeStream): string {
  const payloads = new Map<string, number>();
  const rows = selectors.map(({ selector: { text, matchType }, payload, isPrivate }): Row => {
    const flags = (isPrivate ? 1 : 0) + 2 * types.indexOf(matchType);
    const json = JSON.stringify(payload) as string | undefined;
    if (json === undefined) return [text, flags];
    const index = payloads.get(json) ?? payloads.size;
    payloads.set(json, index);
    return [text, flags, index];
  });
  const head = JSON.stringify([version, states.indexOf(state), start, subject ?? 0]).slice(0, -1);
  const tail = of === undefined ? "" : `,${JSON.stringify(of)}`;
  return `${head},[${[...payloads.keys()].join()}],${JSON.stringify(rows)}${tail}]`;
}

/** Decodes a stream. Returns undefined for a record of another version, which a newer node can write. */
export function decodeStream(subscriber: string, text: string): NodeStream | undefined {
  const record = JSON.parse(text) as StreamRecord;
  const [recordVersion, state, start, subject, payloads, rows, of] = record;
  if (recordVersion !== version || states[state] === undefined) return undefined;
  const selectors = rows.flatMap(([name, flags, payload]): StreamSelector[] => {
    const type = flags >> 1;
    if (type >= types.length) return [];
    const selector = type === 0 ? { text: name } : { text: name, matchType: types[type] };
    return [{ selector, isPrivate: flags % 2 === 1, payload: payload === undefined ? undefined : payloads[payload] }];
  });
  return {
    subscriber,
    state: states[state],
    start,
    subject: subject === 0 ? undefined : subject,
    selectors,
    ...(states[state] === "ended" && typeof of === "string" && { of }),
  };
}
