import type { HostRecord } from '../../src/identity/hosts/host-record.ts';
import type { HostName } from '../../src/model/types.ts';

/** The one host of the bench's proxies, admitted. */
export const hostRecord: HostRecord = {
  name: 'bench' as HostName,
  method: 'bench',
  anchor: '',
  selectors: [],
  attestedMs: 0,
  key: '',
  previousKey: undefined,
  previousUntilMs: undefined,
  notBeforeMs: 0,
  notAfterMs: Number.MAX_SAFE_INTEGER,
  standing: { kind: 'active' },
};
