import { request } from "node:http";
import { connect } from "node:http2";

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A request whose connection the client can end at any time. */
export interface Visit {
  /** The status; undefined until the head has arrived. */
  readonly status: number | undefined;
  /** The text that has arrived so far. */
  readonly text: string;
  /** Whether the whole answer has arrived, or the connection has ended. */
  readonly isOver: boolean;
  /** Ends the connection at once. */
  leave(): void;
}

/** Sends a request over a connection of its own, by either version of HTTP. */
export function visit(version: 1 | 2, url: string, asked: Asked = {}): Visit {
  return version === 1 ? visitByHttp1(url, asked) : visitByHttp2(url, asked);
}

function visitByHttp1(url: string, { method = "GET", headers = {}, body }: Asked): Visit {
  const state = { status: undefined as number | undefined, text: "", isOver: false, leave: () => void asked.destroy() };
  const asked = request(url, { method, headers, agent: false }, (response) => {
    state.status = response.statusCode;
    response.on("data", (data) => {
      state.text += data;
    });
  });
  asked.on("error", () => {});
  asked.on("close", () => {
    state.isOver = true;
  });
  asked.end(body);
  return state;
}

function visitByHttp2(url: string, { method = "GET", headers = {}, body }: Asked): Visit {
  const { origin, pathname, search } = new URL(url);
  const session = connect(origin);
  const state = { status: undefined as number | undefined, text: "", isOver: false, leave: () => session.destroy() };
  session.on("error", () => {});
  const stream = session.request({ ":method": method, ":path": pathname + search, ...headers });
  stream.on("error", () => {});
  stream.on("response", ({ ":status": status }) => {
    state.status = status;
  });
  stream.on("data", (data) => {
    state.text += data;
  });
  stream.on("close", () => {
    state.isOver = true;
    session.close();
  });
  stream.end(body);
  return state;
}
