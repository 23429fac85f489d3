import { readIdentityOption } from "../hub/options/read-options.js";
import type { ProtocolVersion } from "../protocol/protocol-version.js";
import { invalidOption, type OptionReader } from "../shared/option-reader.js";

/** The library's hub, its Mercure version, and the identity in its tokens and cookies. */
export interface HubIdentity {
  readonly protocol: ProtocolVersion;
  /** `true` means a hub at the host of each trusted request. */
  readonly hubUrl: string | true | undefined;
  readonly publicHubUrl: string;
  /** Trusted origins. The first is the default outside a request. */
  readonly trustedHosts: readonly string[];
  readonly issuer: string;
  readonly resource: string;
  readonly authzCookieName: string;
  readonly authzCookieDomain: string | undefined;
}

/** Options that are read only to reject them where they would have no effect. */
interface IdentitySources {
  readonly hub?: object | undefined;
  readonly trustedHosts?: unknown;
}

const cookieNames = { 0: "mercureAuthorization", 1: "__Secure-mercure_access_token" } as const;

/** Names of `hub` options that apply to external hubs too. */
const optionsOfAnyHub: readonly string[] = ["allowAnonymous"];

/**
 * Resolves the options and environment variables that identify the hub.
 *
 * @param hubPath - The path of the hub in this process, or of the one at the request's own host.
 * @throws MercureError `ERR_OPTION` for an invalid option, and for one without effect.
 */
export function resolveHubIdentity(
  read: OptionReader,
  options: IdentitySources,
  hubPath: string,
  development: boolean,
): HubIdentity {
  const protocol = read.oneOf("protocol", [0, 1] as const, "MERCURE_PROTOCOL") ?? 0;
  const hubUrl = read.absoluteUrlOrTrue("hubUrl", "MERCURE_HUB_URL");
  if (hubUrl !== undefined) refuseIdleOptions(options, hubUrl);
  const trustedHosts = read.hosts("trustedHosts", "MERCURE_TRUSTED_HOSTS") ?? [];
  if (hubUrl === true && trustedHosts.length === 0 && !development) {
    throw invalidOption("trustedHosts", "is missing: hubUrl: true needs the list of hosts that can receive tokens");
  }
  if (hubUrl !== true && options.trustedHosts !== undefined) {
    throw invalidOption("trustedHosts", "is only for hubUrl: true");
  }
  const shownUrl = read.urlOrTrue("publicHubUrl", "MERCURE_PUBLIC_HUB_URL");
  const publicHubUrl = shownUrl === true ? (typeof hubUrl === "string" ? new URL(hubUrl).pathname : hubPath) : shownUrl;
  const [host] = trustedHosts;
  const known = [publicHubUrl, hubUrl, hubUrl === true && host !== undefined && host + hubPath].find(isAbsolute);
  const resource = readIdentityOption(read, "resource") ?? known ?? hubPath;
  return {
    protocol,
    hubUrl,
    publicHubUrl: publicHubUrl ?? (typeof hubUrl === "string" ? hubUrl : hubPath),
    trustedHosts,
    issuer: readIdentityOption(read, "issuer") ?? (isAbsolute(resource) ? new URL(resource).origin : "/"),
    resource,
    ...cookie(read, protocol),
  };
}

function refuseIdleOptions({ hub }: IdentitySources, hubUrl: string | true): void {
  const used = hubUrl === true ? [...optionsOfAnyHub, "path"] : optionsOfAnyHub;
  const idle = Object.entries(hub ?? {}).find(([name, value]) => value !== undefined && !used.includes(name));
  if (idle !== undefined)
    throw invalidOption(`hub.${idle[0]}`, "configures the embedded hub, but hubUrl selects an external one");
}

function isAbsolute(url: unknown): url is string {
  return typeof url === "string" && /^https?:/i.test(url);
}

function cookie(read: OptionReader, protocol: ProtocolVersion) {
  const authzCookieName = readIdentityOption(read, "cookieName", "authzCookieName") ?? cookieNames[protocol];
  const authzCookieDomain = read.domain("authzCookieDomain", "MERCURE_AUTHZ_COOKIE_DOMAIN");
  // RFC 6265bis, section 4.1.3.2.
  if (authzCookieDomain !== undefined && authzCookieName.startsWith("__Host-")) {
    throw invalidOption("authzCookieDomain", "cannot be combined with a __Host- cookie");
  }
  return { authzCookieName, authzCookieDomain };
}
