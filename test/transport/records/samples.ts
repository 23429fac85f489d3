import type { Draft } from "../../../src/protocol/update.js";
import type { InternalOptions } from "../../../src/transport/transport.js";

/** The updates that the frozen records hold, in their order. */
export const samples: readonly (readonly [draft: Draft, own?: InternalOptions])[] = [
  [
    {
      topics: ["a", "b"],
      data: "x\r\n\0é\u{1f600}\ud800",
      private: true,
      type: "note",
      retry: 5,
      id: "urn:1",
      key: "k",
      keep: true,
    },
  ],
  [{ topics: ["a"], data: "", private: false }],
  [{ topics: ["a"], data: "live", private: false, keep: false }],
  [
    { topics: ["/h/subscriptions/a/1"], data: "event", private: true },
    { namespace: "/h/subscriptions/", keep: "events" },
  ],
  [
    { topics: ["/h/orders/all"], data: "order", private: true, key: "7" },
    { namespace: "/h/orders/", keep: "orders", until: 4_102_444_800_000 },
  ],
];

/** The entries that the frozen records hold: a node, a stream of it, and an entry that it has removed. */
export const entries: readonly (readonly [key: string, value: string | null])[] = [
  ["n", "[1,7]"],
  ["s/0b9a4c1e-7a43-4d3c-9a8e-6d2d9f5e1a10", '[1,0,7,"ada",[{"name":"Ada"}],[["a",1,0],["/:b",4]]]'],
  ["é\0", "old"],
  ["é\0", null],
];
