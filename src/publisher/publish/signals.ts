import type { EventEmitter } from "node:events";
import { MercureError } from "../../shared/errors.js";
import { isFunction } from "../../shared/is-function.js";
import { onRejection } from "../../shared/on-rejection.js";
import { type PublishOptions, publishOptions } from "./publish-options.js";
import type { Topics } from "./topics.js";

/** A source of events: a Node EventEmitter or a web EventTarget. */
export type EventSourceOfSignals = EventEmitter | EventTarget;

/** An update that is about to be published for an event. */
export interface SignalPublication extends PublishOptions {
  /** The topics of the update. */
  topics: Topics;
  /** The data of the update, after the option `marshaler`. */
  data: unknown;
}

/** Options of `publishSignal`. The inherited {@link PublishOptions} apply to every update of the signal. */
export interface SignalOptions<Args extends unknown[] = unknown[]> extends PublishOptions {
  /** The topics, or a function that maps the event's arguments to them. Default: the event's name. */
  topic?: Topics | ((...args: Args) => Topics) | undefined;
  /** The data, or a function that maps the event's arguments to it. Default: none. */
  data?: ((...args: Args) => unknown) | object | string | number | boolean | null | undefined;
  /** Whether the update's type is the event's name. Default false. */
  eventAsType?: boolean | undefined;
  /**
   * Whether the event's arguments are the data: a single argument unchanged, several as a list, and the `detail` of a
   * CustomEvent. Default false.
   */
  argsAsData?: boolean | undefined;
  /** Converts the data before it is published. Default: the data is published unchanged. */
  marshaler?: ((data: unknown) => unknown) | undefined;
  /** Called before each publish, and awaited. It can change the publication, or cancel it by returning false. */
  callback?: ((publication: SignalPublication, ...args: Args) => unknown) | undefined;
  /** Receives errors of publishing. The emitter never sees them. Default: the library's logger. */
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
  /** Calls `prepare` at once. Calls `work` after all earlier work for this signal or any of the topics. */
  inOrder<P>(topics: Topics, prepare: () => P | Promise<P>, work: (prepared: P) => Promise<void>): Promise<void>;
  onError(error: unknown): void;
}

/**
 * Publishes an update for each event. Returns a function that removes the listener.
 *
 * @throws MercureError `ERR_OPTION` if `emitter` is neither an EventEmitter nor an EventTarget.
 */
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
  // `publish` rejects a promise as a topic or as data. Nothing else handles the promise's own rejection.
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
