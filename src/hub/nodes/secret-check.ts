import { createHmac } from "node:crypto";
import { MercureError } from "../../shared/errors.js";
import type { Transport } from "../../transport/transport.js";

/** The key of a node's entry with the mark of its secret. */
const markKey = "k";
/** The prefix of the keys of a node's objections. The id of another node follows. */
const objectionPrefix = "k/";

/**
 * Refuses to run beside a node that has started earlier and verifies tokens by another secret, because each would refuse
 * the streams of the other's pages. The earlier node objects to the mark of the later one, so a node that was killed
 * holds nobody back.
 */
export class SecretCheck {
  readonly #transport: Transport;
  readonly #mark: string;
  readonly #refuse: (error: MercureError) => void;
  #stop = () => {};
  #isClosed = false;

  /**
   * @param secret - The secret for the tokens of subscribers. The other nodes get a mark that does not reveal it.
   * @param refuse - Called once, if an earlier node objects.
   */
  constructor(transport: Transport, secret: string, refuse: (error: MercureError) => void) {
    this.#transport = transport;
    this.#mark = createHmac("sha256", secret).update(markKey).digest("base64url");
    this.#refuse = refuse;
    void transport.ready.then(() => this.#begin());
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#transport.nodes.tell(markKey, undefined);
  }

  #begin(): void {
    if (this.#isClosed) return;
    const { nodes } = this.#transport;
    const { self } = nodes;
    const start = this.#transport.now();
    const hear = (node: string, key: string, value: string | undefined) => {
      if (node === self) return;
      if (key === markKey) {
        const isOther = value !== undefined && value !== this.#mark;
        nodes.tell(objectionPrefix + node, isOther ? `${start}` : undefined);
      } else if (key === objectionPrefix + self) {
        const otherStart = Number(value);
        if (otherStart < start || (otherStart === start && node < self)) this.#end();
      }
    };
    this.#stop = nodes.listen(hear);
    nodes.tell(markKey, this.#mark);
    for (const [node, key, value] of [...nodes.entries(markKey)]) hear(node, key, value);
  }

  #end(): void {
    this.close();
    this.#refuse(
      new MercureError(
        "ERR_OPTION",
        "A process that started earlier and shares this history has another secret, so each would refuse the " +
          "streams of the other's pages. Set SECRET_KEY to the same value for all.",
      ),
    );
  }
}
