/** A node, as it describes itself to the others. */
export interface LivingNode {
  /** The position of the last control message that the node has executed. */
  readonly executed: number;
  /** Whether the node hands its streams over, and takes no new ones. */
  readonly isDraining: boolean;
}

const version = 1;

export function encodeNode({ executed, isDraining }: LivingNode): string {
  return JSON.stringify(isDraining ? [version, executed, 1] : [version, executed]);
}

/** Decodes a node. Control messages do not wait for a node whose record has another version. */
export function decodeNode(text: string): LivingNode {
  const [of, executed, isDraining] = JSON.parse(text) as readonly number[];
  return of === version && executed !== undefined
    ? { executed, isDraining: isDraining === 1 }
    : { executed: Number.POSITIVE_INFINITY, isDraining: false };
}
