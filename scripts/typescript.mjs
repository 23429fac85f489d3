// Loads the repository's TypeScript: node --import ./scripts/typescript.mjs --test test/hub/matchers.test.ts
//
// It is faster than tsx, because it only blanks the types out, and keeps the results. Lines and columns stay as they are
// in the source, so errors need no source maps.

import * as module from "node:module";

// The hooks of Node 20 run in a thread of their own.
if (module.registerHooks === undefined) module.register("./typescript-hooks.mjs", import.meta.url);
else module.registerHooks(await import("./typescript-hooks.mjs"));
