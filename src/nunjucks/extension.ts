import type { Environment, Extension } from "nunjucks";
import { parseProps } from "./grammar.js";
import type { EnvironmentInternals, Lexer, Nodes, Node as ParseNode, Parser, Token } from "./internals.js";
import { cannotWait, rawTagName, type Scan, scan } from "./scan.js";
import type { SourceNames } from "./source-names.js";
import { type Location, TemplateError } from "./template-error.js";

type NunjucksError = Error & { readonly lineno?: number; readonly colno?: number };

/** What a tag does when the template is rendered. */
export type CallComponent = (
  name: string,
  props: Record<string, unknown>,
  location: Location,
  children: (() => unknown) | undefined,
) => unknown;

export interface TagOptions {
  readonly environment: Environment;
  readonly sources: SourceNames;
  /** The names of the components that exist now. */
  components(): readonly string[];
  /** Says that a component does not exist. */
  describeMissing(name: string): string;
  readonly call: CallComponent;
  /** Told of a mistake in a template before Nunjucks sees it, which hands on a copy of the message alone. */
  onError(error: TemplateError): void;
}

/**
 * The Nunjucks extension behind every component's tag. Nunjucks calls `preprocess` with a template's source and then at
 * once parses it, so what the scan found is still here when `parse` meets the tags, in the same order.
 */
export class ComponentTags implements Extension {
  tags: string[] = [];
  /** The last source scanned, for whoever compiled it. */
  scanned: Scan | undefined;
  readonly preprocess: (source: string) => string;
  readonly #options: TagOptions;
  #template: string | undefined;
  #next = 0;

  constructor(options: TagOptions) {
    this.#options = options;
    // Nunjucks calls this detached from the extension.
    this.preprocess = (source) => this.#report(() => this.#scan(source));
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

  /** What the parser of Nunjucks reports knows its line, but not its template. */
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
      throw this.#error(`"${token.value}" cannot be paired: another extension has rewritten the template.`, token);
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
    if (tag.closed) {
      const body = parser.parseUntilBlocks(`end${tag.name}`);
      // Extensions rarely place their nodes.
      if (body.findAll(nodes.CallExtensionAsync).length > 0) {
        throw this.#error(cannotWait("An asynchronous extension", `"${tag.name}"`), token);
      }
      parser.advanceAfterBlockEnd();
      // Not a content argument of the extension: Nunjucks would not find blocks in it, and lose their overrides.
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

  /** Called by the compiled template. */
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

/** The name under which the extension is registered in an environment. */
export const extensionName = "htmx-mercure";
