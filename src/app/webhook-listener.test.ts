import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import type { GitWebhook } from './git-webhook.ts';
import { listenForWebhooks, webhookCalls, webhookPath } from './webhook-listener.ts';

const body = Buffer.from('{"ref":"refs/heads/main"}');

async function listener(t: TestContext, webhook: Pick<GitWebhook, 'handle'>) {
  const clock = new FakeClock();
  const outcomes: string[] = [];
  const count = (outcome: string): void => void outcomes.push(outcome);
  const server = await listenForWebhooks(webhookCalls(webhook, { clock, count }), 0);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${webhookPath}`;
  const post = (sent: Uint8Array | ReadableStream = body): Promise<number> =>
    fetch(url, { method: 'POST', body: sent, duplex: 'half' } as RequestInit).then(
      ({ status }) => status,
    );
  return { clock, outcomes, post };
}

test('thirty in a row are answered, and five a second after them', async (t) => {
  const { clock, outcomes, post } = await listener(t, { handle: async () => ({ status: 202 }) });
  const statuses = async (calls: number): Promise<readonly number[]> => {
    const found: number[] = [];
    for (let call = 0; call < calls; call += 1) found.push(await post());
    return found;
  };
  assert.deepEqual(new Set(await statuses(30)), new Set([202]));
  assert.deepEqual(await statuses(2), [429, 429]);
  clock.advance(1_000);
  assert.deepEqual(await statuses(6), [202, 202, 202, 202, 202, 429]);
  assert.deepEqual([outcomes.length, outcomes.filter((one) => one === 'late').length], [38, 3]);
});

test('the body comes as it was sent, byte by byte', async (t) => {
  const seen: Uint8Array[] = [];
  const { post } = await listener(t, {
    handle: async (call) => {
      seen.push(call.body);
      return { status: 202 };
    },
  });
  await post();
  assert.deepEqual(seen, [body]);
});

test('a body that does not come to its end holds nobody up for longer than fifteen seconds', async (t) => {
  const { clock, outcomes, post } = await listener(t, { handle: async () => ({ status: 202 }) });
  let sent = (): void => {};
  const started = new Promise<void>((resolve) => {
    sent = resolve;
  });
  const endless = new ReadableStream({
    pull: (controller) => {
      controller.enqueue(new Uint8Array(10));
      sent();
      return new Promise(() => {});
    },
  });
  const call = post(endless).catch(() => 0);
  await started;
  while (clock.timerCount === 0) await new Promise((wake) => setImmediate(wake));
  clock.advance(15_000);
  assert.equal(await call, 0);
  assert.deepEqual(outcomes, ['late']);
});
