import { MercureError } from "../shared/errors.js";
import { escapeHtml } from "../shared/escape-html.js";
import { assertKnownOptions } from "../shared/known-options.js";
import { htmlOf } from "../shared/text.js";
import { isSafeString, type MakeSafe, type SafeString } from "./safe-string.js";

/** Options of `oob`. */
export interface OobOptions {
  /** The swap style. Default `outerHTML`. {@link https://htmx.org/attributes/hx-swap-oob/ | hx-swap-oob}. */
  swap?: string | undefined;
  /**
   * A CSS selector of the element to swap, without commas. Default: the element with the id of the HTML's first
   * element.
   */
  target?: string | undefined;
}

/** Swap styles that insert content beside or into the target, and drop the element around the content. */
const insertingStyles = new Set(["innerHTML", "beforebegin", "afterbegin", "beforeend", "afterend"]);

/** The parent that an HTML parser needs around an element to keep it. */
const parents: Readonly<Record<string, string>> = {
  td: "tr",
  th: "tr",
  tr: "tbody",
  tbody: "table",
  thead: "table",
  tfoot: "table",
  caption: "table",
  colgroup: "table",
  col: "colgroup",
  option: "select",
  optgroup: "select",
};

/** Makes HTML that templates and `publish` do not escape. */
export class HtmlMaker {
  readonly #makeSafe: MakeSafe;

  constructor(makeSafe: MakeSafe) {
    this.#makeSafe = makeSafe;
  }

  /**
   * Template literal tag that escapes interpolated values, in content and in quoted attribute values. Safe strings stay
   * unchanged, lists are joined, and null, undefined and false write nothing.
   *
   * @throws MercureError `ERR_TEMPLATE` for a value without a text form, such as a promise.
   */
  readonly html = (strings: TemplateStringsArray, ...values: readonly unknown[]): SafeString => {
    const text = strings.reduce((before, string, i) => before + htmlOf(values[i - 1], isSafeString, refusal) + string);
    return this.#makeSafe(text);
  };

  /**
   * Returns HTML that htmx swaps into its target anywhere in the page, from any stream or response.
   *
   * @throws MercureError `ERR_TEMPLATE` for HTML that does not begin with an element, HTML without an id or target, and
   * a comma in the target, id or swap style.
   */
  readonly oob = (html: unknown, options: OobOptions = {}): SafeString => {
    assertKnownOptions(options, ["target", "swap"], "oob");
    const { swap = "outerHTML", target } = options;
    const text = htmlOf(
      html,
      isSafeString,
      (complaint) => new MercureError("ERR_TEMPLATE", `oob() cannot print ${complaint}.`),
    ).trim();
    const start = /^<([a-z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^'">])*)>/i.exec(text);
    if (start === null) throw new MercureError("ERR_TEMPLATE", "oob() needs HTML that starts with an element.");
    const [, element = "", written = ""] = start;
    const id = idIn(written);
    if (target === undefined && id === undefined) {
      throw new MercureError("ERR_TEMPLATE", `oob() needs a target, or an id on its first element, <${element}>.`);
    }
    for (const [what, selector] of Object.entries({ target, id: target === undefined ? id : undefined, swap })) {
      // htmx reads commas as a list of selectors. A visitor's text after a comma could select the whole page.
      if (selector === undefined || !selector.includes(",")) continue;
      const given = JSON.stringify(selector);
      throw new MercureError(
        "ERR_TEMPLATE",
        `oob() replaces one element: its ${what} must not contain a comma: ${given}.`,
      );
    }
    const attribute = `hx-swap-oob="${escapeHtml(target === undefined ? swap : `${swap}:${target}`)}"`;
    if (target !== undefined && insertingStyles.has(swap.split(/\s/)[0]!)) {
      const parent = parents[element.toLowerCase()] ?? "div";
      return this.#makeSafe(`<${parent} ${attribute}>${text}</${parent}>`);
    }
    return this.#makeSafe(`<${element} ${attribute}${text.slice(element.length + 1)}`);
  };
}

/** Returns the id from a start tag's attributes. */
function idIn(written: string): string | undefined {
  for (const [, name, value] of written.matchAll(/([^\s"'=<>/]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>]+))?/g)) {
    if (name!.toLowerCase() === "id") return value;
  }
  return undefined;
}

function refusal(complaint: string): MercureError {
  return new MercureError("ERR_TEMPLATE", `html\`…\` cannot print ${complaint}.`);
}
