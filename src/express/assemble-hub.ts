import type { Request } from "express";
import { type HubOptions, publicPathOf } from "../hub/options/hub-options.js";
import { EmbeddedHubPort } from "../publisher/hub/embedded-hub-port.js";
import type { HubPort } from "../publisher/hub/hub-port.js";
import type { Presence } from "../publisher/presence/presence.js";
import { Variants } from "../publisher/publish/variants.js";
import { HubAddress } from "../publisher/remote/hub-address.js";
import { RemoteHub } from "../publisher/remote/remote-hub.js";
import type { Authorizer } from "../publisher/streams/authorizer.js";
import type { RenderContexts } from "../publisher/streams/render-context.js";
import type { Tokens } from "../publisher/streams/tokens.js";
import { watchedTopics } from "../publisher/streams/watched-topics.js";
import type { Clock } from "../shared/clock.js";
import { nextPosition } from "../transport/positions.js";
import type { Configuration } from "./configuration.js";
import { type EmbeddedHub, embedHub } from "./embedded-hub.js";
import { presenceOf } from "./presence-of.js";

export interface HubContext {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly pages: RenderContexts;
  readonly tokens: Tokens;
  /** The hub in this process. Undefined if `hubUrl` names another. */
  readonly embedded: EmbeddedHub | undefined;
  onError(message: string, error: unknown): void;
}

/** The hub, and the presence that the library derives from its streams. */
export interface HubAssembly {
  readonly hub: HubPort;
  readonly variants: Variants;
  /** The hub in this process. Undefined if `hubUrl` names another. */
  readonly embedded: EmbeddedHub | undefined;
  /** The people of this process's streams. Undefined without the hub in this process. */
  readonly presence: Presence | undefined;
}

/** Creates the hub in this process. It calls the option `authorize` for streams with a token in a cookie. */
export function embedOwnHub(configuration: Configuration, authorizer: Authorizer, clock: Clock): EmbeddedHub {
  const hubPath = publicPathOf(configuration.resource, configuration.hub.path);
  const authorize: HubOptions["authorize"] =
    configuration.authorize &&
    ((request, topics) => authorizer.authorize(request as Request, watchedTopics(hubPath, topics), "connect"));
  return embedHub(configuration, authorize, clock);
}

/** The max error of a node's estimate of its store's clock, in milliseconds: the answer with the time takes a while. */
const clockError = 100;

/**
 * Returns a clock for tokens. Disconnections carry the time of the hub's store, which can differ from this machine's.
 */
export function hubClockOf(clock: Clock, embedded: EmbeddedHub | undefined): Pick<Clock, "now"> {
  if (embedded === undefined) return clock;
  return { now: () => clock.now() + embedded.hub.now() - Date.now() };
}

/** Creates the port to the hub in this process, or to the hub that `hubUrl` names. */
export function assembleHub(context: HubContext): HubAssembly {
  const { embedded } = context;
  return embedded === undefined ? hubElsewhere(context) : hubInProcess(context, embedded);
}

function hubInProcess({ configuration, clock, onError }: HubContext, embedded: EmbeddedHub): HubAssembly {
  const { publicHubUrl, tokenLifetime } = configuration;
  const { isShared } = embedded.hub;
  const nodes = {
    head: () => embedded.hub.position,
    upperBound: () => nextPosition(embedded.hub.position, embedded.hub.now() + clockError),
    tellMissed: (name: string) => {
      embedded.hub.tellMissed(name).catch((error) => onError("reporting a gap to streams failed", error));
    },
  };
  const variants = new Variants({
    clock,
    lifetime: tokenLifetime,
    areAllKnown: configuration.hub.subscriptions,
    nodes: isShared ? nodes : undefined,
  });
  const hub = new EmbeddedHubPort({ hub: embedded.hub, publicHubUrl, variants });
  const presence = presenceOf(embedded.hub, configuration, {
    clock,
    subscriptions: (topic) => hub.listSubscriptions([topic]),
    onError,
  });
  embedded.hub.onSubscription((subscription, isPrivate, { start }) =>
    variants.onSubscriptionEvent(subscription, isPrivate, start),
  );
  return { hub, variants, embedded, presence };
}

function hubElsewhere({ configuration, clock, pages, tokens, onError }: HubContext): HubAssembly {
  const { publicHubUrl, protocol, tokenLifetime, trustedHosts, development } = configuration;
  const hub = new RemoteHub({
    address: new HubAddress({ url: configuration.hubUrl!, path: configuration.hub.path, trustedHosts, development }),
    publicHubUrl,
    protocol,
    tokens,
    requestOrigin: () => pages.origin,
    onError,
  });
  const variants = new Variants({ clock, lifetime: tokenLifetime, areAllKnown: false });
  return { hub, variants, embedded: undefined, presence: undefined };
}
