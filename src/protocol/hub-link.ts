/**
 * Returns the value of the header `Link` that names a resource's hub. Mercure 0.x "Discovery", 1.0 "Hub Discovery".
 *
 * @param lastEventId - The event id that the resource reflects. An id that a header cannot hold is omitted.
 */
export function hubLink(hubUrl: string, lastEventId = ""): string {
  const link = `<${hubUrl.replaceAll(/[<>]/g, encodeURIComponent)}>; rel="mercure"`;
  if (!/^[\x20-\x7e]+$/.test(lastEventId)) return link;
  return `${link}; last-event-id="${lastEventId.replaceAll(/["\\]/g, "\\$&")}"`;
}
