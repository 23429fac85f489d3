import { deepEqual, equal } from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Transport } from "../transport.js";

/** Tests the entries that a node publishes about itself. */
export function nodesTests(open: (t: TestContext) => Promise<Transport>, isShared: boolean): void {
  test("tells whether several nodes can share the store", async (t) => {
    const { nodes } = await open(t);
    equal(nodes.areShared, isShared);
  });

  test("holds the entries of its node, by prefix, until the node removes them", async (t) => {
    const { nodes } = await open(t);
    nodes.tell("s/1", "one");
    nodes.tell("s/2", "\0\ud800");
    nodes.tell("v/1", "");
    nodes.tell("s/1", "changed");
    const entries = (prefix: string) =>
      [...nodes.entries(prefix)].map(([node, ...rest]) => [node === nodes.self, ...rest]);
    const expected = [
      [true, "s/1", "changed"],
      [true, "s/2", "\0\ud800"],
    ];
    deepEqual(entries("s/").sort(), expected);
    deepEqual(entries("v/"), [[true, "v/1", ""]]);
    nodes.tell("s/1", undefined);
    deepEqual(entries("s/"), expected.slice(1));
  });

  test("calls the listeners of entries with each change, until they are removed", async (t) => {
    const { nodes } = await open(t);
    const heard: unknown[] = [];
    const stop = nodes.listen((node, key, value) => heard.push([node === nodes.self, key, value]));
    nodes.tell("a", "1");
    nodes.tell("a", undefined);
    deepEqual(heard, [
      [true, "a", "1"],
      [true, "a", undefined],
    ]);
    stop();
    nodes.tell("a", "2");
    equal(heard.length, 2);
  });
}
