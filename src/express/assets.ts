import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompressSync, gzip } from "node:zlib";
import type { Request, Response } from "express";
import { MercureError } from "../shared/errors.js";
import type { HtmxLine } from "../shared/htmx-line.js";
import { assertKnownOptions } from "../shared/known-options.js";
import { packageFolder } from "../shared/package-folder.js";
import { describeValue } from "../shared/plain-object.js";
import { clientScript, htmxFile } from "./htmx-scripts.js";

const require = createRequire(import.meta.url);

/** The content of a file, and its Brotli copy if the build has made one. */
interface Content {
  readonly content: Buffer;
  readonly br?: Buffer;
}

/** Reads a file that the build has compressed. */
function built(name: string): Content {
  const br = readFileSync(join(packageFolder("dist"), "client", `${name}.br`));
  return { content: brotliDecompressSync(br), br };
}

/** Returns the client of a line, which bundlers need uncompressed. */
const clientOf = (line: HtmxLine): Content => ({ content: Buffer.from(clientScript(line, load("ui.js").name)) });

/** Reads a file of another package. */
const foreign = (path: string): Content => ({ content: readFileSync(path) });

/** The files to serve. The htmx scripts come unchanged from npm. */
const sources = {
  "mercure.css": () => built("style"),
  "htmx.js": () => foreign(htmxFile(2, "dist/htmx.min.js")),
  "sse.js": () => foreign(require.resolve("htmx-ext-sse/dist/sse.min.js")),
  "ui.js": () => built("ui"),
  "hints.js": () => built("hints"),
  "settings.js": () => built("settings"),
  "shared.js": () => built("shared"),
  "mercure.js": () => clientOf(2),
  "htmx4.js": () => foreign(htmxFile(4, "dist/htmx.min.js")),
  "hx-sse.js": () => foreign(htmxFile(4, "dist/ext/hx-sse.min.js")),
  "mercure4.js": () => clientOf(4),
} satisfies Record<string, () => Content>;

/**
 * The scripts of each line of htmx, in their order on a page, and the client alone. In htmx 4 the client comes before
 * the extension. htmx can process the page while the browser waits for the next script, and the extension would then
 * connect the streams by itself.
 */
const scripts = {
  2: { all: ["htmx.js", "sse.js", "mercure.js"], client: ["mercure.js"] },
  4: { all: ["htmx4.js", "mercure4.js", "hx-sse.js"], client: ["mercure4.js"] },
} as const;

type AssetName = keyof typeof sources;

/** The settings of the client for all pages of an application. */
export interface ClientSettings {
  /** Whether pages load the script that warns of mistakes in them. */
  readonly development: boolean;
  /** The time until the streams of a hidden page pause, in seconds. 0 for never. */
  readonly pauseHiddenAfter: number;
}

interface Asset extends Content {
  readonly name: string;
  readonly type: string;
  /** The Subresource Integrity hash. */
  readonly integrity: string;
  readonly encoded: Map<string, Promise<Buffer>>;
}

/** The URLs and hashes of a page's script and style tags. */
export interface AssetTags {
  readonly style: { readonly url: string; readonly integrity: string };
  readonly scripts: readonly {
    readonly url: string;
    readonly integrity: string;
    /** The setting of the script that applies settings. */
    readonly pauseHiddenAfter: number | undefined;
  }[];
  readonly nonce: string | undefined;
  /** The URL of shared connections, and of their script. */
  readonly shared: { readonly url: string; readonly script: string } | undefined;
}

/**
 * Asynchronous compressors, for the files that the build has not compressed. Compressing a script takes up to a tenth
 * of a second, which would block the event loop.
 */
const encoders: Readonly<Record<string, (content: Buffer) => Promise<Buffer>>> = {
  br: promisify<Buffer, Buffer>(brotliCompress),
  gzip: promisify<Buffer, Buffer>(gzip),
};

/**
 * Serves the library's scripts and styles. Their URLs contain a hash of the content, so browsers cache them forever and
 * fetch a new version at once.
 */
export class Assets {
  readonly #path: string;
  readonly #byName: ReadonlyMap<AssetName, Asset>;
  readonly #byPath: ReadonlyMap<string, Asset>;

  readonly #line: HtmxLine;
  readonly #settings: ClientSettings;

  readonly #shared: ((basePath: string) => string) | undefined;

  /**
   * @param line - The line of htmx for pages that name no line.
   * @param shared - Returns the URL of shared connections for a base path. Undefined if each stream has its own.
   */
  constructor(path: string, line: HtmxLine, settings: ClientSettings, shared?: (basePath: string) => string) {
    this.#shared = shared;
    this.#path = path;
    this.#line = line;
    this.#settings = settings;
    const names = Object.keys(sources) as AssetName[];
    this.#byName = new Map(
      names.flatMap((name): [AssetName, Asset][] => {
        const asset = installed(name);
        return asset === undefined ? [] : [[name, asset]];
      }),
    );
    this.#byPath = new Map([...this.#byName.values()].map((asset) => [`${path}/${asset.name}`, asset]));
  }

  /**
   * Returns the URLs and hashes for a page's head.
   *
   * @throws MercureError `ERR_TEMPLATE` for an unknown option, `ERR_PACKAGE` if the line of htmx is not installed.
   */
  tags(basePath: string, options: Readonly<Record<string, unknown>>): AssetTags {
    // Nunjucks adds this mark to keyword arguments.
    assertKnownOptions(options, ["nonce", "htmx", "__keywords"], "mercure_scripts", "ERR_TEMPLATE");
    const { nonce, htmx = true } = options;
    const line = lineOf(htmx) ?? this.#line;
    const tag = (name: AssetName) => {
      const asset = this.#byName.get(name) ?? load(name);
      return { url: `${basePath}${this.#path}/${asset.name}`, integrity: asset.integrity };
    };
    const names = [...scripts[line][htmx === false ? "client" : "all"], ...this.#ownScripts];
    const { pauseHiddenAfter } = this.#settings;
    return {
      style: tag("mercure.css"),
      scripts: names.map((name) => ({
        ...tag(name),
        pauseHiddenAfter: name === "settings.js" ? pauseHiddenAfter : undefined,
      })),
      shared: this.#shared && { url: this.#shared(basePath), script: tag("shared.js").url },
      nonce: nonce === undefined || nonce === null ? undefined : String(nonce),
    };
  }

  /**
   * Compresses the assets of the application's line that the build could not, so that no visitor waits for them. Resolves
   * when all are compressed. An asset that cannot be compressed is served uncompressed.
   */
  async compress(): Promise<void> {
    const shared = this.isShared ? (["shared.js"] as const) : [];
    const names = ["mercure.css", "ui.js", ...shared, ...scripts[this.#line].all, ...this.#ownScripts] as const;
    const assets = names.flatMap((name) => this.#byName.get(name) ?? []);
    const variants = assets.flatMap((asset) => Object.keys(encoders).map((encoding) => encode(asset, encoding)));
    await Promise.allSettled(variants);
  }

  /** The scripts that only some applications need. */
  get #ownScripts(): readonly AssetName[] {
    const { development, pauseHiddenAfter } = this.#settings;
    return [
      ...(pauseHiddenAfter > 0 ? (["settings.js"] as const) : []),
      ...(development ? (["hints.js"] as const) : []),
    ];
  }

  /** Whether the streams of pages share connections. */
  get isShared(): boolean {
    return this.#shared !== undefined;
  }

  isFor({ method, path }: Request): boolean {
    return (method === "GET" || method === "HEAD") && this.#byPath.has(path);
  }

  /** Answers a request for an asset. */
  serve(request: Request, response: Response): void {
    const asset = this.#byPath.get(request.path)!;
    const encoding = accepted(request.headers["accept-encoding"]);
    const answer = (body: Buffer, contentEncoding: string | undefined) => {
      if (response.destroyed || response.headersSent) return;
      response.writeHead(200, {
        "Content-Type": asset.type,
        "Content-Length": body.length,
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        Vary: "Accept-Encoding",
        ...(contentEncoding === undefined ? {} : { "Content-Encoding": contentEncoding }),
      });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    if (encoding === undefined) answer(asset.content, undefined);
    else {
      encode(asset, encoding).then(
        (body) => answer(body, encoding),
        () => answer(asset.content, undefined),
      );
    }
  }
}

/**
 * Returns the line of htmx that the option `htmx` of `mercure_scripts` names.
 *
 * @throws MercureError `ERR_TEMPLATE` for an invalid value.
 */
export function lineOf(htmx: unknown): HtmxLine | undefined {
  if (htmx === 2 || htmx === 4) return htmx;
  if (htmx === undefined || htmx === null || typeof htmx === "boolean") return undefined;
  throw new MercureError(
    "ERR_TEMPLATE",
    `The htmx of mercure_scripts must be 2, 4 or false, not ${describeValue(htmx)}.`,
  );
}

/** Loads a file, or returns undefined: a line of htmx that no page uses can be missing. */
function installed(name: AssetName): Asset | undefined {
  try {
    return load(name);
  } catch (error) {
    if (error instanceof MercureError) return undefined;
    throw error;
  }
}

/** The files that the process has loaded, for all its applications. */
const loaded = new Map<AssetName, Asset>();

function load(name: AssetName): Asset {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const read: Content = sources[name]();
  const { content, br } = read;
  const hash = createHash("sha384").update(content).digest();
  const [stem, extension] = name.split(".") as [string, string];
  const asset: Asset = {
    ...read,
    name: `${stem}-${hash.toString("base64url").slice(0, 12)}.${extension}`,
    type: extension === "css" ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8",
    integrity: `sha384-${hash.toString("base64")}`,
    encoded: new Map(br && [["br", Promise.resolve(br)]]),
  };
  loaded.set(name, asset);
  return asset;
}

function encode(asset: Asset, encoding: string): Promise<Buffer> {
  const encoded = asset.encoded.get(encoding) ?? encoders[encoding]!(asset.content);
  asset.encoded.set(encoding, encoded);
  return encoded;
}

/**
 * Returns the encoding that a client prefers; of several, the smallest. The weight 0 rejects an encoding, and `*` names
 * those that the header does not.
 *
 * Separators are split without a regular expression, which would take quadratic time on a header of spaces.
 */
export function accepted(header: string | string[] | undefined): string | undefined {
  const weights = new Map<string, number>();
  for (const offer of String(header ?? "").split(",")) {
    const [name = "", ...parameters] = offer.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  const weightOf = (name: string) => weights.get(name) ?? weights.get("*") ?? 0;
  const best = Object.keys(encoders).reduce((one, other) => (weightOf(other) > weightOf(one) ? other : one));
  const weight = weightOf(best);
  // An answer without compression is always possible. It is better only if the client says so.
  return weight > 0 && weight >= (weights.get("identity") ?? 0) ? best : undefined;
}
