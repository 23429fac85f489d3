import type { Response } from "express";
import type { Environment } from "nunjucks";
import type { Hub } from "../hub/hub.js";
import type { CloseOptions } from "../hub/options/close-options.js";
import type { ComponentFunctions } from "../nunjucks/component-functions.js";
import type { OobOptions } from "../nunjucks/html.js";
import type { SafeString } from "../nunjucks/safe-string.js";
import { embeddedHubRequired } from "../publisher/hub/hub-port.js";
import type { TransportState } from "../transport/transport.js";
import type { KitParts } from "./assemble.js";
import type { Sse } from "./sse.js";

/** The result of `mercure(app)`. Its functions can be destructured. */
export interface Kit {
  /** Publishes updates, and streams them. */
  readonly sse: Sse;
  /**
   * Renders a component to safe HTML: templates print it, and `publish` sends it, without escaping.
   *
   * @throws MercureError `ERR_COMPONENT` for a missing component. Errors of the component's template are rethrown.
   * @example
   * ```ts
   * await sse.publish("messages", render("ChatMessage", message));
   * ```
   */
  readonly render: (name: string, props?: object) => SafeString;
  /** The components as functions: `components.Name(props)`. */
  readonly components: ComponentFunctions;
  /**
   * A tag for template literals that escapes the interpolated values.
   *
   * @throws MercureError `ERR_TEMPLATE` for a value without a text, such as a promise.
   * @example
   * ```ts
   * html`<b>${"<i>"}</b>`; // → <b>&lt;i&gt;</b>
   * ```
   */
  readonly html: (strings: TemplateStringsArray, ...values: readonly unknown[]) => SafeString;
  /**
   * Calls a function that renders for this response. Streams in it begin at the start of the response's request, and
   * private streams get the viewer's token. Use it in callbacks that lost the request, for example of a database.
   *
   * @param work - A synchronous function.
   * @returns the result of `work`
   * @throws MercureError `ERR_OPTION` for an asynchronous function.
   * @example
   * ```ts
   * emitter.once("loaded", () => {
   *   res.end(String(withResponse(res, () => render("ChatMessage", message))));
   * });
   * emitter.emit("loaded");
   * ```
   */
  readonly withResponse: <T>(response: Response, work: () => T) => T;
  /**
   * Returns HTML for an out-of-band swap: htmx puts it at its target, anywhere in the page.
   *
   * @throws MercureError `ERR_TEMPLATE` for HTML without an element, an id or a target.
   * @example
   * ```ts
   * await sse.publish("messages", oob(html`<span id="count">7</span>`));
   * ```
   */
  readonly oob: (html: unknown, options?: OobOptions) => SafeString;
  /** The Nunjucks environment, for further filters and globals. */
  readonly environment: Environment;
  /** The embedded hub. With an external hub, reading it throws `ERR_EXTERNAL_HUB`. */
  readonly hub: Hub;
  /**
   * Returns the state of the option `outbox`, for health checks. Undefined without the option.
   *
   * @example
   * ```ts
   * app.get("/healthz", (_req, res) => res.send(kit.outboxState()));
   * ```
   */
  readonly outboxState: () => TransportState | undefined;
  /**
   * Ends all streams, so that no connection delays a shutdown: at once, or with `drainTimeout` one after the other while
   * another process takes them. A second call ends a drain at once.
   *
   * @throws MercureError `ERR_OPTION` for an unknown or invalid option.
   * @example
   * ```ts
   * process.on("SIGTERM", () => void close({ drainTimeout: 20 }));
   * ```
   */
  readonly close: (options?: CloseOptions) => Promise<void>;
}

/**
 * Returns the kit of the application. Without an embedded hub, only reading `hub` throws. The property is then not
 * enumerable, so that the kit can be copied.
 */
export function createKit({
  sse,
  components,
  html,
  environment,
  responsePages,
  hub,
  embedded,
  presence,
  outbox,
}: KitParts): Kit {
  const kit: Omit<Kit, "hub"> = {
    sse,
    render: (name, props) => components.render(name, props),
    components: components.namespace,
    withResponse: (response, work) => responsePages.withResponse(response, work),
    html: html.html,
    oob: html.oob,
    environment,
    outboxState: () => outbox?.state,
    close: async (options = {}) => {
      await embedded?.hub.drain(options);
      presence?.close();
      outbox?.stop();
      await hub.close(options);
      await outbox?.close();
    },
  };
  const property = {
    enumerable: embedded !== undefined,
    get: () => {
      if (embedded === undefined) throw embeddedHubRequired("kit.hub", "use the external hub's own API");
      return embedded.hub;
    },
  };
  return Object.defineProperty(kit, "hub", property) as Kit;
}

declare global {
  namespace Express {
    interface Response {
      /** Sends a component as HTML, for example to an htmx request. */
      component(name: string, props?: object): this;
    }
  }
}
