/** `Error adding/updating cluster(s) a: reason, b: reason` names the culprits; other texts name nobody for sure. */
const namedForm = /^Error adding\/updating \w+\(s\) /;

/**
 * The resources that a NACK blames, of those that were sent. Empty: it does not say; then each is tried alone
 * (rule D4).
 */
export function namesInNack(message: string, sent: readonly string[]): readonly string[] {
  if (!namedForm.test(message)) return [];
  const text = message.replace(namedForm, '');
  return sent.filter(
    (name) =>
      text.startsWith(`${name}: `) || text.includes(`, ${name}: `) || text.includes(`\n${name}: `),
  );
}

/** A NACK can quote a whole resource (rule C12). */
const nackCharactersMax = 1_000;

/** PEM blocks, the inline values of a text-format message, and anything that looks like a key in base64. */
const confidential = [
  /-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g,
  /(?<=inline_(?:string|bytes):\s*)"(?:[^"\\]|\\.)*(?:"|$)/g,
  /[A-Za-z0-9+/_-]{64,}={0,2}/g,
];

/** What may be stored and shown of a NACK: short, and without the secrets it may quote. */
export function redactNack(message: string): string {
  const redacted = confidential.reduce(
    (text, form) => text.replaceAll(form, '[redacted]'),
    message,
  );
  return redacted.length <= nackCharactersMax
    ? redacted
    : `${redacted.slice(0, nackCharactersMax)} […]`;
}

/** What may go away by itself on the same host, so that the same version may be tried again. */
export function isPassing(message: string): boolean {
  return /cannot bind|address already in use/i.test(message);
}
