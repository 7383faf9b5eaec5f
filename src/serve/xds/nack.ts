/** `Error adding/updating cluster(s) a: reason, b: reason` names the culprits; other texts name nobody for sure. */
const namedForm = /^Error adding\/updating \w+\(s\) /;

/**
 * The resources that a NACK blames, of those that were sent, each with its reason. Empty: it does not say; then each
 * is tried alone (rule D4).
 */
export function reasonsInNack(
  message: string,
  sent: readonly string[],
): ReadonlyMap<string, string> {
  if (!namedForm.test(message)) return new Map();
  const text = message.replace(namedForm, '');
  const found = sent
    .map((name) => ({ name, at: placeOf(name, text) }))
    .filter(({ at }) => at !== -1)
    .toSorted((a, b) => a.at - b.at);
  return new Map(
    found.map(({ name, at }, index) => {
      const reason = text.slice(at + name.length + 2, found[index + 1]?.at);
      return [name, reason.replace(/(?:, |\s)+$/, '')];
    }),
  );
}

/** Who is to blame, of those that were sent: one alone always is. */
export function blamedInNack(
  message: string,
  sent: readonly string[],
): ReadonlyMap<string, string> {
  const [only] = sent;
  if (only !== undefined && sent.length === 1) return new Map([[only, message]]);
  return reasonsInNack(message, sent);
}

/** Each stands at the start, after a comma (clusters) or on a line of its own (listeners). */
function placeOf(name: string, text: string): number {
  if (text.startsWith(`${name}: `)) return 0;
  const after = Math.max(text.indexOf(`, ${name}: `) + 2, text.indexOf(`\n${name}: `) + 1);
  return after < 2 ? -1 : after;
}

/** A NACK can quote a whole resource (rule C12). */
const nackCharactersMax = 1_000;

/** PEM blocks, the inline values of a text-format message, and anything that looks like a key in base64. */
const confidential = [
  /-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g,
  /(?<=inline_(?:string|bytes):\s*)"(?:[^"\\]|\\.)*(?:"|$)/g,
  /[A-Za-z0-9+/_-]{64,}={0,2}/g,
];

/** A violated constraint comes after a dump of the whole resource, which would leave no room for it. */
function withoutDump(message: string): string {
  const end = message.startsWith('goo.gle/debug') ? message.lastIndexOf('\n: ') : -1;
  return end === -1 ? message : message.slice(end + '\n: '.length);
}

/** What may be stored and shown of a NACK: short, and without the secrets it may quote. */
export function redactNack(message: string): string {
  const redacted = confidential
    .reduce((text, form) => text.replaceAll(form, '[redacted]'), withoutDump(message))
    .trim();
  return redacted.length <= nackCharactersMax
    ? redacted
    : `${redacted.slice(0, nackCharactersMax)} […]`;
}

/** What may go away by itself on the same host, so that the same version may be tried again. */
export function isPassing(message: string): boolean {
  return /cannot bind|address already in use/i.test(message);
}
