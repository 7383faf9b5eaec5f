import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FakeClock } from '../../test/xds/fake-clock.ts';
import { LogReader } from './log-reader.ts';
import { FlowRecorder, flowOf as flowOfSeen } from './proxy-flows.ts';
import { seenIn } from './seen-request.ts';

const caller = 'spiffe://shop.test/checkout';
const line = (more: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
    ...{ kind: 'request', side: 'ingress', service: 'payments', caller },
    ...{ method: 'GET', path: '/v1/charges/17?x=1', rule: 'allow/read', ...more },
  });

const flowOf = (text: string) => {
  const seen = seenIn(text);
  return seen && flowOfSeen(seen);
};

describe('a flow of a line of the access log', () => {
  it('is by caller, method and template, and says by which rule it came in', () => {
    assert.deepEqual(flowOf(line({})), {
      ...{ caller, method: 'GET', path: '/v1/charges/*', verdict: 'allow', rule: 'read' },
    });
    const asked = { rule: 'ask/x', decision: { kind: 'deny', code: 'CH2101' } };
    assert.deepEqual(flowOf(line(asked)), {
      ...{ caller, method: 'GET', path: '/v1/charges/*', verdict: 'deny', code: 'CH2101' },
    });
    const twice = { rule: 'ask/several-readings', decision: { kind: 'allow', rule: 'read' } };
    assert.equal(flowOf(line(twice))?.isOverridden, true);
    const kept = { rule: 'deny/x', details: 'rbac_access_denied_matched_policy[deny/x]' };
    assert.equal(flowOf(line(kept))?.code, 'CH2102');
  });

  it('of a connection is by its gate, which says the code, or by RBAC behind it', () => {
    const connection = (more: object) =>
      flowOf(line({ kind: 'connection', method: undefined, path: undefined, ...more }));
    const connect = { caller, method: 'connect', path: '' };
    assert.deepEqual(connection({ rule: 'allow/x' }), {
      ...{ ...connect, verdict: 'allow', rule: 'x' },
    });
    assert.deepEqual(connection({ rule: 'deny/x', code: 'CH2102' }), {
      ...{ ...connect, verdict: 'deny', rule: 'x', code: 'CH2102' },
    });
    assert.deepEqual(connection({ rule: 'none', code: 'CH2101' }), {
      ...{ ...connect, verdict: 'deny', code: 'CH2101' },
    });
    const details = 'rbac_access_denied_matched_policy[deny/default]';
    assert.equal(connection({ rule: 'allow/x', details })?.verdict, 'deny');
    assert.equal(connection({ rule: undefined }), undefined, 'a failed handshake');
  });

  it('has the path as rules see it, and of its parameters none', () => {
    assert.equal(flowOf(line({ path: '/a%2fb' }))?.path, '/a%2Fb');
    assert.equal(flowOf(line({ path: '/a;jsessionid=0AF1' }))?.path, '/a;*');
  });

  it('is none of a line of egress, of a handshake, of a path without one reading, or of no JSON', () => {
    assert.equal(flowOf(line({ side: 'egress' })), undefined);
    assert.equal(flowOf(line({ kind: 'handshake' })), undefined);
    assert.equal(flowOf(line({ path: '/a%5cb' })), undefined);
    assert.equal(flowOf(line({ rule: undefined })), undefined);
    const ofQuery = { rule: 'ask/unusual-path', decision: { kind: 'deny', code: 'CH2121' } };
    assert.equal(flowOf(line(ofQuery)), undefined, 'refused for its query, which no log holds');
    assert.equal(flowOf('{"side":"ingress"'), undefined);
  });
});

describe('the flows of a proxy', () => {
  const dir = mkdtempSync(join(tmpdir(), 'flows-'));
  after(() => rmSync(dir, { recursive: true }));

  const world = async (name: string, limits?: ConstructorParameters<typeof LogReader>[1]) => {
    const path = join(dir, name);
    writeFileSync(path, `${line({ method: 'PUT' })}\n`);
    const clock = new FakeClock();
    const recorder = new FlowRecorder(new LogReader(path, limits), clock);
    const untold = () => {
      clock.advance(10_000);
      return recorder.untold();
    };
    await untold();
    return { path, recorder, untold };
  };

  it('are what came since it is read, also across a rotation, and half a line is read when it is whole', async () => {
    const { path, recorder, untold } = await world('a.jsonl');
    appendFileSync(
      path,
      `${line({})}\n${line({ path: '/v1/charges/18' })}\n${line({}).slice(0, 20)}`,
    );
    const first = await untold();
    assert.deepEqual(
      first.flows.map(({ path: template, requests }) => [template, requests]),
      [['/v1/charges/*', 2]],
    );
    recorder.told(first);
    appendFileSync(path, `${line({}).slice(20)}\n`);
    renameSync(path, `${path}.1`);
    appendFileSync(`${path}.1`, `${line({})}\n`);
    writeFileSync(path, `${line({})}\n`);
    const second = await untold();
    assert.deepEqual(
      second.flows.map(({ requests }) => requests),
      [3],
    );
    assert.equal(second.isPartial, false);
    recorder.told(second);
    assert.deepEqual((await untold()).flows, []);
    await recorder.close();
  });

  it('what could not be told is told with the next report', async () => {
    const { path, recorder, untold } = await world('b.jsonl');
    appendFileSync(path, `${line({})}\n`);
    const lost = await untold();
    appendFileSync(path, `${line({})}\n`);
    const next = await untold();
    assert.deepEqual(
      [lost, next].map(({ flows }) => flows[0]?.requests),
      [1, 2],
    );
    recorder.told(lost);
    assert.equal((await untold()).flows[0]?.requests, 1);
    await recorder.close();
  });

  it('a log that grows faster than it is read is passed over in part, and that is said', async () => {
    const one = `${line({})}\n`;
    const limits = { chunkBytes: one.length * 2, roundBytesMax: one.length * 5 };
    const { path, recorder, untold } = await world('c.jsonl', limits);
    appendFileSync(path, one.repeat(50));
    const { flows, isPartial } = await untold();
    assert.deepEqual([flows[0]?.requests, isPartial], [5, true]);
    await recorder.close();
  });

  it('beyond a hundred templates, those that begin alike are one', async () => {
    const { path, recorder, untold } = await world('d.jsonl');
    const names = Array.from({ length: 300 }, (_, at) => {
      const word = String.fromCharCode(97 + (at % 26), 97 + Math.floor(at / 26));
      return line({ path: `/names/${word}` });
    });
    appendFileSync(path, `${names.join('\n')}\n`);
    const { flows } = await untold();
    assert.equal(flows.length, 101);
    assert.equal(flows.find(({ path: template }) => template === '/names/**')?.requests, 200);
    await recorder.close();
  });
});
