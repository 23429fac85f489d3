import { type HttpProblem, refusalOf } from "../protocol/problem.js";
import type { Clock } from "../shared/clock.js";
import type { Logger } from "../shared/logger.js";
import type { TransactionalTransport, Transport } from "../transport/transport.js";
import { authenticatorFor } from "./auth/authenticators.js";
import { ControlChannel } from "./auth/control-channel.js";
import { storeClock } from "./auth/store-clock.js";
import type { VerifiedToken } from "./auth/verified-token.js";
import { Dispatcher } from "./fan-out/dispatcher.js";
import { EncodedEvents } from "./fan-out/encoded-events.js";
import { EncodedReplays } from "./fan-out/encoded-replays.js";
import { TickBatch } from "./fan-out/tick-batch.js";
import { guardedObserver } from "./guarded-observer.js";
import { Publications } from "./handlers/publications.js";
import { PublishHandler } from "./handlers/publish-handler.js";
import { Router } from "./handlers/router.js";
import { SubscribeHandler } from "./handlers/subscribe-handler.js";
import { SubscriptionsHandler } from "./handlers/subscriptions-handler.js";
import type { HubRequest } from "./http/messages.js";
import { HubNodes } from "./nodes/hub-nodes.js";
import { SecretCheck } from "./nodes/secret-check.js";
import type { HubSettings } from "./options/hub-options.js";
import { ActiveSubscriptions } from "./streams/active-subscriptions.js";
import { Disconnections } from "./streams/disconnections.js";
import { Expirations } from "./streams/expirations.js";
import type { StreamServices } from "./streams/stream-services.js";
import type { Subscriber } from "./streams/subscriber.js";
import { Subscribers } from "./streams/subscribers.js";
import { SubscriptionListeners } from "./streams/subscription-listeners.js";

/** @param refusal - The refusal that the client receives. A client whose stream is closed instead does not see it. */
export type RefusalListener = (request: HubRequest, refusal: HttpProblem) => void;

/** The parts of a hub that work together. */
export interface HubParts {
  /** The transport of the settings, without the control messages. */
  readonly transport: Transport;
  readonly dispatcher: Dispatcher;
  readonly subscribers: Subscribers<Subscriber>;
  readonly disconnections: Disconnections;
  /** Undefined if the option `subscriptions` is false. */
  readonly activeSubscriptions: ActiveSubscriptions | undefined;
  readonly listeners: SubscriptionListeners;
  /** Undefined if the transport is for one node. */
  readonly nodes: HubNodes | undefined;
  /** Undefined in production too. */
  readonly secretCheck: SecretCheck | undefined;
  readonly publications: Publications;
  readonly subscribe: SubscribeHandler;
  readonly router: Router;
}

/** Assembles the parts of a hub. */
export function assembleParts(
  settings: HubSettings,
  clock: Clock,
  report: (error: unknown) => void,
  onRefusal: RefusalListener,
): HubParts {
  const { path, publicPath } = settings;
  const observer = settings.observer && guardedObserver(settings.observer, report);
  const reserving: Partial<TransactionalTransport> = settings.transport;
  for (const each of [publicPath, path]) reserving.reserve?.(each);
  const channel = new ControlChannel(settings.transport, publicPath);
  const transport = channel.updatesOnly;
  const dispatcher = new Dispatcher(transport);
  const events = new EncodedEvents();
  const ticks = new TickBatch();
  const subscribers = new Subscribers<Subscriber>({ ...settings, observer, dispatcher, events, ticks });
  const disconnections = new Disconnections(channel, () => subscribers.all(), report);
  const listeners = new SubscriptionListeners(publicPath, report);
  const activeSubscriptions = settings.subscriptions
    ? new ActiveSubscriptions(publicPath, transport, clock, report, (subscription, active, change) =>
        listeners.tell(subscription, active, change),
      )
    : undefined;
  const onMissed = (name: string) =>
    subscribers.end(({ group }) => group.scope.selectors.some(({ text }) => text === name));
  const nodes = transport.nodes.areShared
    ? new HubNodes(transport.nodes, channel, activeSubscriptions, onMissed, report, clock)
    : undefined;
  const streams = nodes?.streams;
  const { development, subscriberKey, logger } = settings;
  const secretCheck =
    nodes !== undefined && development && subscriberKey !== undefined
      ? new SecretCheck(transport, subscriberKey, (error) => endProcess(error, logger))
      : undefined;
  const tokenClock = nodes === undefined ? clock : storeClock(transport, clock);
  const services: StreamServices<Subscriber> = {
    transport,
    dispatcher,
    replays: new EncodedReplays(transport, dispatcher, events),
    expirations: new Expirations(tokenClock),
    subscribers,
    disconnections,
    activeSubscriptions,
    missed: nodes?.missed,
    nodeStreams: streams,
    countedElsewhere:
      activeSubscriptions === undefined && settings.connectionBounds.perSubject > 0 ? streams : undefined,
    clock: tokenClock,
    onError: report,
    onCloseAtOnce: (req, error) => onRefusal(req, refusalOf(error)),
  };
  const isRevoked = (token: VerifiedToken) => disconnections.isRevoked(token);
  const tokens = authenticatorFor("subscriber", settings, isRevoked, tokenClock);
  const publications = new Publications({ ...settings, observer }, transport, dispatcher, ticks);
  const subscribe = new SubscribeHandler(tokens, settings, services);
  const router = new Router(settings, {
    subscribe,
    subscriptions: activeSubscriptions && new SubscriptionsHandler(settings, tokens, activeSubscriptions, transport),
    publish: settings.allowPublish
      ? new PublishHandler(authenticatorFor("publisher", settings, isRevoked, tokenClock), settings, publications)
      : undefined,
  });
  return {
    transport,
    dispatcher,
    subscribers,
    disconnections,
    activeSubscriptions,
    listeners,
    nodes,
    secretCheck,
    publications,
    subscribe,
    router,
  };
}

/** Throws outside of every call. A process that still writes to a folder of LMDB then ends without a word, so it logs before. */
function endProcess(error: Error, logger: Logger): void {
  logger.error("htmx-mercure: the hub does not start.", error);
  setImmediate(() => {
    throw error;
  });
}
