import type { EventEmitter } from "node:events";
import { MercureError } from "../../shared/errors.js";
import { isFunction } from "../../shared/is-function.js";
import { onRejection } from "../../shared/on-rejection.js";
import { type PublishOptions, publishOptions } from "./publish-options.js";
import type { Topics } from "./topics.js";

/** What emits events: a Node EventEmitter, or an EventTarget of the web platform. */
export type EventSourceOfSignals = EventEmitter | EventTarget;

/** An update about to be published for an event. */
export interface SignalPublication extends PublishOptions {
  topics: Topics;
  data: unknown;
}

/** Options of {@link PublishOptions} apply to every update of the signal. */
export interface SignalOptions<Args extends unknown[] = unknown[]> extends PublishOptions {
  /** The topics, or a function of the event's arguments. Default: the event's name. */
  topic?: Topics | ((...args: Args) => Topics) | undefined;
  /** The data, or a function of the event's arguments. Default: nothing. */
  data?: ((...args: Args) => unknown) | object | string | number | boolean | null | undefined;
  /** Whether the event's name is the update's type. Default false. */
  eventAsType?: boolean | undefined;
  /**
   * Whether the event's arguments are the data: the one argument, or a list of several; a CustomEvent's detail. Default
   * false.
   */
  argsAsData?: boolean | undefined;
  /** Makes of the data what is published. Default: what `publish` does with it. */
  marshaler?: ((data: unknown) => unknown) | undefined;
  /** Called before each publish: may change the publication, or cancel it by returning false; awaited. */
  callback?: ((publication: SignalPublication, ...args: Args) => unknown) | undefined;
  /** Told of an error while publishing; the emitter never is. Default: the kit's logger. */
  onError?: ((error: unknown) => void) | undefined;
}

export const signalOptions: readonly string[] = [
  ...publishOptions,
  ...([
    "topic",
    "data",
    "eventAsType",
    "argsAsData",
    "marshaler",
    "callback",
    "onError",
  ] satisfies (keyof SignalOptions)[]),
];

interface SignalPublisher {
  publish(topics: Topics, data: unknown, options: PublishOptions): Promise<unknown>;
  /** Prepares at once, and does work after what was called earlier for this signal or for any of the topics. */
  inOrder<P>(topics: Topics, prepare: () => P | Promise<P>, work: (prepared: P) => Promise<void>): Promise<void>;
  onError(error: unknown): void;
}

/** Publishes an update for each event, until the returned function is called. */
export function publishSignal<Args extends unknown[]>(
  emitter: EventSourceOfSignals,
  event: string | symbol,
  options: SignalOptions<Args>,
  publisher: SignalPublisher,
): () => void {
  const report = options.onError ?? publisher.onError;
  const listener = (...args: unknown[]): void => {
    publishEvent(event, args as Args, options, publisher).catch((error: unknown) => {
      try {
        onRejection(report(error), publisher.onError);
      } catch (failure) {
        publisher.onError(failure);
      }
    });
  };
  if (emitter instanceof EventTarget) {
    const type = String(event);
    emitter.addEventListener(type, listener);
    return () => emitter.removeEventListener(type, listener);
  }
  if (typeof (emitter as Partial<EventEmitter> | undefined)?.on !== "function") {
    throw new MercureError("ERR_OPTION", "publishSignal() takes an EventEmitter or an EventTarget.");
  }
  emitter.on(event, listener);
  return () => void emitter.off(event, listener);
}

async function publishEvent<Args extends unknown[]>(
  event: string | symbol,
  args: Args,
  options: SignalOptions<Args>,
  publisher: SignalPublisher,
): Promise<void> {
  const { topic, data, eventAsType, argsAsData, marshaler, callback, onError: _, ...ofUpdate } = options;
  const name = typeof event === "symbol" ? (event.description ?? "") : event;
  const publication: SignalPublication = {
    ...ofUpdate,
    topics: ((isFunction(topic) ? topic(...args) : topic) as Topics | undefined) ?? name,
    data: argsAsData ? argsData(args) : isFunction(data) ? data(...args) : data,
  };
  // A promise is no topic and no data: publishing says so, and its rejection has no other handler.
  onRejection(publication.topics);
  onRejection(publication.data);
  if (eventAsType) publication.type = name;
  const prepare = () => (callback === undefined ? undefined : callback(publication, ...args));
  await publisher.inOrder(publication.topics, prepare, async (answer) => {
    if (answer === false) return;
    const { topics, data: published, ...settings } = publication;
    const marshaled = marshaler === undefined ? published : marshaler(published);
    onRejection(marshaled);
    await publisher.publish(topics, marshaled, settings);
  });
}

function argsData(args: readonly unknown[]): unknown {
  const [first] = args;
  if (args.length > 1) return args;
  return first instanceof Event ? (first as CustomEvent<unknown>).detail : first;
}
