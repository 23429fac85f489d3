import { type ErrorCode, MercureError } from "../shared/errors.js";

/** A place in a template; line and column count from 1. */
export interface Location {
  /** The template's path; undefined for a template rendered from a string. */
  readonly template: string | undefined;
  readonly line: number;
  readonly column: number;
}

/**
 * An error in a template, with its place.
 *
 * @example
 * ```ts
 * try {
 *   render("ChatMessage", { message });
 * } catch (error) {
 *   if (error instanceof TemplateError) console.error(error.template, error.line, error.column);
 * }
 * ```
 */
export class TemplateError extends MercureError {
  /** The template's path. Undefined for a template rendered from a string. */
  readonly template: string | undefined;
  /** The line of the place, from 1. */
  readonly line: number;
  /** The column of the place, from 1. */
  readonly column: number;
  /** Tells Nunjucks that the line is known. Its own guess is wrong within macros. */
  readonly lineno: number;

  static {
    Object.defineProperty(TemplateError, "name", { value: "TemplateError" });
  }

  constructor(code: ErrorCode, message: string, location: Location, options?: { readonly cause?: unknown }) {
    const place = `line ${location.line}, column ${location.column}`;
    super(code, `${message} (${location.template ?? "unnamed template"}, ${place})`, options);
    this.template = location.template;
    this.line = location.line;
    this.lineno = location.line;
    this.column = location.column;
  }

  /** Ignores the template's name from Nunjucks, which can be wrong. The message has the right name. */
  Update(): this {
    return this;
  }
}
