import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import type { Log, LogFields } from '../base/log.ts';
import { someDecision, someDenial } from './decision.fixture.ts';
import { otlpLogsTarget } from './otlp-environment.ts';
import { OtlpLogs, recordsWaitingMax } from './otlp-logs.ts';
import { type OtlpLogRecord, otlpRecord } from './otlp-record.ts';

describe('where decisions go by OTLP', () => {
  it('nowhere unless it is said, and not where it is turned off', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
    assert.equal(otlpLogsTarget({}), undefined);
    assert.equal(otlpLogsTarget({ ...endpoint, OTEL_LOGS_EXPORTER: 'none' }), undefined);
    assert.equal(otlpLogsTarget({ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }), undefined);
  });

  it('the path of logs is added to the address of all signals, and not to their own', () => {
    const url = (env: Record<string, string>) => otlpLogsTarget(env)?.url.href;
    const all = 'http://collector:4318/base/';
    assert.equal(url({ OTEL_EXPORTER_OTLP_ENDPOINT: all }), 'http://collector:4318/base/v1/logs');
    assert.equal(
      url({ OTEL_EXPORTER_OTLP_ENDPOINT: all, OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'https://l/x' }),
      'https://l/x',
    );
    assert.throws(() => url({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }));
  });

  it('headers, times and who sends it are as the variables say', () => {
    const target = otlpLogsTarget({
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c', OTEL_EXPORTER_OTLP_HEADERS: 'a=1' },
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'authorization=Bearer%20x, b=2=3,bad',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test,service.name=first',
      ...{ OTEL_SERVICE_NAME: 'second', OTEL_EXPORTER_OTLP_TIMEOUT: '500' },
    });
    assert.deepEqual(target?.headers, { authorization: 'Bearer x', b: '2=3' });
    assert.deepEqual(target.resource, {
      ...{ 'service.name': 'second', 'deployment.environment': 'test' },
    });
    assert.equal(target.timeoutMs, 500);
  });
});

describe('decisions by OTLP', () => {
  let server: Server;
  let status = 200;
  let answer = '{}';
  const bodies: { resourceLogs: { scopeLogs: { logRecords: OtlpLogRecord[] }[] }[] }[] = [];
  const seen: IncomingMessage[] = [];
  const said: string[] = [];
  beforeEach(async () => {
    [status, answer] = [200, '{}'];
    for (const list of [bodies, seen, said]) list.length = 0;
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      seen.push(request);
      if (status === 200) bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(status).end(answer);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const say = (message: string, _fields?: LogFields): void => void said.push(message);
  const log: Log = { info: say, warn: say, error: say };
  /** Waits for nothing that is longer than a moment. */
  const hasty = {
    ...systemClock,
    after: (delayMs: number, run: () => void) => systemClock.after(Math.min(delayMs, 5), run),
  };
  const open = (clock = hasty): OtlpLogs => {
    const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`);
    const target = { url, headers: { 'x-key': 'k' }, resource: { 'service.name': 's' } };
    return new OtlpLogs({
      ...{ target: { ...target, timeoutMs: 1_000 }, clock, log },
      random: { fraction: () => 0.5 },
    });
  };
  const records = (): OtlpLogRecord[] =>
    bodies.flatMap(({ resourceLogs }) =>
      resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords)),
    );
  const until = async (holds: () => boolean): Promise<void> => {
    for (let round = 0; round < 400 && !holds(); round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok(holds());
  };

  it('a record has what is searched for as attributes, in the JSON form of OTLP', () => {
    const record = otlpRecord({
      ...{ ...someDenial, audits: [{ rule: 'a', effect: 'deny' as const }] },
    });
    assert.equal(record.timeUnixNano, '1800000000000000000');
    assert.deepEqual([record.severityNumber, record.severityText], [13, 'WARN']);
    const attributes = new Map(record.attributes.map(({ key, value }) => [key, value]));
    assert.deepEqual(attributes.get('chancery.decision.code'), { stringValue: 'CH2101' });
    assert.deepEqual(attributes.get('chancery.decision.latency_us'), { intValue: '42' });
    assert.deepEqual(attributes.get('chancery.decision.audits'), {
      arrayValue: { values: [{ stringValue: 'deny a' }] },
    });
    assert.equal(attributes.has('chancery.token'), false);
  });

  it('all that was taken arrives, in batches, with headers and resource', async () => {
    const logs = open();
    for (let round = 0; round < 1_300; round += 1) logs.take(someDecision);
    await until(() => records().length === 1_300);
    assert.equal(seen[0]?.headers['x-key'], 'k');
    assert.equal(seen[0].headers['content-type'], 'application/json');
    assert.ok(bodies.length >= 3 && bodies.length < 10, `${bodies.length}`);
    await logs.close();
    assert.equal(logs.lost, 0);
  });

  it('a receiver that cannot now is asked again, and nothing is lost', async () => {
    status = 503;
    const logs = open();
    logs.take(someDenial);
    await until(() => seen.length >= 2);
    status = 200;
    await until(() => records().length === 1);
    assert.equal(logs.lost, 0);
    assert.deepEqual(said, ['decisions cannot be exported', 'decisions are exported again']);
    await logs.close();
  });

  it('one that refuses is not asked again; one that stays away is given up after six tries', async () => {
    const logs = open();
    status = 400;
    logs.take(someDenial);
    await until(() => logs.lost === 1);
    assert.equal(seen.length, 1);
    status = 503;
    logs.take(someDenial);
    await until(() => logs.lost === 2);
    assert.equal(seen.length, 7);
    await logs.close();
  });

  it('what waits is bounded, with room that only denials get, and the rest is counted', async () => {
    const never = { ...systemClock, after: () => () => {} };
    const logs = open(never);
    server.close();
    server.closeAllConnections();
    for (let round = 0; round < recordsWaitingMax; round += 1) logs.take(someDecision);
    const lostAllows = logs.lost;
    assert.ok(lostAllows > 1_000, `${lostAllows}`);
    for (let round = 0; round < recordsWaitingMax / 4; round += 1) logs.take(someDenial);
    assert.equal(logs.lost, lostAllows);
    for (let round = 0; round < recordsWaitingMax; round += 1) logs.take(someDenial);
    assert.ok(logs.lost > lostAllows);
  });

  it('what a receiver says that it did not take is counted', async () => {
    answer = '{"partialSuccess":{"rejectedLogRecords":"3"}}';
    const logs = open();
    for (let round = 0; round < 5; round += 1) logs.take(someDenial);
    await until(() => logs.lost === 3);
    await logs.close();
  });

  it('an end sends what waits, and does not hang on a receiver that says nothing', async () => {
    const first = open(systemClock);
    first.take(someDenial);
    await first.close();
    assert.equal(records().length, 1);
    server.removeAllListeners('request');
    const second = open();
    second.take(someDenial);
    await second.close();
    assert.equal(first.lost, 0);
  });
});
