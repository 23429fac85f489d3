import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, gzip } from "node:zlib";
import type { Request, Response } from "express";
import { assertKnownOptions } from "../shared/known-options.js";
import { packageFolder } from "../shared/package-folder.js";

const require = createRequire(import.meta.url);

/** The files to serve. Browsers must run the scripts in this order. The htmx scripts come unchanged from npm. */
const sources = {
  "mercure.css": () => join(packageFolder("dist"), "client/mercure.css"),
  "htmx.js": () => require.resolve("htmx.org/dist/htmx.min.js"),
  "sse.js": () => require.resolve("htmx-ext-sse/dist/sse.min.js"),
  "mercure.js": () => join(packageFolder("dist"), "client/mercure.js"),
};

type AssetName = keyof typeof sources;

interface Asset {
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
  /** The Subresource Integrity hash. */
  readonly integrity: string;
  readonly encoded: Map<string, Promise<Buffer>>;
}

/** The URLs and hashes of a page's script and style tags. */
export interface AssetTags {
  readonly style: { readonly url: string; readonly integrity: string };
  readonly scripts: readonly { readonly url: string; readonly integrity: string }[];
  readonly nonce: string | undefined;
}

/** Asynchronous compressors. Compressing a script takes a tenth of a second, which would block the event loop. */
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

  constructor(path: string) {
    this.#path = path;
    const names = Object.keys(sources) as AssetName[];
    this.#byName = new Map(names.map((name) => [name, load(name)]));
    this.#byPath = new Map([...this.#byName.values()].map((asset) => [`${path}/${asset.name}`, asset]));
  }

  /**
   * Returns the URLs and hashes for a page's head.
   *
   * @throws MercureError `ERR_TEMPLATE` for an unknown option.
   */
  tags(basePath: string, options: Readonly<Record<string, unknown>>): AssetTags {
    // Nunjucks adds this mark to keyword arguments.
    assertKnownOptions(options, ["nonce", "htmx", "__keywords"], "mercure_scripts", "ERR_TEMPLATE");
    const { nonce, htmx = true } = options;
    const tag = (name: AssetName) => {
      const asset = this.#byName.get(name)!;
      return { url: `${basePath}${this.#path}/${asset.name}`, integrity: asset.integrity };
    };
    return {
      style: tag("mercure.css"),
      scripts: (htmx === false ? (["mercure.js"] as const) : (["htmx.js", "sse.js", "mercure.js"] as const)).map(tag),
      nonce: nonce === undefined || nonce === null ? undefined : String(nonce),
    };
  }

  /**
   * Compresses every asset, so that no visitor waits for it. Resolves when all are compressed. An asset that cannot be
   * compressed is served uncompressed.
   */
  async compress(): Promise<void> {
    const variants = [...this.#byName.values()].flatMap((asset) =>
      Object.keys(encoders).map((encoding) => encode(asset, encoding)),
    );
    await Promise.allSettled(variants);
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

function load(name: AssetName): Asset {
  const content = readFileSync(sources[name]());
  const hash = createHash("sha384").update(content).digest();
  const [stem, extension] = name.split(".") as [string, string];
  return {
    name: `${stem}-${hash.toString("base64url").slice(0, 12)}.${extension}`,
    type: extension === "css" ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8",
    content,
    integrity: `sha384-${hash.toString("base64")}`,
    encoded: new Map(),
  };
}

function encode(asset: Asset, encoding: string): Promise<Buffer> {
  const encoded = asset.encoded.get(encoding) ?? encoders[encoding]!(asset.content);
  asset.encoded.set(encoding, encoded);
  return encoded;
}

/**
 * Returns the best encoding that a client accepts. The weight 0 rejects an encoding.
 *
 * Separators are split without a regular expression, which would take quadratic time on a header of spaces.
 */
export function accepted(header: string | string[] | undefined): string | undefined {
  const offers = String(header ?? "")
    .split(",")
    .map((offer) =>
      offer
        .toLowerCase()
        .split(";")
        .map((part) => part.trim()),
    )
    .filter(([, weight]) => weight === undefined || !/^q=0(\.0*)?$/.test(weight))
    .map(([name]) => name);
  return Object.keys(encoders).find((name) => offers.includes(name));
}
