import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { HubResponse } from "../http/messages.js";
import { carriesStream, http2StreamOf } from "./connection.js";

/**
 * The max number of pipelined answers on one connection. With HTTP/1.1 each waits in memory for its turn. Browsers and
 * proxies do not pipeline requests.
 */
const maxPipelined = 16;

/**
 * The max number of pending answers other than event streams in one HTTP/2 session. Browsers request at most a hundred.
 */
const maxHttp2Answers = 256;

/**
 * NGHTTP2_REFUSED_STREAM: the server has processed nothing, and the client can send the request again. RFC 9113,
 * section 8.7.
 */
const refusedStream = 7;

/** The pipelined answers of each connection that are not sent yet. */
const pipelined = new WeakMap<Socket, Set<ServerResponse>>();

/** The pending answers of each HTTP/2 session. */
const underWay = new WeakMap<ServerHttp2Session, Set<ServerHttp2Stream>>();

/**
 * Returns whether the hub can answer a request. A request behind an open event stream, or behind too many others, ends
 * its connection: the client could keep its answer in memory for any time. Several handlers can ask about the same
 * request.
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
 * Returns whether a response can become an event stream. The connection ends if it already carries requests behind this
 * one, because the hub could never send their answers.
 */
export function admitsEventStream(res: HubResponse): boolean {
  const response = res as ServerResponse;
  const stream = http2StreamOf(response);
  if (stream !== undefined) {
    // Event streams have limits of their own.
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
