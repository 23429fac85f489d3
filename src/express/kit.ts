import type { Response } from "express";
import type { Environment } from "nunjucks";
import type { Hub } from "../hub/hub.js";
import type { ComponentFunctions } from "../nunjucks/component-functions.js";
import type { OobOptions } from "../nunjucks/html.js";
import type { SafeString } from "../nunjucks/safe-string.js";
import { embeddedHubRequired } from "../publisher/hub/hub-port.js";
import type { Sse } from "./sse.js";

/** What `mercure(app)` gives the application. Its functions can be taken apart. */
export interface Kit {
  /** Publishes updates, and streams them. */
  readonly sse: Sse;
  /**
   * Renders a component to HTML that templates print, and `publish` sends, as it is.
   *
   * @throws MercureError `ERR_COMPONENT`
   */
  readonly render: (name: string, props?: object) => SafeString;
  /** The components as functions: `components.Name(props)`. */
  readonly components: ComponentFunctions;
  /** Tag of a template literal that escapes what is interpolated. */
  readonly html: (strings: TemplateStringsArray, ...values: readonly unknown[]) => SafeString;
  /**
   * Calls a function in which everything is rendered for this response: streams begin where its request began, and
   * private ones get the token of its viewer. For a callback, as of a database, that has to render before it sends.
   *
   * @param work must be synchronous
   * @returns what `work` returns
   * @throws MercureError `ERR_OPTION` for an asynchronous function.
   * @example
   * pool.query("SELECT …", (error, { rows }) => {
   *   res.end(withResponse(res, () => page(render("Orders", { rows }))));
   * });
   */
  readonly withResponse: <T>(response: Response, work: () => T) => T;
  /** HTML that is swapped wherever its target is in the page. */
  readonly oob: (html: unknown, options?: OobOptions) => SafeString;
  /** The Nunjucks environment, for further filters and globals. */
  readonly environment: Environment;
  /** The hub in this process; asked for where the hub is in another one, it throws `ERR_EXTERNAL_HUB`. */
  readonly hub: Hub;
  /** Ends all streams at once; for shutting down, so that no connection keeps the server open. */
  readonly close: () => Promise<void>;
}

/** Where there is no hub, only what asks for it is told so; not enumerable then, so that a kit can still be copied. */
export function withHub(kit: Omit<Kit, "hub">, hub: Hub | undefined): Kit {
  const property = {
    enumerable: hub !== undefined,
    get: () => {
      if (hub === undefined) throw embeddedHubRequired("kit.hub", "ask that hub itself");
      return hub;
    },
  };
  return Object.defineProperty(kit, "hub", property) as Kit;
}

declare global {
  namespace Express {
    interface Response {
      /** Answers an htmx request with a component, as HTML. */
      component(name: string, props?: object): this;
    }
  }
}
