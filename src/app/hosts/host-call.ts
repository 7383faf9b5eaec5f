import type { Clock } from '../../base/clock.ts';
import type { Authority } from '../../identity/authority.ts';
import type { HostRecord } from '../../identity/hosts/host-record.ts';
import type { ApiRequest } from '../../serve/api/server.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane } from '../control-plane.ts';
import type { Federation } from '../federation/federation.ts';
import type { Shadows } from '../shadow/shadows.ts';
import type { Admissions } from './admissions.ts';
import type { OpenWatches } from './open-watches.ts';
import type { HostRegistry } from './registry.ts';
import type { HostReports } from './reports.ts';

/** What answers hosts. */
export interface HostApiParts {
  readonly plane: ControlPlane;
  readonly authority: Authority;
  readonly federation: Federation;
  readonly store: Store;
  readonly clock: Clock;
  readonly registry: HostRegistry;
  readonly admissions: Admissions;
  readonly reports: HostReports;
  readonly watches: OpenWatches;
  readonly shadows: Shadows;
}

/** A call of a host whose certificate counts now. */
export interface HostCall {
  readonly record: HostRecord;
  /** Of the certificate that it came with. */
  readonly key: string;
  readonly notAfterMs: number;
  readonly request: ApiRequest;
}
