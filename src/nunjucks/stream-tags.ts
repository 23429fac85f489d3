import { closeEvent } from "../protocol/event-types.js";
import type { Topics } from "../publisher/publish/topics.js";
import type { StreamParts } from "../publisher/streams/stream-parts.js";
import type { ConnectionOptions } from "../publisher/streams/stream-urls.js";
import { MercureError } from "../shared/errors.js";
import type { HtmxLine } from "../shared/htmx-line.js";
import { attributes } from "./attributes.js";
import type { Props, TagHandler, TagView } from "./components.js";
import { eventTypes } from "./event-type.js";
import type { MakeSafe } from "./safe-string.js";
import {
  connectionOptions,
  elementName,
  extensions,
  flag,
  givenOf,
  joined,
  limitProps,
  oneTarget,
  scrollProps,
} from "./stream-props.js";
import { swapStyle } from "./swap-style.js";
import { TagProps } from "./tag-props.js";

export interface StreamTagsOptions {
  readonly streams: Pick<StreamParts, "topics" | "events" | "urls">;
  readonly typeIsTopic: boolean;
  readonly swapStyles: readonly string[];
  readonly makeSafe: MakeSafe;
  /** Returns the line of htmx on the page that is being rendered. */
  line(): HtmxLine;
  /** Runs for each connection that a page opens, for hints to the developer. */
  onConnection(): void;
}

/** The texts of `MercureStatus`, by the property that replaces them. */
const statusTexts = {
  reconnecting: "Reconnecting…",
  restored: "Up to date again",
  ended: "This page is no longer live.",
  reload: "Reload",
};

/** The htmx trigger for presence events. The delay combines many events, as after a deployment, into one request. */
const presenceTrigger = (type: string) => `sse:${type} delay:100ms`;

/** The topics of a context, for the tags inside it. */
interface Context {
  readonly topics: readonly string[];
  readonly withPresence: boolean;
}

/** Turns the properties of the library's own tags into the variables of their templates. */
export class StreamTags {
  readonly #options: StreamTagsOptions;
  /** The contexts around the tag that is being rendered, innermost last. */
  readonly #contexts: Context[] = [];

  constructor(options: StreamTagsOptions) {
    this.#options = options;
  }

  readonly prepare: Readonly<Record<string, TagHandler>> = {
    MercureStream: (props) => this.#stream(new TagProps(props)),
    MercureStreamContext: (props, hasChildren) => {
      if (hasChildren) return this.#context(new TagProps(props));
      throw new MercureError(
        "ERR_TEMPLATE",
        "MercureStreamContext has no children that could receive its topics. Is endMercureStreamContext missing?",
      );
    },
    MercurePresence: (props) => this.#presence(new TagProps(props)),
    MercureStatus: (props) => this.#status(new TagProps(props)),
  };

  #stream(props: TagProps): TagView {
    props.refuseMisspelt("MercureStream", [
      "topic",
      "private",
      "variant",
      "hx_swap",
      "hx_target",
      "auto_scroll",
      "limit",
    ]);
    if (props.has("with_presence")) {
      throw new MercureError("ERR_TEMPLATE", "Move with_presence to a MercureStreamContext around the MercureStream.");
    }
    const hasTopic = props.has("topic");
    const given = props.take("topic") as Topics;
    const topics = hasTopic ? this.#names(given) : undefined;
    const context = this.#contexts.at(-1)?.topics;
    if (topics === undefined && context === undefined && !props.has("type")) {
      throw new MercureError(
        "ERR_TEMPLATE",
        "MercureStream needs a topic. Without one, put it into a MercureStreamContext, or set a type to receive from the " +
          "connection around it.",
      );
    }
    const defaultType = this.#options.typeIsTopic ? (topics ?? context ?? "message") : "message";
    const event = eventTypes(props.take("type", defaultType));
    const swap = swapStyle(props.take("hx_swap", "beforeend"), {
      known: this.#options.swapStyles,
      hasConnection: hasTopic,
      line: this.#options.line(),
    });
    const tag = elementName(props.take("tag", "div"));
    const connection = connectionOptions(props);
    const autoScroll = flag(props, "auto_scroll");
    const misplaced = topics === undefined && givenOf(connection);
    if (misplaced) {
      throw new MercureError(
        "ERR_TEMPLATE",
        `${misplaced} needs a topic: move it to the tag with the topic, which opens the connection.`,
      );
    }
    const target = oneTarget(props.take("hx_target", "this"));
    const limit = limitProps(props.take("limit"), swap, target);
    const url = topics && this.#connect(given, connection);
    return {
      context: {
        tag,
        event,
        swap,
        target,
        topics,
        ...this.#connection(url),
        close: props.take("sse_close", closeEvent),
        class: joined("mercure-stream", props.take("class")),
        ext: extensions(props.take("hx_ext")),
        disinherit: joined("hx-swap hx-target", props.take("hx_disinherit")),
        auto_scroll: autoScroll,
        attributes: this.#attributes({ ...(autoScroll && scrollProps(tag)), ...limit }, props, url),
      },
    };
  }

  #context(props: TagProps): TagView {
    props.refuseMisspelt("MercureStreamContext", ["topics", "private", "variant", "with_presence"], ["topic"]);
    for (const key of ["type", "auto_scroll"].filter((each) => props.has(each))) {
      throw new MercureError("ERR_TEMPLATE", `Move ${key} to a MercureStream inside the MercureStreamContext.`);
    }
    if (!props.has("topics") && !props.has("topic")) {
      throw new MercureError("ERR_TEMPLATE", 'MercureStreamContext needs topics, such as topics=["messages"].');
    }
    const given = props.take("topics", props.take("topic")) as Topics;
    const topics = this.#names(given);
    const tag = elementName(props.take("tag", "div"));
    const connection = { ...connectionOptions(props), withPresence: flag(props, "with_presence") };
    const url = this.#connect(given, connection);
    return {
      context: {
        tag,
        topics,
        ...this.#connection(url),
        close: props.take("sse_close", closeEvent),
        class: joined("mercure-stream-context", props.take("class")),
        ext: extensions(props.take("hx_ext")),
        attributes: this.#attributes({}, props, url),
      },
      wrap: (render) => {
        this.#contexts.push({ topics, withPresence: connection.withPresence });
        try {
          return render();
        } finally {
          this.#contexts.pop();
        }
      },
    };
  }

  /** Prepares `MercurePresence`, which fetches its content again when people arrive or leave. */
  #presence(props: TagProps): TagView {
    const { streams, swapStyles } = this.#options;
    props.refuseMisspelt("MercurePresence", ["topic", "hx_get", "hx_swap", "hx_target", "hx_trigger"]);
    const hasTopic = props.has("topic");
    const topics = props.take("topic") as Topics;
    if (!hasTopic && this.#contexts.at(-1)?.withPresence !== true) {
      throw new MercureError(
        "ERR_TEMPLATE",
        "MercurePresence needs a topic. Without one, put it into a MercureStreamContext with_presence.",
      );
    }
    const get = props.take("hx_get");
    if (get === undefined || get === null || get === "") {
      throw new MercureError("ERR_TEMPLATE", "MercurePresence needs hx_get, the URL of its content.");
    }
    const swap = swapStyle(props.take("hx_swap", "innerHTML"), {
      known: swapStyles,
      hasConnection: hasTopic,
      line: this.#options.line(),
    });
    const authors = props.take("hx_trigger");
    if (hasTopic) this.#options.onConnection();
    const url = hasTopic ? streams.urls.presenceUrl(topics) : undefined;
    return {
      context: {
        tag: elementName(props.take("tag", "div")),
        ...this.#connection(url),
        close: props.take("sse_close", closeEvent),
        topics: hasTopic ? this.#names(topics) : undefined,
        get,
        trigger: [...streams.events.presenceTypes.map(presenceTrigger), authors].filter(Boolean).join(", "),
        swap,
        target: oneTarget(props.take("hx_target", "this")),
        class: joined("mercure-presence", props.take("class")),
        ext: extensions(props.take("hx_ext")),
        disinherit: joined("hx-swap hx-target", props.take("hx_disinherit")),
        attributes: this.#attributes({}, props, url),
      },
    };
  }

  /** Prepares `MercureStatus`, which the page's script fills. */
  #status(props: TagProps): TagView {
    props.refuseMisspelt("MercureStatus", Object.keys(statusTexts));
    const texts = Object.entries(statusTexts).map(([key, text]) => [`data_${key}`, props.take(key, text)]);
    return {
      context: {
        tag: elementName(props.take("tag", "div")),
        class: joined("mercure-status", props.take("class")),
        attributes: this.#attributes(Object.fromEntries(texts), props),
      },
    };
  }

  #names(topics: Topics): string[] {
    return this.#options.streams.topics.selectors(topics).map(({ text }) => text);
  }

  #connect(topics: Topics, connection: ConnectionOptions): string {
    this.#options.onConnection();
    return this.#options.streams.urls.connectionUrl(topics, connection);
  }

  /** Returns the variables of a connection. In htmx 4 the position has an attribute of its own. */
  #connection(address: string | undefined): { htmx: HtmxLine; url: string | undefined; position: string | undefined } {
    const htmx = this.#options.line();
    if (htmx === 2 || address === undefined) return { htmx, url: address, position: undefined };
    const [pair = "", position = ""] = /[?&](?:lastEventID|last_event_id)=([^&#]*)/.exec(address) ?? [];
    return { htmx, url: withoutPair(address, pair), position: decodeURIComponent(position) };
  }

  #attributes(defaults: Props, props: TagProps, url?: string): unknown {
    const { urls } = this.#options.streams;
    const renewal = url && urls.renewalUrl(url);
    const viewer = url && urls.viewerMark(url);
    const all = {
      ...defaults,
      ...(renewal && { data_mercure_renew: renewal }),
      ...(viewer && { data_mercure_viewer: viewer }),
    };
    return this.#options.makeSafe(attributes(props.rest(all)));
  }
}

/** Removes a parameter, with its separator, from a URL. */
function withoutPair(url: string, pair: string): string {
  const [before = "", after = ""] = pair === "" ? [url] : url.split(pair);
  return pair.startsWith("?") && after.startsWith("&") ? `${before}?${after.slice(1)}` : before + after;
}
