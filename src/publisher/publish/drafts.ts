import { connectionEvents } from "../../protocol/event-types.js";
import type { Draft } from "../../protocol/update.js";
import { MercureError } from "../../shared/errors.js";
import { textComplaintOf } from "../../shared/text.js";
import type { Tokens } from "../streams/tokens.js";
import type { UnboundStreams } from "../streams/unbound-streams.js";
import { dataText } from "./data.js";
import type { Models } from "./models.js";
import type { PublishOptions } from "./publish-options.js";

/** Renders the component of a model object. */
export interface ModelRenderer {
  has(component: string): boolean;
  render(component: string, props: object): unknown;
}

export interface DraftsOptions {
  readonly models: Models;
  readonly renderer: ModelRenderer;
  readonly tokens: Tokens;
  readonly unbound: UnboundStreams;
  /** Whether an update without a type has its topic as its type. */
  readonly typeIsTopic: boolean;
}

/** A draft, and its publish options merged with those of its model's class. */
export type PreparedDraft = readonly [draft: Draft, settings: PublishOptions];

/** Turns data into drafts of updates. */
export class Drafts {
  readonly #options: DraftsOptions;

  constructor(options: DraftsOptions) {
    this.#options = options;
  }

  /**
   * Returns the draft of data for topics. A model object is rendered by its class's component.
   *
   * @throws MercureError `ERR_DATA` or `ERR_MODEL` for invalid data, `ERR_TOKEN` for data that contains the token of a
   * private stream, `ERR_UPDATE` for a reserved type.
   */
  make(names: readonly string[], data: unknown, options: PublishOptions): PreparedDraft {
    const { models } = this.#options;
    const isModel = models.isObject(data) && textComplaintOf(data) === undefined && this.#isRendered(data);
    if (!isModel) return [this.#draft(names, dataText(data), options), options];
    const settings = { ...models.publishOptionsOf(data), ...defined(options) };
    return [this.#draft(names, this.#renderModel(data), settings), settings];
  }

  #draft(names: readonly string[], data: string, settings: PublishOptions): Draft {
    if (this.#options.tokens.areIn(data) || this.#options.unbound.areIn(data)) {
      const hint = "send the element in the response to a request, or let each page fetch it";
      throw new MercureError("ERR_TOKEN", `The data contains one viewer's token for a private stream: ${hint}.`);
    }
    const { private: isPrivate = false, type, id, retry, keep, key } = settings;
    const givenType = type === undefined ? this.#options.typeIsTopic : type;
    const resolvedType = givenType === true ? names[0] : givenType || undefined;
    if (resolvedType !== undefined && connectionEvents.has(resolvedType)) {
      const message = `The type "${resolvedType}" is reserved for an EventSource's own events. Choose another type.`;
      throw new MercureError("ERR_UPDATE", message);
    }
    // Setting field by field: spreading an object without the undefined fields takes many times as long.
    const draft: { -readonly [Field in keyof Draft]: Draft[Field] } = { topics: names, data, private: isPrivate };
    if (id !== undefined) draft.id = id;
    if (retry !== undefined) draft.retry = retry;
    if (keep !== undefined) draft.keep = keep;
    if (key !== undefined) draft.key = key;
    if (resolvedType !== undefined) draft.type = resolvedType;
    return draft;
  }

  /** Returns whether data is a model object with a component. Other objects are published as JSON. */
  #isRendered(subject: object): boolean {
    const { models, renderer } = this.#options;
    return models.isDeclared(subject) || renderer.has(models.componentOf(subject));
  }

  #renderModel(subject: object): string {
    const { models, renderer } = this.#options;
    return String(renderer.render(models.componentOf(subject), subject));
  }
}

/** Removes undefined properties, so that they do not override others in a spread. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
