/**
 * The header `Link` by which a resource names its hub. Mercure 0.x "Discovery", 1.0 "Hub Discovery".
 *
 * @param lastEventId - Where the resource stands; left out where a header cannot hold it.
 */
export function hubLink(hubUrl: string, lastEventId = ""): string {
  const link = `<${hubUrl.replaceAll(/[<>]/g, encodeURIComponent)}>; rel="mercure"`;
  if (!/^[\x20-\x7e]+$/.test(lastEventId)) return link;
  return `${link}; last-event-id="${lastEventId.replaceAll(/["\\]/g, "\\$&")}"`;
}
