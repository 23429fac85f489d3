import nunjucks, { type Environment } from "nunjucks";
import { MercureError } from "../shared/errors.js";
import { ComponentTags, extensionName, type TagOptions } from "./extension.js";
import type { EnvironmentInternals, TemplateClass, TemplateInternals } from "./internals.js";
import { guardLateCalls, type LateCallsOptions } from "./late-calls.js";
import { guardGlobals } from "./promised-globals.js";
import { SourceNames } from "./source-names.js";

export interface EnvironmentSettings {
  /** Folders of templates. */
  readonly templates: readonly string[];
  /** Whether a changed file is read again at its next use, rather than compiled once. */
  readonly development: boolean;
}

/** A Nunjucks environment with the kit's delimiters: `<% … %>` for blocks, `{{ }}` and `{# #}` as usual; it autoescapes. */
export function createEnvironment({ templates, development }: EnvironmentSettings): Environment {
  return new nunjucks.Environment(new nunjucks.FileSystemLoader([...templates], { noCache: development }), {
    autoescape: true,
    // Nunjucks' word for: hand on errors as they were thrown.
    dev: true,
    tags: { blockStart: "<%", blockEnd: "%>" },
  } as nunjucks.ConfigureOptions);
}

/** A compiled component. */
export interface CompiledComponent {
  /** Null when the source waits for something, as asynchronous filters and loops do. */
  render(context: object): string | null;
  /** The variables that its source names. */
  readonly variables: ReadonlySet<string>;
}

/** One environment with the kit's tags in it, whoever made it. */
export class TagEnvironment {
  readonly environment: Environment;
  readonly #sources = new SourceNames();
  readonly #tags: ComponentTags;
  readonly #Template: TemplateClass;

  /** @throws MercureError `ERR_OPTION` when the environment does not autoescape, or already has the tags of a kit. */
  constructor(environment: Environment, options: Omit<TagOptions, "environment" | "sources"> & LateCallsOptions) {
    const internals = environment as EnvironmentInternals;
    if (internals.opts.autoescape !== true) {
      throw new MercureError("ERR_OPTION", "The option environment must autoescape: create it with autoescape: true.");
    }
    if (environment.hasExtension(extensionName)) {
      throw new MercureError(
        "ERR_OPTION",
        "The option environment already belongs to another kit: create one for each.",
      );
    }
    this.environment = environment;
    this.#Template = templateClass(internals);
    this.#sources.watch(internals);
    this.#tags = new ComponentTags({ environment, sources: this.#sources, ...options });
    environment.addExtension(extensionName, this.#tags);
    guardLateCalls(environment, options);
    guardGlobals(environment, (what) => options.refusal(what));
  }

  compile(source: string, path: string): CompiledComponent {
    this.#sources.note(source, path);
    const template = new this.#Template(source, this.environment, path, true);
    return { render: (context) => template.render(context), variables: this.#tags.scanned!.variables };
  }
}

/** The class of templates in the environment's own copy of Nunjucks, which alone makes strings that it holds for safe. */
function templateClass(environment: EnvironmentInternals): TemplateClass {
  const name = "htmx-mercure:probe";
  const probe = {
    cache: {},
    getSource: (wanted: string) => (wanted === name ? { src: "", path: name, noCache: true } : null),
  };
  environment.loaders.unshift(probe as unknown as EnvironmentInternals["loaders"][number]);
  try {
    return (environment.getTemplate(name) as TemplateInternals).constructor as TemplateClass;
  } finally {
    environment.loaders.shift();
  }
}
