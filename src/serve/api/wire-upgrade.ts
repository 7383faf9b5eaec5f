import type { Finding } from '../../base/finding.ts';
import type { Rollout } from '../../rollout/rollout.ts';

/** How far it is what a version of the control plane compiles otherwise of the commit that runs. */
export interface UpgradeReply {
  readonly version: string;
  /** What those compiled who go on with it; left out when nobody does. */
  readonly before?: string;
  /** Proxies that it concerns. */
  readonly proxies: number;
  /** Those of them that go on with what the version before compiled. */
  readonly held: number;
  /** `Type name` of what differs, with a minus where it went; the first of them. */
  readonly resources: readonly string[];
  /** Left out: it has not begun. */
  readonly rollout?: Rollout;
  /** What the gates found: nobody gets it. */
  readonly refused?: Finding;
}
