export function toPem(label: 'CERTIFICATE' | 'PRIVATE KEY', der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Every block of the label, as DER. Text around the blocks and any line ends are passed over. */
export function fromPem(label: 'CERTIFICATE' | 'PRIVATE KEY', text: string): readonly Uint8Array[] {
  const block = new RegExp(
    `-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*)-----END ${label}-----`,
    'g',
  );
  return [...text.matchAll(block)].map((match) => Buffer.from(match[1] ?? '', 'base64'));
}
