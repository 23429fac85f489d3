import type { Application } from "express";
import { type Clock, systemClock } from "../shared/clock.js";
import { assemble } from "./assemble.js";
import { checkApplication } from "./check-application.js";
import { resolveOptions } from "./configuration.js";
import { install } from "./install.js";
import { createKit, type Kit } from "./kit.js";
import type { MercureOptions } from "./options.js";

/**
 * Makes an Express application live and returns its kit. It serves the hub and the library's scripts, renders templates
 * with the library's tags, and adds `res.component(name, props)` to responses. Call it once, before the routes. Call
 * `kit.close()` at shutdown.
 *
 * @throws MercureError `ERR_OPTION` for an unknown or invalid option, for a missing secret in production, and for an
 * application that is not Express 5 or already has a kit; `ERR_COMPONENT` if a component exists twice.
 * @example
 * ```ts
 * import express from "express";
 * import { mercure } from "htmx-mercure";
 *
 * const app = express();
 * const { sse, render } = mercure(app);
 * app.post("/messages", async (req, res) => {
 *   await sse.publish("messages", render("ChatMessage", { text: "hello" }));
 *   res.sendStatus(204);
 * });
 * app.listen(3000);
 * ```
 */
export function mercure(app: Application, options?: MercureOptions): Kit;
/** @internal */
export function mercure(app: Application, options?: MercureOptions, clock?: Clock): Kit;
export function mercure(app: Application, options: MercureOptions = {}, clock = systemClock): Kit {
  const configuration = resolveOptions(options);
  checkApplication(app, configuration);
  const parts = assemble(app, configuration, clock);
  install(app, parts);
  return createKit(parts);
}
