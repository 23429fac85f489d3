import { createServer, type Http2Server, Http2ServerRequest, Http2ServerResponse } from "node:http2";
import express, { type Express } from "express";

/**
 * Gives an application's requests and responses the prototypes of Node's HTTP/2. Express alone gives them those of
 * HTTP/1. Packages that bring Express to HTTP/2 do the same.
 */
export function speakHttp2(app: Express): void {
  const prototypes = app as unknown as { request: object; response: object };
  prototypes.request = over(Http2ServerRequest.prototype, express.request, app);
  prototypes.response = over(Http2ServerResponse.prototype, express.response, app);
}

function over(http2: object, ofExpress: object, app: Express): object {
  const prototype = Object.create(http2, Object.getOwnPropertyDescriptors(ofExpress)) as object;
  return Object.create(prototype, { app: { value: app, writable: true } }) as object;
}

/** A server of HTTP/2 without TLS for an application. */
export function http2Server(app: Express): Http2Server {
  return createServer((req, res) => {
    // Express assigns this property; Node's class has a getter without a setter.
    Object.defineProperty(res, "req", { value: req, writable: true });
    app(req as never, res as never);
  });
}
