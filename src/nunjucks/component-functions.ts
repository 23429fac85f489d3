import type { SafeString } from "./safe-string.js";

/**
 * Renders a component. Pages print its HTML unescaped, and `publish` sends it unchanged.
 *
 * @throws MercureError `ERR_COMPONENT`
 */
export type ComponentFunction<Props extends object = object> = (props?: Props) => SafeString;

declare const probe: Readonly<Record<string, true>>;

// Whether the project's compiler option `noUncheckedIndexedAccess` is on.
type IsIndexChecked = undefined extends typeof probe.name ? true : false;

// A component whose properties the project declares. The properties are optional if none of them is required.
type DeclaredComponent<Props extends object> = object extends Props
  ? ComponentFunction<Props>
  : (props: Props) => SafeString;

/** The components as functions. Types come from {@link HtmxMercure.Components}. Undeclared names accept any object. */
export type ComponentFunctions = {
  readonly [Name in keyof HtmxMercure.Components]: DeclaredComponent<HtmxMercure.Components[Name]>;
} & {
  // With the option on, any other type would include undefined, and each call would be an error.
  // biome-ignore lint/suspicious/noExplicitAny: any other type would make each call an error
  readonly [name: string]: IsIndexChecked extends true ? any : ComponentFunction;
};

declare global {
  namespace HtmxMercure {
    /**
     * The properties of the application's components, for the types of calls. Empty until an application declares them.
     *
     * @example
     * ```ts
     * import type {} from "htmx-mercure";
     *
     * declare global {
     *   namespace HtmxMercure {
     *     interface Components {
     *       ChatMessage: { id: string; text: string };
     *     }
     *   }
     * }
     * ```
     */
    interface Components {}
  }
}
