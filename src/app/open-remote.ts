import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { ChanceryError } from '../base/error.ts';
import type { Finding } from '../base/finding.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { openMirror } from '../git/mirror.ts';
import type { RemoteCredentials } from '../git/remote-access.ts';
import type { RemoteAddress } from '../git/remote-address.ts';
import type { RawCall } from '../serve/api/operator-server.ts';
import { gitWebhook } from './git-webhook.ts';
import type { Signing } from './intent-source.ts';
import { RemoteIntent } from './remote-intent.ts';
import { listenForWebhooks, type WebhookOutcome, webhookCalls } from './webhook-listener.ts';

/** A repository elsewhere that intent comes from. */
export interface RemoteOptions {
  readonly address: RemoteAddress;
  readonly branch: string | undefined;
  readonly prefix: string;
  readonly pollMs: number;
  readonly credentials: RemoteCredentials;
  readonly allowRewind: boolean;
  /** Without a port only on the operators' listener. */
  readonly webhook: { readonly port: number | undefined; readonly secretFile: string } | undefined;
}

export interface OpenRemote {
  readonly source: RemoteIntent;
  readonly webhook: RawCall | undefined;
  /** What keeps webhooks from being taken. */
  readonly webhookFindings: () => readonly Finding[];
  readonly stop: () => void;
}

/** The mirror in the state folder, its follower, and the door for webhooks. */
export async function openRemote(
  options: RemoteOptions,
  parts: {
    readonly stateDir: string;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly signing: Signing;
    readonly onPush: (traceparent: string | undefined) => void;
    readonly onWebhook: (outcome: WebhookOutcome) => void;
  },
): Promise<OpenRemote> {
  const { address, branch, prefix, credentials, webhook } = options;
  const { stateDir, clock, random, log, signing, onPush, onWebhook } = parts;
  const dir = join(stateDir, 'mirror.git');
  const env = process.env;
  const mirror = await openMirror({ dir, address, branch, prefix, credentials, clock, env });
  if (!mirror.ok) throw new ChanceryError(mirror.error);
  const { pollMs, allowRewind } = options;
  const follow = { pollMs, allowRewind, ...signing };
  const source = new RemoteIntent({ mirror: mirror.value, ...follow, clock, random, log });
  const { close } = mirror.value;
  if (webhook === undefined) {
    return { source, webhook, webhookFindings: () => [], stop: close };
  }
  const { secretFile, port } = webhook;
  const hook = gitWebhook({ secretFile, onPush, log });
  await hook.look();
  const calls = webhookCalls(hook, { clock, count: onWebhook });
  const server = port === undefined ? undefined : await listenForWebhooks(calls, port);
  return {
    source,
    webhook: calls,
    webhookFindings: () => hook.findings,
    stop: () => {
      close();
      server?.closeAllConnections();
      server?.close();
    },
  };
}
