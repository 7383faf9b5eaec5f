import { backdateMs } from '../../identity/ca.ts';
import type { Expiring } from '../../identity/expiry.ts';
import type { HostRecord } from '../../identity/hosts/host-record.ts';
import { type HostReport, hostHolder } from '../../serve/api/wire.ts';

/**
 * What hosts hold and how long it lives. All of it renews itself at half of its life, so that what comes to its last third
 * is a host that cannot.
 */
export function hostExpiries(
  hosts: readonly HostRecord[],
  lastReport: (host: HostRecord) => HostReport | undefined,
  dir: string,
): readonly Expiring[] {
  return hosts.flatMap((record) => {
    const { name } = record;
    const command = `chancery host show ${name} ${dir} says what keeps it from renewing`;
    const signedMs = record.notBeforeMs + backdateMs;
    const own = {
      what: `the certificate of the host ${name}`,
      notBeforeMs: signedMs,
      notAfterMs: record.notAfterMs,
      command,
    };
    const held = (lastReport(record)?.health.identities ?? []).filter(isOfAWorkload);
    return [
      own,
      ...held.map(({ holder, notBeforeMs, notAfterMs }) => ({
        what: `the certificate of ${holder} on the host ${name}`,
        notBeforeMs: notBeforeMs + backdateMs,
        notAfterMs,
        command,
      })),
    ];
  });
}

/** The host's own is in its record, which is newer than its report. */
function isOfAWorkload({ holder }: { readonly holder: string }): boolean {
  return holder !== hostHolder;
}
