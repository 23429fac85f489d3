import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { type RenderContext, RenderContexts } from "../../../src/publisher/streams/render-context.js";

const page = (url: string) => ({ url, origin: `http://${url}`, isOver: false }) as RenderContext;

test("a request that passes through two applications has a page in each", async () => {
  const [outer, inner, other] = [new RenderContexts(), new RenderContexts(), new RenderContexts()];
  const urls = () => [outer, inner, other].map((pages) => pages.current?.url);
  await outer.enter(page("outer"), async () => {
    await inner.enter(page("inner"), async () => {
      await setImmediate();
      assert.deepEqual(urls(), ["outer", "inner", undefined]);
    });
    assert.deepEqual(urls(), ["outer", undefined, undefined]);
  });
  assert.deepEqual(urls(), [undefined, undefined, undefined]);
});

// A storage in use costs time at every asynchronous step of the process, even after its application has closed.
test("a hundred applications of a process use one storage", (t) => {
  const used = new Set<unknown>();
  const run = AsyncLocalStorage.prototype.run;
  t.mock.method(AsyncLocalStorage.prototype, "run", function (this: AsyncLocalStorage<unknown>, ...args: unknown[]) {
    used.add(this);
    return Reflect.apply(run, this, args);
  });
  for (let index = 0; index < 100; index++) {
    const pages = new RenderContexts();
    assert.equal(
      pages.enter(page(`${index}`), () => pages.origin),
      `http://${index}`,
    );
  }
  assert.equal(used.size, 1);
});
