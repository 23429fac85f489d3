import { MercureError } from "../shared/errors.js";
import { attributeName } from "./attributes.js";

/** Names whose values neither browsers nor the library's scripts run, load or submit. */
const harmless = new Set(
  (
    "abbr accept alt autocapitalize autocomplete autofocus checked class cols colspan contenteditable datetime decoding " +
    "dir dirname disabled download draggable enterkeyhint for headers height hidden high hreflang id inert inputmode kind " +
    "label lang list loading loop low max maxlength media min minlength multiple muted open optimum pattern " +
    "placeholder popover preload readonly rel required reversed role rows rowspan scope selected shape size sizes span " +
    "spellcheck start step tabindex title translate type value width wrap"
  ).split(" "),
);

/** Names that make a browser, or a script such as htmx, run, load or submit something. */
const effective = /^(on|@|:|x-|v-|(data-)?(hx|sse|ws|mercure)(-|$)|data-auto-scroll)/;
const effectiveNames = new Set(
  "action background content data formaction http-equiv is manifest name ping poster src srcdoc srcset style target".split(
    " ",
  ),
);

/** A relative URL, or one with a scheme that cannot run code. Browsers drop white space and control characters. */
const harmlessUrl = /^(https?:|mailto:|tel:|[^:]*([/?#]|$))/i;

/**
 * Returns the properties of an object that can become attributes. An author chooses the names in a tag, but a visitor
 * can choose those of an object, as in `render("Name", req.body)`. Harmless names become attributes; names without a
 * meaning in HTML are left out.
 *
 * @throws MercureError `ERR_TEMPLATE` for a name that has an effect, such as `onclick` or `hx-get`.
 */
export function harmlessOnly(
  component: string,
  props: readonly (readonly [name: string, value: unknown])[],
): (readonly [name: string, value: unknown])[] {
  return props.filter(([prop, value]) => {
    const name = attributeName(prop).toLowerCase();
    const isUrl = name === "href";
    if (effective.test(name) || effectiveNames.has(name) || (isUrl && !isHarmlessUrl(value))) {
      throw new MercureError(
        "ERR_TEMPLATE",
        `The property ${JSON.stringify(prop)} of an object would become an active attribute of "${component}", ` +
          "and objects can contain a visitor's input. Name the property in the component's file, or write it in a tag.",
      );
    }
    return isUrl || harmless.has(name) || /^(aria|data)-[\w.-]+$/.test(name);
  });
}

function isHarmlessUrl(value: unknown): boolean {
  return harmlessUrl.test(String(value).replace(/[\s\p{Cc}]/gu, ""));
}
