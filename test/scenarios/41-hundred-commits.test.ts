import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { next } from '../../src/cli/wait-step.ts';
import type { CommitReply } from '../../src/client/gen/api.ts';
import type { LedgerReply } from '../../src/serve/api/ledger-wire.ts';
import { paths, type RevisionsReply, type StatusReply } from '../../src/serve/api/wire.ts';
import { eventually, type RunningMesh } from '../support/running-mesh.ts';
import {
  answeringApp,
  callees,
  evenSplit,
  meshUnderLoad,
  reply,
  run,
  service,
  versions,
} from '../support/under-load.ts';

/** What is wrong with `api`, if anything. */
type Wrong = 'denies' | 'times out' | 'unreadable' | 'wrong port' | undefined;
const wrongs = ['denies', 'times out', 'unreadable', 'wrong port'] as const;

/** `api` after so many changes; each replaces the rule of the one before. */
function apiFile(change: number, wrong: Wrong): string {
  return service(
    'api',
    15_981,
    [
      ...(wrong === 'denies' ? [`deny:\n  - { id: harm-${change}, from: "*" }`] : []),
      'allow:\n  - { id: web, from: web, to: GET /** }',
      `  - { id: step-${change}, from: web, to: POST /step-${change} }`,
      'routes:',
      ...(wrong === 'unreadable' ? [`  - { match: { path: ${'/*'.repeat(450)} }, to: v1 }`] : []),
      `  - ${evenSplit}\n    timeout: ${wrong === 'times out' ? '1ms' : '2s'}`,
      run(
        versions,
        wrong === 'wrong port' ? '{ command: node app.js, env: { PORT: "1" } }' : undefined,
      ),
    ].join('\n'),
  );
}
const files = {
  'mesh.yaml': 'mesh: hundred\ntrust_domain: hundred.test\n',
  'services/api.yaml': apiFile(0, undefined),
  'services/web.yaml': service(
    'web',
    15_982,
    `routes:\n  - split: { v1: 50, v2: 50 }\n${run(['v1', 'v2'])}`,
  ),
  'app.js': answeringApp(15),
};
const paceMs = 100;

const told = ({ verdict, carried, running, successor }: CommitReply): string =>
  JSON.stringify({ verdict: verdict?.verdict, carried, running, successor: successor?.verdict });

/** What one commit of a sequence is. */
interface Made {
  readonly id: string;
  readonly wrong: Wrong;
  /** What it changed was taken out again by the commit after it. */
  readonly reverted: boolean;
}

describe('a hundred commits in ten seconds, some of them bad, under load', () => {
  let mesh: RunningMesh;
  let stop = async (): Promise<void> => {};
  let change = 0;
  before(async () => {
    [mesh, stop] = await meshUnderLoad(files, (to) => ({
      'web-v1': () => to.ask('web-v1', 'api', 'GET', '/'),
      'web-v2': () => to.ask('web-v2', 'api', 'GET', '/'),
    }));
  });
  after(() => stop());

  const head = (): string => mesh.git('rev-parse', 'HEAD').trim();
  const get = <Reply>(path: string): Promise<Reply> =>
    reply<Reply>(mesh.layout.controlSocket, path);
  /** The control plane may be writing to the branch at this moment. */
  const commit = async (text: string, message: string): Promise<string> => {
    let problem: unknown;
    for (let tries = 0; tries < 20; tries += 1) {
      try {
        writeFileSync(join(mesh.dir, 'services/api.yaml'), text);
        mesh.commit(message);
        return head();
      } catch (error) {
        problem = error;
        await delay(20);
      }
    }
    throw problem;
  };
  const resetTo = async (id: string): Promise<void> => {
    await eventually(
      () => {
        try {
          mesh.git('reset', '--quiet', '--hard', id);
          return true;
        } catch {
          return false;
        }
      },
      5_000,
      () => `the branch does not go to ${id}`,
    );
  };
  const good = (): Promise<string> => {
    change += 1;
    return commit(apiFile(change, undefined), `step ${change}`);
  };
  const bad = (wrong: Wrong): Promise<string> => {
    change += 1;
    return commit(apiFile(change, wrong), `step ${change}, which ${wrong}`);
  };
  /** One each `paceMs`, as far as this machine can. */
  async function paced(count: number, make: (index: number) => Promise<Made>): Promise<Made[]> {
    const made: Made[] = [];
    const startMs = performance.now();
    for (let index = 0; index < count; index += 1) {
      made.push(await make(index));
      await delay(Math.max(0, startMs + (index + 1) * paceMs - performance.now()));
    }
    return made;
  }
  const atRest = async (): Promise<StatusReply> => {
    let last = '';
    let status: StatusReply | undefined;
    await eventually(
      async () => {
        status = await get<StatusReply>(paths.status);
        const [newest] = (await get<RevisionsReply>(paths.revisions)).revisions;
        const { verdict } = await get<CommitReply>(`${paths.verdicts}/${head()}`);
        last = JSON.stringify({ commit: status.commit, newest, head: head(), verdict });
        const kind = newest?.state.kind;
        const isOver =
          kind === 'live' ||
          (newest?.state.kind === 'taken-back' && newest.state.branch.kind !== 'open');
        return (
          isOver &&
          verdict !== undefined &&
          verdict.verdict.kind !== 'checking' &&
          (status.commit === head() || verdict.verdict.kind === 'refused') &&
          status.workloads.every(
            ({ proxy, workload }) => proxy === 'converged' && workload.state === 'ready',
          )
        );
      },
      60_000,
      () => `it does not come to rest: ${last}`,
    );
    return status as StatusReply;
  };
  /** As `chancery wait` would end, by `endMs` of the monotonic clock. */
  const waited = async (id: string, endMs: number): Promise<{ code: number; said: string }> => {
    for (;;) {
      const verdict = await get<CommitReply>(`${paths.verdicts}/${id}`);
      const step = next(verdict, id);
      if ('end' in step) return { code: step.code, said: told(verdict) };
      if (performance.now() > endMs) {
        const { rollout, runningRollout } = verdict;
        return { code: 99, said: JSON.stringify({ step, rollout, runningRollout }) };
      }
      await delay(50);
    }
  };
  /** Commits that take back others, with the one that they go back to. */
  const takeBacks = (): readonly { id: string; to: string }[] =>
    mesh
      .git('log', '--format=%H %(trailers:key=Intent-Of,valueonly,separator=%x20)')
      .split('\n')
      .flatMap((line) => {
        const [id = '', to = ''] = line.trim().split(' ');
        return to === '' ? [] : [{ id, to }];
      });
  const isBeneath = (older: string, newer: string): boolean => {
    try {
      mesh.git('merge-base', '--is-ancestor', older, newer);
      return true;
    } catch {
      return false;
    }
  };
  const expectedCode = ({ id, wrong, reverted }: Made): number => {
    const isOut = takeBacks().some((one) => isBeneath(id, one.id) && !isBeneath(id, one.to));
    return isOut || reverted || wrong !== undefined ? 2 : 0;
  };
  async function everyoneEnds(made: readonly Made[]): Promise<void> {
    const wrongEnds: string[] = [];
    // All are at rest: what does not end at once does not end.
    const endMs = performance.now() + 20_000;
    for (const one of made) {
      const { code, said } = await waited(one.id, endMs);
      if (code !== expectedCode(one)) {
        wrongEnds.push(`${one.id.slice(0, 12)} (${one.wrong}): ${code} ${said}`);
      }
    }
    assert.deepEqual(wrongEnds, []);
  }
  /** Each rule of a bad commit that denied something, and where. */
  const denied = (): ReadonlyMap<string, ReadonlySet<string>> => {
    const found = new Map<string, Set<string>>();
    for (const proxy of callees) {
      for (const line of mesh.log(proxy)) {
        const [rule] = /harm-\d+/.exec(JSON.stringify(line)) ?? [];
        if (rule !== undefined) found.set(rule, (found.get(rule) ?? new Set()).add(proxy));
      }
    }
    return found;
  };
  /** The last wave that each commit came to. */
  const wavesSince = async (sinceMs: number): Promise<ReadonlyMap<string, number>> => {
    const path = `${paths.ledger}?kind=rollout-pushing&since=${sinceMs}&limit=1000`;
    const { entries } = await get<LedgerReply>(path);
    const waves = new Map<string, number>();
    for (const { subject, facts } of entries) {
      waves.set(subject, Math.max(waves.get(subject) ?? 0, Number(facts['wave'])));
    }
    return waves;
  };
  async function noneWentFurther(made: readonly Made[], sinceMs: number): Promise<void> {
    const waves = await wavesSince(sinceMs);
    for (const { id, wrong } of made) {
      if (wrong !== undefined) assert.ok((waves.get(id) ?? 0) <= 1, `${id} (${wrong})`);
    }
    for (const [rule, proxies] of denied()) {
      assert.ok(proxies.size <= 1, `${rule} at ${[...proxies].join()}`);
    }
  }
  async function proxiesHave(rule: string): Promise<void> {
    for (const callee of callees) {
      const dump = await mesh.admin(callee, '/config_dump');
      assert.doesNotMatch(dump, /harm-\d/);
      assert.ok(dump.includes(rule), `${rule} is not at ${callee}`);
    }
    for (const caller of ['web-v1', 'web-v2']) {
      assert.doesNotMatch(await mesh.admin(caller, '/config_dump'), /0\.001s/);
      const { status } = await mesh.ask(caller, 'api', 'GET', '/');
      assert.equal(status, 200);
    }
  }

  it('each bad one is mended by the next: the last good one is what all have', async () => {
    const sinceMs = Date.now();
    let last = apiFile(0, undefined);
    let number = 0;
    const made = await paced(101, async (index) => {
      const isBad = index % 10 === 9;
      if (isBad) {
        const wrong = wrongs[Math.floor(index / 10) % wrongs.length];
        return { id: await bad(wrong), wrong, reverted: true };
      }
      if (index > 0 && index % 10 === 0) {
        const message = `Revert step ${change}\n\nThis reverts commit ${head()}.`;
        return { id: await commit(last, message), wrong: undefined, reverted: false };
      }
      const id = await good();
      number = change;
      last = apiFile(change, undefined);
      return { id, wrong: undefined, reverted: false };
    });
    const status = await atRest();
    assert.equal(status.commit, head());
    assert.equal(mesh.git('show', 'HEAD:services/api.yaml'), last);
    await proxiesHave(`step-${number}`);
    await everyoneEnds(made);
    await noneWentFurther(made, sinceMs);
  });

  it('a bad one that stays beneath takes all on top of it back', async () => {
    const sinceMs = Date.now();
    const base = mesh.git('show', 'HEAD:services/api.yaml');
    const [rule = ''] = /step-\d+/.exec(base) ?? [];
    const made = await paced(40, async (index) => {
      if (index === 10) return { id: await bad('denies'), wrong: 'denies', reverted: false };
      if (index < 10) return { id: await good(), wrong: undefined, reverted: false };
      change += 1;
      const text = apiFile(change, 'denies').replace(`harm-${change}`, 'harm-0');
      return { id: await commit(text, 'on top'), wrong: 'denies', reverted: false };
    });
    await atRest();
    assert.equal(mesh.git('show', 'HEAD:services/api.yaml'), base);
    await proxiesHave(rule);
    await everyoneEnds(made);
    await noneWentFurther(made, sinceMs);
  });

  it('a branch that is put back and forth between a good one and a bad one ends where it was put last', async () => {
    const sinceMs = Date.now();
    const first = head();
    const [rule = ''] = /step-\d+/.exec(mesh.git('show', 'HEAD:services/api.yaml')) ?? [];
    const second = await bad('denies');
    for (let turn = 0; turn < 8; turn += 1) {
      await delay(turn % 3 === 2 ? 900 : 250);
      await resetTo(turn % 2 === 0 ? first : second);
    }
    await delay(600);
    await resetTo(first);
    let last = '';
    await eventually(
      async () => {
        const { warnings, refused, commit: running } = await atRest();
        const odd = warnings.filter(({ code }) => /^CH(42|53)/.test(code));
        last = JSON.stringify({ running, refused, odd });
        return running === first && refused === undefined && odd.length === 0;
      },
      10_000,
      () => `nothing is to be said any more: ${last}`,
    );
    await proxiesHave(rule);
    assert.equal((await waited(first, performance.now() + 20_000)).code, 0);
    assert.equal((await waited(second, performance.now() + 20_000)).code, 2);
    await noneWentFurther([{ id: second, wrong: 'denies', reverted: false }], sinceMs);
  });
});
