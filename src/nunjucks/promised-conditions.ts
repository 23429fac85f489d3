import { types } from "node:util";
import type { Environment } from "nunjucks";
import { onRejection } from "../shared/on-rejection.js";
import { ComponentTags } from "./extension.js";
import type { Node, Nodes, Parser } from "./internals.js";
import { TemplateError } from "./template-error.js";

const filterName = "htmx-mercure:condition";

/**
 * The parser's methods that read an expression for a condition or a loop, and the field of their node. No template
 * prints its value.
 */
const fields = {
  parseIf: "cond",
  parseFor: "arr",
  parseSwitch: "expr",
  parseInlineIf: "cond",
  parseOr: "left",
  parseAnd: "left",
  parseNot: "target",
} as const;

/** The node of each operator. Without the operator, the method returns the node of the next expression. */
const operators = { parseInlineIf: "InlineIf", parseOr: "Or", parseAnd: "And", parseNot: "Not" } as const;

type ParserClass = Record<keyof typeof fields, (this: Parser) => Node>;

type Expression = Node & { readonly lineno: number; readonly colno: number; readonly value?: unknown };

const guardedParsers = new WeakSet<object>();

/** The parser of the environment's own copy of Nunjucks. */
export interface ParserParts {
  readonly prototype: object;
  readonly nodes: Nodes;
}

/**
 * Rejects a promise as a condition, as an operand of `and`, `or` and `not`, as the subject of a switch and as the list
 * of a loop. A promise is always true, and has no items. Asynchronous filters of a page can await it there.
 */
export function guardConditions(
  environment: Environment,
  { prototype, nodes }: ParserParts,
  onError: (error: TemplateError) => void,
): void {
  environment.addFilter(
    filterName,
    (value: unknown, what: string, path: string | null, line: number, column: number) => {
      if (!types.isPromise(value)) return value;
      onRejection(value);
      const message = `${what} cannot be a condition or a list: await it in the handler.`;
      const error = new TemplateError("ERR_TEMPLATE", message, { template: path ?? undefined, line, column });
      onError(error);
      throw error;
    },
  );
  if (guardedParsers.has(prototype)) return;
  guardedParsers.add(prototype);
  const parsers = prototype as ParserClass;
  for (const [name, field] of Object.entries(fields) as [keyof typeof fields, string][]) {
    const parse = parsers[name];
    const Operator = name in operators ? nodes[operators[name as keyof typeof operators]] : undefined;
    parsers[name] = function () {
      const outermost = parse.call(this) as Record<string, Expression>;
      const tags = this.extensions?.find((each) => each instanceof ComponentTags);
      if (tags === undefined) return outermost;
      const guarded = (value: Expression): Expression => {
        const { lineno, colno } = value;
        const what = value instanceof nodes.Symbol ? `The promise ${value.value}` : "A promise";
        const details = [what, tags.template ?? null, lineno + 1, colno + 1];
        const args = [value, ...details.map((each) => new nodes.Literal(lineno, colno, each))];
        const filter = new nodes.Symbol(lineno, colno, filterName);
        return new nodes.Filter(lineno, colno, filter, new nodes.NodeList(lineno, colno, args)) as Expression;
      };
      if (Operator === undefined) outermost[field] = guarded(outermost[field]!);
      // The left side of `a and b and c` is `a and b`.
      for (let node = outermost; Operator !== undefined && node instanceof Operator; ) {
        const value = node[field]!;
        node[field] = guarded(value);
        node = value as Node as Record<string, Expression>;
      }
      return outermost;
    };
  }
}
