import type { Application, Request } from "express";
import { fixedMountPath, mountPathOf } from "./mount-path.js";

export interface BasePathOptions {
  readonly app: Application;
  /** The prefix that a proxy strips, or an empty string. */
  readonly publicPath: string;
  /** Whether `publicHubUrl` names the prefix, so that the mount path can be in it. */
  readonly isFromHubUrl: boolean;
}

/** The application's public base path: the prefix that a proxy strips, then the mount path. */
export class BasePath {
  readonly #app: Application;
  readonly #publicPath: string;
  readonly #isFromHubUrl: boolean;

  constructor({ app, publicPath, isFromHubUrl }: BasePathOptions) {
    this.#app = app;
    this.#publicPath = mountPathOf(publicPath);
    this.#isFromHubUrl = isFromHubUrl;
  }

  /** Returns the base path for a request. A proxy that Express trusts can name the prefix. */
  of(request: Request, mountPath = request.baseUrl): string {
    const prefix = forwardedPrefix(request);
    const mounted = mountPathOf(mountPath);
    return prefix === undefined ? this.#below(mounted) : mountPathOf(prefix + mounted);
  }

  /** The base path outside a request. */
  get fixed(): string {
    return this.#below(fixedMountPath(this.#app));
  }

  #below(mountPath: string): string {
    const publicPath = this.#publicPath;
    const holdsMountPath = publicPath.endsWith(mountPath) || publicPath.startsWith(`${mountPath}/`);
    return this.#isFromHubUrl && holdsMountPath ? publicPath : publicPath + mountPath;
  }
}

/** Reads the prefix from `X-Forwarded-Prefix`. Several proxies append to the header, the outermost first. */
function forwardedPrefix(request: Request): string | undefined {
  const isTrusted = request.app.get("trust proxy fn") as (address: string | undefined, hop: number) => boolean;
  if (!isTrusted(request.socket.remoteAddress, 0)) return undefined;
  const prefixes = request.get("X-Forwarded-Prefix")?.split(",");
  return prefixes?.map((prefix) => mountPathOf(`/${prefix.trim()}`)).join("");
}
