/** A browser's cookies for requests by `fetch`, with names, values and paths. */
export class BrowserSession {
  readonly #cookies = new Map<string, { readonly value: string; readonly path: string }>();
  /** Every `Set-Cookie` so far. */
  readonly set: string[] = [];

  async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(url, { ...init, headers: this.headers(url, init.headers as Record<string, string>) });
    for (const cookie of response.headers.getSetCookie()) {
      this.set.push(cookie);
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/Expires=Thu, 01 Jan 1970/.test(cookie)) this.#cookies.delete(name);
      else this.#cookies.set(name, { value, path: /Path=([^;]*)/.exec(cookie)?.[1] ?? "/" });
    }
    return response;
  }

  /** The headers that a browser sends to a URL by itself, and those of the test. */
  headers(url: string, more: Record<string, string> = {}): Record<string, string> {
    const { pathname } = new URL(url);
    const shown = [...this.#cookies].filter(([, { path }]) => pathname.startsWith(path.replace(/\/$/, "")));
    return shown.length === 0
      ? more
      : { Cookie: shown.map(([name, { value }]) => `${name}=${value}`).join("; "), ...more };
  }

  get names(): string[] {
    return [...this.#cookies.keys()];
  }
}
