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
