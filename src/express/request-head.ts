import { maxHeaderSize } from "node:http";
import type { Socket } from "node:net";
import type { Request, Response } from "express";
import type { AuthzCookies } from "./authz-cookies.js";

/** The max size of the other headers of a stream's request in common browsers, in bytes. */
const otherHeaders = 2048;

/**
 * Returns the bytes left for a stream's URL and token in the head of its request, after the browser's cookies.
 * Undefined with HTTP/2: Node has no such limit there.
 */
export function headBytesLeft(response: Response, cookies: AuthzCookies): number | undefined {
  const { req } = response;
  if (req.httpVersionMajor !== 1) return undefined;
  const cookieBytes = (req.headers.cookie?.length ?? 0) + cookies.bytesFor(response);
  return headBytes(req) - otherHeaders - cookieBytes;
}

/** The max size of the head of a request to this server, in bytes. */
function headBytes({ socket }: Request): number {
  const { server } = socket as Socket & { readonly server?: { readonly maxHeaderSize?: number } };
  return server?.maxHeaderSize ?? maxHeaderSize;
}
