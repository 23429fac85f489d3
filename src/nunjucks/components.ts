import { readFileSync, statSync } from "node:fs";
import type { Environment } from "nunjucks";
import { MercureError } from "../shared/errors.js";
import { packageFolder } from "../shared/package-folder.js";
import { describeValue, isPlainObject } from "../shared/plain-object.js";
import { attributes } from "./attributes.js";
import { type ComponentFile, ComponentFiles } from "./component-files.js";
import type { ComponentFunctions } from "./component-functions.js";
import { isComponentName } from "./component-name.js";
import { type CompiledComponent, createEnvironment, TagEnvironment } from "./environment.js";
import { propKey } from "./grammar.js";
import { harmlessOnly } from "./harmless-attributes.js";
import { refuseHollowProps } from "./hollow-props.js";
import { isSafeString, lazySafeString, type MakeSafe, type SafeString } from "./safe-string.js";
import { cannotWait } from "./scan.js";
import { displayPath } from "./source-names.js";
import { type Location, TemplateError } from "./template-error.js";
import { withTrueLine } from "./true-line.js";

export type Props = Record<string, unknown>;

/** The result of preparing a kit component: the public variables of its template. */
export interface TagView {
  readonly context: Props;
  /** Wraps the rendering, so that children can find their context. */
  wrap?(render: () => string): string;
}

export type TagHandler = (props: Props, hasChildren: boolean) => TagView;

export interface ComponentsOptions {
  readonly environment: Environment;
  /** Marks HTML as safe for that environment. */
  readonly makeSafe: MakeSafe;
  /** The application's folders of components. */
  readonly folders: readonly string[];
  readonly development: boolean;
  /** The library's own components, by name. */
  readonly kit: Readonly<Record<string, TagHandler>>;
  /** Returns the properties of a model object for its component; undefined for other values. */
  propsOf(value: object): Props | undefined;
  /** Receives a warning about a file or a tag that templates do not use as a component. */
  warn(message: string): void;
  /** Receives an error that occurs after its rendering has ended. */
  onError(error: unknown): void;
}

/** The origin of properties. An author writes a tag's properties; a visitor can choose the names in an object. */
type Source = "tag" | "object" | "model";

/** The place of a tag's children. */
interface Place extends Location {
  readonly tag: string;
}

interface Cached extends CompiledComponent {
  readonly path: string;
  readonly modified: number;
}

/** The max nesting of components: more than a page needs, and less than the stack holds. */
const maxDepth = 200;

/** Renders components. A component only sees its properties, `children`, `attributes` and the globals. */
export class Components {
  readonly makeSafe: MakeSafe;
  readonly #options: ComponentsOptions;
  readonly #files: ComponentFiles;
  readonly #application: TagEnvironment;
  readonly #kit: TagEnvironment;
  readonly #compiled = new Map<string, Cached>();
  /** The places of the children that are being rendered, innermost last; undefined for a component itself. */
  readonly #places: (Place | undefined)[] = [];
  /** The components that are being rendered, outermost first. */
  readonly #rendering: string[] = [];
  /** The last original error. Nunjucks replaces errors with copies of their message. */
  #thrown: MercureError | undefined;

  constructor(options: ComponentsOptions) {
    this.#options = options;
    this.#files = new ComponentFiles(options.folders, packageFolder("components"), options.warn);
    this.makeSafe = options.makeSafe;
    const tags = {
      components: () => this.names,
      describeMissing: (name: string) => this.#files.describeMissing(name),
      warn: options.warn,
      call: this.#callTag.bind(this),
      onError: (error: MercureError) => {
        this.#thrown = error;
      },
      refusal: (what: string) => this.#refusal(what),
      report: options.onError,
    };
    this.#application = new TagEnvironment(options.environment, tags);
    const kitTemplates = [packageFolder("components"), packageFolder("templates")];
    this.#kit = new TagEnvironment(createEnvironment({ templates: kitTemplates, development: false }), tags);
  }

  /** The names of the existing components. Development refreshes them on each read. */
  get names(): readonly string[] {
    if (this.#options.development) this.#files.refresh();
    return this.#files.names;
  }

  has(name: string): boolean {
    if (!this.#files.has(name) && this.#options.development) this.#files.refresh();
    return this.#files.has(name);
  }

  /**
   * Renders a component. A model object provides the properties that its class declares.
   *
   * @throws MercureError `ERR_COMPONENT` for an unknown component, for invalid properties, and for endless nesting.
   */
  render(name: string, props: object = {}): SafeString {
    if (typeof props !== "object" || props === null || Array.isArray(props) || props instanceof Promise) {
      const given = describeValue(props);
      throw new MercureError(
        "ERR_COMPONENT",
        `The properties of the component "${name}" must be an object, not ${given}.`,
      );
    }
    const modelProps = this.#options.propsOf(props);
    const { children, ...rest } = modelProps ?? (props as Props);
    return this.makeSafe(this.#render(name, rest, children, modelProps === undefined ? "object" : "model"));
  }

  /** Renders one of the library's own templates, which are not components. */
  renderKitTemplate(name: string, context: object): SafeString {
    return this.makeSafe(this.#kit.environment.getTemplate(name).render(context).trim());
  }

  /** Runs a rendering, and rethrows a template's error in its original form. */
  attempt<T>(render: () => T): T {
    try {
      return render();
    } catch (error) {
      throw this.originalOf(error);
    }
  }

  /** Returns the original of an error that Nunjucks copied. */
  originalOf(error: unknown): unknown {
    const original = this.#thrown;
    if (error instanceof MercureError) {
      this.#thrown = error;
      return error;
    }
    if (original === undefined || !(error instanceof Error) || !error.message.endsWith(original.message)) return error;
    if (original instanceof TemplateError) return original;
    // Only Nunjucks knows the place of a function's call in a template.
    return new MercureError(original.code, withTrueLine(error.message, original.message), { cause: original });
  }

  /** Wraps a function for templates, and keeps its errors, since Nunjucks copies them. */
  guarded<Args extends unknown[], Result>(call: (...args: Args) => Result): (...args: Args) => Result {
    return (...args) => {
      try {
        return call(...args);
      } catch (error) {
        if (error instanceof MercureError) this.#thrown = error;
        throw error;
      }
    };
  }

  /** The components as functions, `components.Name(props)`, for code and templates. */
  get namespace(): ComponentFunctions {
    return new Proxy(Object.create(null) as Record<string, (props?: object) => SafeString>, {
      get: (_target, name) => {
        if (typeof name !== "string" || !isComponentName(name)) return undefined;
        return this.guarded((props: object = {}) => {
          if (!isPlainObject(props) || !("__keywords" in props)) return this.render(name, props);
          const { __keywords: _, ...plain } = props;
          return this.render(name, plain);
        });
      },
      has: (_target, name) => typeof name === "string" && this.has(name),
      ownKeys: () => [...this.names],
    });
  }

  #callTag(name: string, props: Props, location: Location, children: (() => unknown) | undefined): SafeString {
    const lazy =
      children && lazySafeString(this.makeSafe, () => this.#at({ ...location, tag: name }, () => String(children())));
    try {
      return this.makeSafe(this.#render(name, props, lazy, "tag"));
    } catch (error) {
      if (!(error instanceof MercureError) || error instanceof TemplateError) throw error;
      this.#thrown = new TemplateError(error.code, error.message, location, { cause: error });
      throw this.#thrown;
    }
  }

  /** The value of absent children. An environment with `throwOnUndefined` cannot print `undefined`. */
  get #noChildren(): "" | undefined {
    const { opts } = this.#options.environment as { opts?: { throwOnUndefined?: boolean } };
    return opts?.throwOnUndefined ? "" : undefined;
  }

  #render(name: string, props: Props, children: unknown, source: Source): string {
    if (this.#rendering.length >= maxDepth) {
      const chain = [...this.#rendering.slice(-3), name].join(" → ");
      throw new MercureError("ERR_COMPONENT", `The component "${name}" includes itself endlessly: … → ${chain}.`);
    }
    const component = this.#component(name);
    const entries = Object.entries(props);
    // Only the properties that a component names are read from a model; others may be lazy relations.
    refuseHollowProps(name, source === "model" ? entries.filter(([prop]) => component.variables.has(prop)) : entries);
    const preparation = this.#options.kit[name]?.(props, children !== undefined) ?? {
      context: this.#context(name, props, component.variables, source),
    };
    const context = { ...preparation.context, children: children ?? this.#noChildren };
    const render = () => {
      const html = component.render(context);
      if (html !== null) return html.trim();
      throw rendersLate(name);
    };
    this.#rendering.push(name);
    try {
      return this.attempt(() => this.#at(undefined, () => preparation.wrap?.(render) ?? render()));
    } finally {
      this.#rendering.pop();
    }
  }

  /** Runs a rendering that must be synchronous. */
  #at<T>(place: Place | undefined, render: () => T): T {
    this.#places.push(place);
    try {
      return render();
    } finally {
      this.#places.pop();
    }
  }

  /** Returns an error if rendering must be synchronous now; undefined if it can wait. */
  #refusal(what: string): MercureError | undefined {
    if (this.#places.length === 0) return undefined;
    const place = this.#places.at(-1);
    this.#thrown =
      place === undefined
        ? rendersLate(this.#rendering.at(-1)!)
        : new TemplateError("ERR_TEMPLATE", cannotWait(what, `"${place.tag}"`), place);
    return this.#thrown;
  }

  /**
   * Returns a component's variables. Fields of a model never become attributes; properties of an object only if
   * harmless.
   */
  #context(name: string, props: Props, variables: ReadonlySet<string>, source: Source): Props {
    // Plain text as `attributes` would become unquoted attributes.
    const isMeant = (prop: string) => propKey(prop) !== "attributes" || isSafeString(props[prop]);
    const entries = Object.entries(props).filter(([prop]) => isMeant(prop));
    const rest = source === "model" ? [] : entries.filter(([prop]) => !variables.has(propKey(prop)));
    const context: Props = {
      attributes: lazySafeString(
        this.makeSafe,
        this.guarded(() => attributes(source === "object" ? harmlessOnly(name, rest) : rest)),
      ),
    };
    for (const [prop, value] of entries) context[propKey(prop)] = value;
    return context;
  }

  #component(name: string): Cached {
    const cached = this.#compiled.get(name);
    if (cached !== undefined && !this.#options.development) return cached;
    if (
      cached !== undefined &&
      cached.modified === modified(cached.path) &&
      this.#files.get(name).path === cached.path
    ) {
      return cached;
    }
    if (this.#options.development) this.#files.refresh();
    const file = this.#files.get(name);
    const compiled = { ...this.#compile(file), path: file.path, modified: modified(file.path) };
    this.#compiled.set(name, compiled);
    return compiled;
  }

  #compile(file: ComponentFile): CompiledComponent {
    const source = readFileSync(file.path, "utf8");
    const environment = file.isBuiltIn ? this.#kit : this.#application;
    return this.attempt(() => environment.compile(source, displayPath(file.path)));
  }
}

function rendersLate(name: string): MercureError {
  return new MercureError(
    "ERR_COMPONENT",
    `The component "${name}" renders asynchronously; components must render synchronously. Load its data first.`,
  );
}

/** A file's modification time; NaN, which equals nothing, for a deleted file. */
function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN;
}
