import type { HostConfirmation } from '../identity/rotation.ts';
import type { HostReport } from '../serve/api/wire.ts';

/** What each host last confirmed. In memory: after a restart every host says it again within seconds. */
export class Confirmations {
  readonly #hosts = new Map<string, HostConfirmation>();
  readonly #listeners = new Set<() => void>();

  take(host: string, report: Pick<HostReport, 'trustSequence' | 'presented'>, nowMs: number): void {
    const { trustSequence, presented } = report;
    this.#hosts.set(host, { host, seenMs: nowMs, trustSequence, presented });
    for (const listener of [...this.#listeners]) listener();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** One for each host of the mesh; a host that has not spoken yet has confirmed nothing. */
  of(hosts: Iterable<string>): readonly HostConfirmation[] {
    return [...new Set(hosts)].map(
      (host) => this.#hosts.get(host) ?? { host, seenMs: 0, trustSequence: 0, presented: [] },
    );
  }
}
