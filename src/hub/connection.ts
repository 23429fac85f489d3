import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { Refusal } from "../protocol/problem.js";
import { encodeComment } from "../protocol/sse.js";

/** A request of HTTP/1 or, by the compatibility API, of HTTP/2; Express's is one. */
export type HubRequest = IncomingMessage | Http2ServerRequest;
export type HubResponse = ServerResponse | Http2ServerResponse;

/** Compression and buffering would hold events back, and no cache may keep what a token has opened, in a URL perhaps. */
export const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "private, no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/** A comment to begin with: some intermediaries hold the head back until the first byte of the body. */
const greeting = Buffer.from(encodeComment());

/** NGHTTP2_CANCEL: the stream is no longer needed. RFC 9113, section 7. */
const cancelled = 8;

/**
 * The response of a subscriber, over whichever version of HTTP.
 *
 * It hangs on the socket, or on the stream of HTTP/2: these close exactly once, whereas a response stays silent when its
 * socket dies at the wrong moment.
 */
export class Connection {
  readonly #res: ServerResponse;
  readonly #source: Socket | ServerHttp2Stream;
  #drained = true;
  #ended = false;
  #onDrain: (() => void) | undefined;
  #onClose: (() => void) | undefined;

  constructor(res: ServerResponse) {
    const source = streamOf(res) ?? res.socket;
    // Behind another response on the same socket, nothing would be sent and nothing would tell of the end.
    if (!source) throw new Refusal(400, "A subscription cannot be pipelined behind another request.");
    this.#res = res;
    this.#source = source;
  }

  /** Whether the client is gone, or {@link Connection.end} was called. */
  get closed(): boolean {
    return this.#ended || this.#source.destroyed;
  }

  /** Whether the client has taken everything written so far, as far as the system's buffers tell. */
  get drained(): boolean {
    return this.#drained;
  }

  /**
   * Sends the head of the response at once.
   *
   * @param onDrain - Called whenever everything has been taken after a write that returned false.
   * @param onClose - Called once when the client goes; not after {@link Connection.end}.
   */
  open(headers: Readonly<Record<string, string>>, onDrain: () => void, onClose: () => void): void {
    this.#onDrain = () => {
      this.#drained = true;
      onDrain();
    };
    this.#onClose = () => {
      this.#ended = true;
      this.#release();
      onClose();
    };
    this.#res.on("drain", this.#onDrain);
    this.#source.once("close", this.#onClose);
    if (isSocket(this.#source)) {
      this.#source.setNoDelay(true);
      this.#source.setTimeout(0);
    }
    this.#res.writeHead(200, headers);
    // Not flushHeaders(), which would send header values that are not ASCII as UTF-8 for the second time.
    this.#res.write(greeting);
  }

  /** Returns false when what is written now waits in memory, to be told by `onDrain` when it no longer does. */
  write(bytes: Buffer): boolean {
    this.#drained = this.#res.write(bytes) && this.#drained;
    return this.#drained;
  }

  /** Ends the response; what a slow client has not taken is lost to it. */
  end(): void {
    if (this.closed) return;
    this.#ended = true;
    this.#release();
    this.#res.end();
    const source = this.#source;
    if (!isSocket(source)) {
      if (!this.#drained) source.close(cancelled);
    } else if (this.#drained) {
      source.destroySoon();
    } else {
      source.destroy();
    }
  }

  #release(): void {
    if (this.#onDrain) this.#res.off("drain", this.#onDrain);
    if (this.#onClose) this.#source.off("close", this.#onClose);
  }
}

function streamOf(res: ServerResponse): ServerHttp2Stream | undefined {
  return (res as { stream?: ServerHttp2Stream }).stream;
}

function isSocket(source: Socket | ServerHttp2Stream): source is Socket {
  return "destroySoon" in source;
}
