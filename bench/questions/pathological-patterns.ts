// How much can strangers make an update cost by their subscriptions?
//
// 96 streams have 48 patterns that take backtracking engines exponential or polynomial time. One stream receives
// everything, and one publisher works in a closed loop. Topics are always new, with 250, 1,000 and 4,000 characters
// that the patterns nearly match. "harmless": the same number of patterns that differ in their first characters, and
// topics of 4,000 characters. Peers without patterns are left out, and a peer that rejects a pattern runs without it.
// The measurement takes 2 seconds of the server's CPU time, after 1 second of warming up.

import { fanOut } from "../harness/fan-out.js";
import type { Pattern } from "../harness/load.js";
import type { PatternKind, Peer } from "../harness/peer.js";
import type { Question, Row } from "../harness/question.js";
import { everyPeer } from "../peers/all.js";

const base = "https://example.com/";

/** The known attacks on each kind of pattern; none matches a topic of many a's. */
const evil: Record<PatternKind, readonly string[]> = {
  "uri-template": [
    `${base}${"{a}".repeat(20)}/never`,
    `${base}${"{+a}".repeat(20)}/never`,
    `${base}${"{a*}{b*}".repeat(10)}/never`,
    `${base}{+a,b,c,d,e,f,g,h}/never`,
    `${base}${"a{a}".repeat(20)}/never`,
    `${base}${"{/a*}".repeat(10)}/never`,
  ],
  "url-pattern": [
    `${base}*${"a*".repeat(20)}/never`,
    `${base}:a/(a+)+/never`,
    `${base}(a*)*b`,
    `${base}(a|a)*b`,
    `${base}(.*)(.*)(.*)(.*)(.*)/never`,
    `${base}(a?){20}(a){20}b`,
  ],
};

const lengths = [250, 1000, 4000] as const;
const streams = 96;

function rowOf(peer: string, kind: PatternKind, what: string | number): string {
  return `${peer}, ${kind}, ${what}`;
}

export const pathologicalPatterns: Question = {
  name: "pathological-patterns",
  asks: `${streams} streams with evil patterns, one publisher in a closed loop`,
  peers: everyPeer.filter(({ can }) => can?.patterns !== undefined),
  columns: [
    { figure: "updateCpu", title: "CPU/update µs", digits: 0 },
    { figure: "p50", title: "p50 ms", digits: 2 },
    { figure: "p99", title: "p99 ms", digits: 2 },
    { figure: "patterns", title: "patterns", digits: 0 },
  ],

  async measure(peer, scale) {
    const load = { streams: 1, publishers: 1, warm: scale.seconds(1), seconds: scale.seconds(2), stalled: streams };
    const rows: Row[] = [];
    for (const kind of peer.can?.patterns ?? []) {
      const measure = async (patterns: readonly Pattern[], length: number, name: string) => {
        const topic = `${base}${"a".repeat(length - base.length)}{s}`;
        const everything = { kind, text: kind === "uri-template" ? "{+any}" : `${base}*` };
        const row = await fanOut(peer, { ...load, topic, pattern: everything, stalledPatterns: patterns });
        rows.push({ ...row, figures: { ...row.figures, patterns: patterns.length }, name });
      };
      const taken = await takenBy(peer, distinct(kind));
      for (const length of lengths) await measure(taken, length, rowOf(peer.name, kind, length));
      await measure(harmless(kind, taken.length), 4000, rowOf(peer.name, kind, "harmless"));
    }
    return rows;
  },

  // Linear in the topic's length means 4 for four times the length. The excess is the fixed cost of an update.
  judge: (rows) =>
    ["kit", "embedded"].flatMap((peer) =>
      (["uri-template", "url-pattern"] as const).flatMap((kind) =>
        rows.atMost(rowOf(peer, kind, 4000), "updateCpu", 5, rowOf(peer, kind, 1000)),
      ),
    ),
};

/** Returns the patterns, made distinct by a literal at their end. */
function distinct(kind: PatternKind): Pattern[] {
  return Array.from({ length: 48 }, (_, i) => ({ kind, text: `${evil[kind][i % evil[kind].length]}${i}` }));
}

function harmless(kind: PatternKind, count: number): Pattern[] {
  const rest = kind === "uri-template" ? "{id}" : ":id";
  return Array.from({ length: count }, (_, i) => ({ kind, text: `${base}${i}/${rest}` }));
}

/** Resolves to the patterns that the peer accepts. */
async function takenBy(peer: Peer, patterns: readonly Pattern[]): Promise<Pattern[]> {
  const server = await peer.start({});
  try {
    const taken: Pattern[] = [];
    for (const pattern of patterns) {
      const stop = new AbortController();
      const url = `http://127.0.0.1:${server.port}${server.patternPath!(pattern.kind, pattern.text)}`;
      const { ok } = await fetch(url, { signal: stop.signal });
      stop.abort();
      if (ok) taken.push(pattern);
    }
    return taken;
  } finally {
    await server.stop();
  }
}
