import type { Environment, Extension } from "nunjucks";
import type { MercureError } from "../shared/errors.js";
import { parseProps } from "./grammar.js";
import type { EnvironmentInternals, Lexer, Nodes, Node as ParseNode, Parser, Token } from "./internals.js";
import { rawTagName } from "./raw-blocks.js";
import { cannotWait, type Scan, scan } from "./scan.js";
import type { SourceNames } from "./source-names.js";
import { type Location, TemplateError } from "./template-error.js";

type NunjucksError = Error & { readonly lineno?: number; readonly colno?: number };

/** Renders a component's tag. */
export type CallComponent = (
  name: string,
  props: Record<string, unknown>,
  location: Location,
  children: (() => unknown) | undefined,
) => unknown;

export interface TagOptions {
  readonly environment: Environment;
  readonly sources: SourceNames;
  /** Returns the names of the existing components. */
  components(): readonly string[];
  /** Returns the message for a missing component. */
  describeMissing(name: string): string;
  readonly call: CallComponent;
  /** Receives a warning about a tag that is text here. */
  warn(message: string): void;
  /** Receives a template's error before Nunjucks replaces it with a copy of its message. */
  onError(error: MercureError): void;
}

/**
 * The Nunjucks extension behind every component's tag. Nunjucks calls `preprocess` with a template's source and parses
 * it right afterwards. The result of the scan is therefore still present when `parse` reaches the tags, in the same
 * order.
 */
export class ComponentTags implements Extension {
  tags: string[] = [];
  /** The scan of the last source, for its compilation. */
  scanned: Scan | undefined;
  readonly preprocess: (source: string) => string;
  readonly #options: TagOptions;
  #template: string | undefined;
  #next = 0;

  constructor(options: TagOptions) {
    this.#options = options;
    // Nunjucks calls this without `this`.
    this.preprocess = (source) => this.#report(() => this.#scan(source));
  }

  /** The template that is being parsed. */
  get template(): string | undefined {
    return this.#template;
  }

  #scan(source: string): string {
    const environment = this.#options.environment as EnvironmentInternals;
    this.#template = this.#options.sources.take(source);
    this.#next = 0;
    this.scanned = scan(source, {
      template: this.#template,
      environment: environment.opts,
      components: this.#options.components(),
      describeMissing: this.#options.describeMissing,
      warn: this.#options.warn,
      isAsyncFilter: (name) => environment.asyncFilters.includes(name),
      isForeign: (tag) =>
        environment.extensionsList.some((extension) => extension !== this && extension.tags?.includes(tag)),
    });
    const names = this.scanned.tags.map((tag) => (tag.kind === "raw" ? rawTagName : tag.name));
    this.tags = [...new Set(names)];
    return this.scanned.source;
  }

  parse(parser: unknown, nodes: unknown, lexer: unknown): ParseNode {
    return this.#report(() => this.#parseTag(parser as Parser, nodes as Nodes, lexer as Lexer));
  }

  #report<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const placed = error instanceof TemplateError ? error : this.#place(error as NunjucksError);
      this.#options.onError(placed);
      throw placed;
    }
  }

  /** Adds the template to an error of Nunjucks' parser, which only has the line. */
  #place(error: NunjucksError): TemplateError {
    const location = { template: this.#template, line: error.lineno ?? 1, column: error.colno ?? 1 };
    return new TemplateError("ERR_TEMPLATE", error.message, location, { cause: error });
  }

  #parseTag(parser: Parser, nodes: Nodes, lexer: Lexer): ParseNode {
    const token = parser.nextToken()!;
    const { lineno, colno } = token;
    const tag = this.scanned?.tags[this.#next++];
    if (tag?.kind === "raw") {
      parser.advanceAfterBlockEnd(token.value);
      return new nodes.Output(lineno, colno, [new nodes.TemplateData(lineno, colno, tag.text)]);
    }
    if (tag?.name !== token.value) {
      throw this.#error(`"${token.value}" has no matching tag: another extension has changed the template.`, token);
    }
    const props = parseProps(parser, nodes, lexer, (message, at) => this.#error(message, at));
    parser.advanceAfterBlockEnd(token.value);
    const args = [
      new nodes.Literal(lineno, colno, tag.name),
      new nodes.Literal(lineno, colno, this.#template ?? null),
      new nodes.Literal(lineno, colno, tag.line),
      new nodes.Literal(lineno, colno, tag.column),
      new nodes.Dict(
        lineno,
        colno,
        props.map(({ name, value }) => new nodes.Pair(lineno, colno, new nodes.Literal(lineno, colno, name), value)),
      ),
    ];
    if (tag.end !== undefined) {
      const body = parser.parseUntilBlocks(tag.end);
      // The error names the tag, since extensions rarely set the place of their nodes.
      if (body.findAll(nodes.CallExtensionAsync).length > 0) {
        throw this.#error(cannotWait("An asynchronous extension", `"${tag.name}"`), token);
      }
      parser.advanceAfterBlockEnd();
      // Nunjucks does not find blocks inside an extension's content argument, and would lose their overrides.
      args.push(
        new nodes.Caller(
          lineno,
          colno,
          new nodes.Symbol(lineno, colno, "caller"),
          new nodes.NodeList(lineno, colno),
          body,
        ),
      );
    }
    return new nodes.CallExtension(extensionName, "run", new nodes.NodeList(lineno, colno, args), []);
  }

  /** Renders a tag. The compiled template calls it. */
  run(
    _context: unknown,
    name: string,
    template: string | null,
    line: number,
    column: number,
    props: Record<string, unknown>,
    children?: () => unknown,
  ): unknown {
    return this.#options.call(name, props, { template: template ?? undefined, line, column }, children);
  }

  #error(message: string, token: Token): TemplateError {
    const location = { template: this.#template, line: token.lineno + 1, column: token.colno + 1 };
    return new TemplateError("ERR_TEMPLATE", message, location);
  }
}

/** The extension's name in an environment. */
export const extensionName = "htmx-mercure";
