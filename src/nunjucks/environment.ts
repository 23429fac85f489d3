import nunjucks, { type Environment } from "nunjucks";
import { MercureError } from "../shared/errors.js";
import { ComponentTags, extensionName, type TagOptions } from "./extension.js";
import type { EnvironmentInternals, Nodes, Parser, TemplateClass } from "./internals.js";
import { guardLateCalls, type LateCallsOptions } from "./late-calls.js";
import { guardConditions, type ParserParts } from "./promised-conditions.js";
import { guardPromises } from "./promised-values.js";
import { SourceNames } from "./source-names.js";

export interface EnvironmentSettings {
  /** Folders of templates. */
  readonly templates: readonly string[];
  /** Whether a changed file is read again at its next use. False compiles each file once. */
  readonly development: boolean;
}

/**
 * Creates a Nunjucks environment that autoescapes, with `<% … %>` for blocks. `{{ }}` and `{# #}` stay as usual.
 */
export function createEnvironment({ templates, development }: EnvironmentSettings): Environment {
  return new nunjucks.Environment(new nunjucks.FileSystemLoader([...templates], { noCache: development }), {
    autoescape: true,
    // `dev` makes Nunjucks pass errors on unchanged.
    dev: true,
    tags: { blockStart: "<%", blockEnd: "%>" },
  } as nunjucks.ConfigureOptions);
}

/** A compiled component. */
export interface CompiledComponent {
  /** Returns the HTML; null if the source waits, as for asynchronous filters and loops. */
  render(context: object): string | null;
  /** The variables that its source names. */
  readonly variables: ReadonlySet<string>;
}

/** Adds the library's tags to an environment, its own or the application's. */
export class TagEnvironment {
  readonly environment: Environment;
  readonly #sources = new SourceNames();
  readonly #tags: ComponentTags;
  readonly #Template: TemplateClass;

  /** @throws MercureError `ERR_OPTION` if the environment does not autoescape, or already has the library's tags. */
  constructor(environment: Environment, options: Omit<TagOptions, "environment" | "sources"> & LateCallsOptions) {
    const internals = environment as EnvironmentInternals;
    if (internals.opts.autoescape !== true) {
      throw new MercureError("ERR_OPTION", "The option environment must autoescape: create it with autoescape: true.");
    }
    if (environment.hasExtension(extensionName)) {
      throw new MercureError(
        "ERR_OPTION",
        "The option environment is already used by another mercure() call: create an environment for each.",
      );
    }
    this.environment = environment;
    const { Template, parser } = ownParts(internals);
    this.#Template = Template;
    this.#sources.watch(internals);
    this.#tags = new ComponentTags({ environment, sources: this.#sources, ...options });
    environment.addExtension(extensionName, this.#tags);
    guardLateCalls(environment, options);
    guardPromises(environment, this.#Template, options);
    guardConditions(environment, parser, (error) => options.onError(error));
  }

  compile(source: string, path: string): CompiledComponent {
    this.#sources.note(source, path);
    const template = new this.#Template(source, this.environment, path, true);
    return { render: (context) => template.render(context), variables: this.#tags.scanned!.variables };
  }
}

/**
 * Returns the template class and the parser of the environment's own copy of Nunjucks. Only that copy's safe strings are
 * safe to it.
 */
function ownParts(environment: EnvironmentInternals): { Template: TemplateClass; parser: ParserParts } {
  const name = "htmx-mercure:probe";
  const { blockStart = "{%", blockEnd = "%}" } = environment.opts.tags ?? {};
  const source = { src: `${blockStart} htmx_mercure_probe ${blockEnd}`, path: name, noCache: true };
  const loader = { cache: {}, getSource: (wanted: string) => (wanted === name ? source : null) };
  let parser: ParserParts;
  const extension = {
    tags: ["htmx_mercure_probe"],
    parse: (used: Parser, nodes: Nodes) => {
      parser = { prototype: Object.getPrototypeOf(used) as object, nodes };
      used.advanceAfterBlockEnd(used.nextToken()!.value);
      return new nodes.Output(0, 0, []);
    },
  };
  environment.loaders.unshift(loader);
  environment.addExtension(name, extension);
  try {
    const template = environment.getTemplate(name, true);
    return { Template: template.constructor as TemplateClass, parser: parser! };
  } finally {
    environment.removeExtension(name);
    environment.loaders.shift();
  }
}
