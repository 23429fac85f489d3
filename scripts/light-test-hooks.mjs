// Frees the tests from an asynchronous hook of Node 20's runner. The runner notes the test of each promise and timer, to
// name the test whose callback throws; that takes a quarter of the time of tests with many promises. The runner needs
// its hook for its own resources alone, which are tests and suites: a suite's tests find their suite by it.
//
// A callback that throws still fails the process, and `watch-tests.mjs` names the test. This file must be imported
// before any module that imports `node:test`, by an option `--import` of its own.

import hooks from "node:async_hooks";

if (process.env.NODE_TEST_CONTEXT && process.versions.node.startsWith("20.")) await lighten();

async function lighten() {
  const { AsyncResource, createHook } = hooks;
  let init;
  hooks.createHook = (callbacks) => {
    init = callbacks.init;
    const hook = { enable: () => hook, disable: () => hook };
    return hook;
  };
  hooks.AsyncResource = class extends AsyncResource {
    constructor(type, options) {
      super(type, options);
      init?.(this.asyncId(), type, this.triggerAsyncId(), this);
    }
  };
  // The runner keeps these two, and nobody else gets them.
  await import("node:test");
  Object.assign(hooks, { AsyncResource, createHook });
}
