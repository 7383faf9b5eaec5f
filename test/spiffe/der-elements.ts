/** Cuts certificates that stand behind each other apart, by the length of each. */
export function elements(bytes: Uint8Array): Buffer[] {
  const found: Buffer[] = [];
  for (let rest = Buffer.from(bytes); rest.length > 0; ) {
    const first = rest[1] ?? 0;
    const digits = first < 0x80 ? 0 : first & 0x7f;
    const content = digits === 0 ? first : rest.readUIntBE(2, digits);
    const length = 2 + digits + content;
    found.push(rest.subarray(0, length));
    rest = rest.subarray(length);
  }
  return found;
}
