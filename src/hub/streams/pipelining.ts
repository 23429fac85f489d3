import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { HubResponse } from "../http/messages.js";
import { carriesStream, http2StreamOf } from "./connection.js";

/**
 * How many answers may wait on one connection behind another: with HTTP/1.1 each waits in memory until its turn comes.
 * Browsers and proxies pipeline nothing.
 */
const maxPipelined = 16;

/** How many answers that are no streams may be under way in one session of HTTP/2. Browsers ask for a hundred at most. */
const maxHttp2Answers = 256;

/** NGHTTP2_REFUSED_STREAM: nothing was done, and the request can be sent again. RFC 9113, section 8.7. */
const refusedStream = 7;

/** The answers of each connection that came behind another, while they are not sent. */
const pipelined = new WeakMap<Socket, Set<ServerResponse>>();

/** The answers of each session of HTTP/2 that are under way. */
const underWay = new WeakMap<ServerHttp2Session, Set<ServerHttp2Stream>>();

/**
 * Returns whether a request can be answered. A request that comes behind an open stream of events, or behind too many
 * others, is dropped and ends its connection: its answer would be kept for as long as the client likes. Several handlers
 * may ask about the same request.
 */
export function admitsRequest(req: IncomingMessage, res: ServerResponse): boolean {
  const stream = http2StreamOf(res);
  if (stream !== undefined) return admitsStream(stream);
  const { socket } = req;
  if (socket.destroyed) return false;
  if (carriesStream(socket)) return drop(socket);
  if (res.socket !== null) return true;
  const waiting = pipelined.get(socket) ?? new Set();
  pipelined.set(socket, waiting);
  if (!waiting.has(res)) {
    if (waiting.size === maxPipelined) return drop(socket);
    waiting.add(res);
    res.once("close", () => waiting.delete(res));
  }
  return true;
}

/**
 * Returns whether a stream of events can be opened on a response. Where requests have come behind it already, whose
 * answers could never be sent, its connection is ended.
 */
export function admitsEventStream(res: HubResponse): boolean {
  const response = res as ServerResponse;
  const stream = http2StreamOf(response);
  if (stream !== undefined) {
    // Streams of events have limits of their own.
    if (stream.session) underWay.get(stream.session as ServerHttp2Session)?.delete(stream);
    return true;
  }
  const { socket } = response;
  if (socket === null) return true;
  for (const other of pipelined.get(socket) ?? []) if (other !== response) return drop(socket);
  return true;
}

function admitsStream(stream: ServerHttp2Stream): boolean {
  const session = stream.session as ServerHttp2Session | undefined;
  if (session === undefined || stream.destroyed) return false;
  const answers = underWay.get(session) ?? new Set();
  underWay.set(session, answers);
  if (!answers.has(stream)) {
    if (answers.size === maxHttp2Answers) {
      stream.close(refusedStream);
      return false;
    }
    answers.add(stream);
    stream.once("close", () => answers.delete(stream));
  }
  return true;
}

function drop(socket: Socket): false {
  socket.destroy();
  return false;
}
