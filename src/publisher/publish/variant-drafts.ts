import { MercureError } from "../../shared/errors.js";
import type { Drafts, PreparedDraft } from "./drafts.js";
import type { PublishOptions } from "./publish-options.js";
import { type Variants, variantText, variantTopics } from "./variants.js";

/** Returns the data for one variant. The argument is undefined for streams without a variant. */
// biome-ignore lint/suspicious/noExplicitAny: only the application knows the type of its variants
export type VariantRenderer = (variant: any) => unknown;

export interface VariantDraftsOptions {
  readonly names: readonly string[];
  readonly render: VariantRenderer;
  readonly options: PublishOptions;
  readonly drafts: Drafts;
  readonly variants: Variants;
}

/** The drafts of one publish whose data is a function: one for each live variant of the topics. */
export class VariantDrafts {
  readonly #options: VariantDraftsOptions;
  /** The drafts by the variant's JSON. Undefined stands for streams without a variant. */
  readonly #rendered = new Map<string | undefined, PreparedDraft>();

  /** @throws MercureError `ERR_UPDATE` for an id, since each variant has its own update. */
  constructor(options: VariantDraftsOptions) {
    if (options.options.id !== undefined) {
      throw new MercureError(
        "ERR_UPDATE",
        "The option id needs a single update, but a function publishes one for each variant. Remove the id.",
      );
    }
    this.#options = options;
  }

  /** The drafts rendered so far. */
  get all(): readonly PreparedDraft[] {
    return [...this.#rendered.values()];
  }

  /** Renders the missing variants. While a function is awaited, other pages can be rendered and start new variants. */
  async renderMissing(): Promise<void> {
    for (let missing = this.#missing(); missing.length > 0; missing = this.#missing()) {
      for (const variant of missing) this.#rendered.set(variant, await this.#renderFor(variant));
    }
  }

  #missing(): (string | undefined)[] {
    const { names, options, variants } = this.#options;
    const isPlain = options.hubUrl !== undefined || variants.isPlain(names);
    const all = [...(isPlain ? [undefined] : []), ...liveVariants(variants, names, options)];
    return all.filter((variant) => !this.#rendered.has(variant));
  }

  async #renderFor(variant: string | undefined): Promise<PreparedDraft> {
    const { names, render, options, drafts } = this.#options;
    const data = await render(variant === undefined ? undefined : JSON.parse(variant));
    const [draft, settings] = drafts.make(names, data, options);
    if (variant === undefined) return [draft, settings];
    const topics = variantTopics(names, variant, settings.private ? "private-variant" : "variant");
    return [{ ...draft, topics, private: true }, settings];
  }
}

/**
 * Returns the live variants as JSON. With `hubUrl` only the option `variants` counts: this process does not know the
 * streams of another hub.
 */
export function liveVariants(
  variants: Variants,
  names: readonly string[],
  { hubUrl, variants: more = [] }: PublishOptions,
): readonly string[] {
  const known = hubUrl === undefined ? variants.of(names) : [];
  return [...new Set([...known, ...more.flatMap((variant) => variantText(variant) ?? [])])];
}
