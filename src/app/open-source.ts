import { systemClock as clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import { systemRandom as random } from '../base/random.ts';
import { type IntentSource, openIntentSource, type Signing } from './intent-source.ts';
import type { Layout } from './layout.ts';
import { type OpenRemote, openRemote, type RemoteOptions } from './open-remote.ts';
import type { MetricName } from './operators/metric-table.ts';
import { PushHints } from './replicas/push-hints.ts';
import type { Replica } from './replicas/replica.ts';
import type { WebhookOutcome } from './webhook-listener.ts';

interface SourceOptions {
  readonly layout: Layout;
  readonly dev: boolean;
  readonly remote: RemoteOptions | undefined;
  readonly signing: Signing;
  readonly log: Log;
}

interface OpenSource extends Omit<OpenRemote, 'source'> {
  readonly source: IntentSource;
  /** What a webhook says, wherever it came in. */
  readonly pushes: PushHints;
}

/** Where the intent of a control plane comes from: a repository elsewhere, or the intent folder. */
export async function openSource(
  options: SourceOptions,
  metrics: Metrics<MetricName>,
  replica: Pick<Replica, 'isLeading'>,
): Promise<OpenSource> {
  const { layout, dev, remote, signing, log } = options;
  const pushes = new PushHints({ isLeading: () => replica.isLeading, log });
  const { stateDir, intentDir } = layout;
  if (remote !== undefined) {
    const onWebhook = (outcome: WebhookOutcome): void =>
      metrics.count('chancery_git_webhooks_total', { outcome });
    const parts = { stateDir, clock, random, log, signing, onPush: pushes.take, onWebhook };
    const opened = await openRemote(remote, parts);
    pushes.of(opened.source);
    return { ...opened, pushes };
  }
  const source = await openIntentSource({ dir: intentDir, dev, clock, signing });
  return { source, webhook: undefined, webhookFindings: () => [], pushes, stop: () => {} };
}
