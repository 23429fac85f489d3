/** A node, as it describes itself to the others. */
export interface LivingNode {
  /** The position of the last control message that the node has executed. */
  readonly executed: number;
  /** Whether the node hands its streams over, and takes no new ones. */
  readonly isDraining: boolean;
  /** The number of the node's lives before this one. One ends whenever the others consider the node ended. */
  readonly life: number;
}

const version = 1;

export function encodeNode({ executed, isDraining, life }: LivingNode): string {
  return JSON.stringify([version, executed, Number(isDraining), life]);
}

/** Decodes a node. Control messages do not wait for a node whose record has another version. */
export function decodeNode(text: string): LivingNode {
  const [of, executed, isDraining, life = 0] = JSON.parse(text) as readonly number[];
  return of === version && executed !== undefined
    ? { executed, isDraining: isDraining === 1, life }
    : { executed: Number.POSITIVE_INFINITY, isDraining: false, life: 0 };
}
