import type { MercureGapDetail, StreamState } from "../index.js";
import { endMessage, type StreamEnd } from "./end-message.js";
import { readShared } from "./shared-streams.js";
import { StreamSource } from "./source.js";
import type { StreamAddress } from "./stream-address.js";

export interface SourceOwner {
  changed(source: ElementSource, state: StreamState): void;
  /** Called after a gap that the page itself does not handle. Must bring the page up to date. */
  gap(source: ElementSource): void;
  renew(source: ElementSource, expired: StreamAddress, signal: AbortSignal): Promise<StreamAddress | undefined>;
}

/** A source that knows its element, and dispatches its events there. */
export class ElementSource extends StreamSource {
  element: Element | undefined;

  constructor(address: StreamAddress, owner: SourceOwner) {
    const report = (name: string, detail: object, cancelable = false): boolean => {
      return (this.element ?? document).dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable, detail }));
    };
    const end = (name: string, detail: StreamEnd) => {
      console.warn(endMessage(detail, new Date()));
      report(name, detail);
    };
    super(address, location.origin, {
      changed: (state, previous) => {
        owner.changed(this, state);
        report("mercure:state", { state, previous, url: this.url });
      },
      failed: (detail) => end("mercure:error", detail),
      ended: (detail) => end("mercure:end", detail),
      gap: (detail: MercureGapDetail) => {
        if (report("mercure:gap", detail, true)) owner.gap(this);
      },
      renew: (expired, signal) => owner.renew(this, expired, signal),
      read: (reading) => readShared(reading, this.element),
    });
  }
}
