import { createHmac } from "node:crypto";
import type { Nodes } from "../../transport/nodes.js";

/** The key of a node's entry with the mark of its secret. */
const markKey = "k";

/**
 * Tells once if another node verifies tokens by another secret. Each then refuses the streams of the other's pages.
 *
 * @param secret - The secret for the tokens of subscribers.
 */
export function findOtherSecret(nodes: Nodes, secret: string, onFound: () => void): void {
  const mark = createHmac("sha256", secret).update(markKey).digest("base64url");
  nodes.tell(markKey, mark);
  let isFound = false;
  const hear = (node: string, key: string, value: string | undefined) => {
    if (isFound || node === nodes.self || key !== markKey || value === undefined || value === mark) return;
    isFound = true;
    onFound();
  };
  nodes.listen(hear);
  for (const [node, key, value] of nodes.entries(markKey)) hear(node, key, value);
}
