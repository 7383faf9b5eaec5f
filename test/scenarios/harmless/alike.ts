/** Lines that are the mesh's, or about one connection only (RFC 9110 section 7.6.1). */
const own =
  /^(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade|http2-settings|x-request-id|x-forwarded-proto|x-forwarded-client-cert|x-envoy-attempt-count|x-envoy-external-address|expect: 100-continue|content-length: 0|content-length: 2$|date: (?!Sat, 29 Nov 2025))/i;

/**
 * Of one message what has to be the same without a mesh and with it. Names are in lower case, values of one name
 * together (RFC 9110 section 5.3), cookies too (RFC 9113 section 8.2.3); the host is without port and final dot.
 */
export function meantBy(message: string): string {
  const text = message
    .replace(/^(?:\r\n)+/, '')
    // Clients choose them anew.
    .replaceAll(/-{6,}\w{16,}/g, 'BOUNDARY')
    .replace(/^(?:HTTP\/1\.1 1\d\d [\s\S]*?\r\n\r\n)+/, '');
  const end = /\r?\n\r?\n/.exec(text);
  if (end === null) return text;
  const [first = '', ...lines] = text.slice(0, end.index).split(/\r?\n/);
  const body = text.slice(end.index + end[0].length);
  const fields = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf(':');
    const [name, value] = [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
    if (own.test(`${name}: ${value}`)) continue;
    const known = fields.get(name);
    fields.set(
      name,
      known === undefined ? value : [known, value].join(name === 'cookie' ? '; ' : ','),
    );
  }
  const isChunked = lines.some((line) => /^transfer-encoding: *chunked$/i.test(line));
  const found = [...fields].map(([name, value]) => `${name}: ${meaningOf(name, value)}`);
  return [startOf(first), ...found.sort(), '', isChunked ? unchunked(body) : body].join('\n');
}

function startOf(line: string): string {
  const [method = '', target = '', version] = line.split(' ');
  // Phrases are not carried between proxies.
  if (method.startsWith('HTTP/')) return target;
  return version === undefined ? line : `${method} ${target.replace(/^http:\/\/[^/]*/, '')}`;
}

function meaningOf(name: string, value: string): string {
  if (name === 'host') return value.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');
  return value.replaceAll(/ *, */g, ',');
}

function unchunked(body: string): string {
  let [rest, found] = [body, ''];
  for (;;) {
    const head = /^([0-9a-f]+)[^\r]*\r\n/i.exec(rest);
    const length = Number.parseInt(head?.[1] ?? '0', 16);
    if (head === null || length === 0) return found;
    found += rest.slice(head[0].length, head[0].length + length);
    rest = rest.slice(head[0].length + length + 2);
  }
}

/** The callee's proxy says where it was asked from, behind what was said before. */
export function beforeProxy(message: string): string {
  return message.replace(
    /\r\nx-forwarded-for: (?:([^\r]*),)?[^,\r]*(?=\r\n)/,
    (_, said: string | undefined) => (said === undefined ? '' : `\r\nx-forwarded-for: ${said}`),
  );
}
