import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ChanceryError } from '../src/base/error.ts';
import { callApi } from '../src/serve/api/client.ts';
import {
  type CaReply,
  type HostsReply,
  type JoinTokenReply,
  paths,
  type StatusReply,
} from '../src/serve/api/wire.ts';
import type { BreakglassReply, BreakglassStepReply } from '../src/serve/api/wire-breakglass.ts';
import type { CommitReply, CommitVerdict } from '../src/serve/api/wire-gate.ts';
import type { IntentReply } from '../src/serve/api/wire-intent.ts';
import { LoneAgent } from './support/control-plane.ts';
import { noPostgres } from './support/postgres.ts';
import { type ReplicaProcess, ReplicatedMesh } from './support/replicated-mesh.ts';
import { eventually } from './support/running-mesh.ts';

const leaderOf = ({ replicas }: StatusReply) =>
  replicas.find(({ leadsSinceMs }) => leadsSinceMs !== undefined);

describe('control planes on one PostgreSQL, without proxies', {
  skip: noPostgres() ?? false,
}, () => {
  const mesh = new ReplicatedMesh();
  let leader: ReplicaProcess;
  let follower: ReplicaProcess;
  before(async () => {
    await mesh.start(2);
    const [first = assert.fail()] = mesh.replicas;
    const isUp = (reply: StatusReply): boolean =>
      reply.replicas.length === 2 && leaderOf(reply) !== undefined;
    const status = await mesh.until(first, 'both up, and one leads', isUp);
    leader = mesh.replicas.find(({ name }) => name === leaderOf(status)?.name) ?? assert.fail();
    follower = mesh.replicas.find((one) => one !== leader) ?? assert.fail();
    await mesh.until(follower, 'serving', (reply) => reply.commit !== '' && isUp(reply));
  });
  let agent: LoneAgent | undefined;
  after(async () => {
    await agent?.kill();
    await mesh.stop();
  });

  const ask = <Reply>(at: ReplicaProcess, path: string, body?: unknown): Promise<Reply> =>
    callApi(at.layout.controlSocket, {
      ...{ method: body === undefined ? 'GET' : 'POST', path },
      ...(body === undefined ? {} : { body }),
    }) as Promise<Reply>;
  const codeOf = async (asked: Promise<unknown>): Promise<string> => {
    const error = await asked.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    return error instanceof ChanceryError ? error.code : assert.fail(String(error));
  };

  /** Its agent follows one of the control planes, and has told it that all is well. */
  const connected = (at: ReplicaProcess): Promise<void> =>
    eventually(
      async () => {
        const { hosts } = await ask<HostsReply>(at, paths.hosts);
        return hosts.some((one) => one.connections === 1 && one.health?.canRenew === true);
      },
      20_000,
      () => `web-1 is not connected, as ${at.name} says:\n${agent?.output}`,
    );

  it('of a commit that nobody read, one that follows says the same as the one that leads', async () => {
    mesh.git('commit', '--quiet', '--allow-empty', '-m', 'never the newest');
    const between = mesh.git('rev-parse', 'HEAD').trim();
    const newest = mesh.push('services/payments.yaml', (text) => `${text}# more\n`);
    for (const one of [leader, follower]) {
      let last: CommitReply | undefined;
      await eventually(
        async () => {
          last = await ask<CommitReply>(one, `${paths.verdicts}/${between}`);
          return last.running?.commit === newest && last.carried === 'contained';
        },
        10_000,
        () => JSON.stringify(last),
      );
      assert.equal(last?.place?.standing, 'beneath');
    }
  });

  it('a step of the CA that is asked for at one that follows is taken by the one that leads, and all know it', async () => {
    const step = { step: 'prepare', what: 'intermediate', driven: 'hand', by: 'ann' };
    const { rotation, sequence } = await ask<CaReply>(follower, paths.caSteps, step);
    assert.equal(rotation.kind, 'prepared');
    for (const one of mesh.replicas) {
      await eventually(
        async () => {
          const there = await ask<CaReply>(one, paths.ca);
          return there.sequence === sequence && there.rotation.kind === 'prepared';
        },
        5_000,
        () => `${one.name} does not know the step`,
      );
    }
    await ask<CaReply>(follower, paths.caSteps, { step: 'abandon', by: 'ann' });
  });

  it('a refusal of the one that leads comes through as it is', async () => {
    const refresh = { trustDomain: 'nobody.test' };
    assert.equal(await codeOf(ask(follower, paths.federationRefresh, refresh)), 'CH3206');
    const approval = { commit: 'ffffff', by: 'ann' };
    assert.equal(await codeOf(ask(follower, paths.approvals, approval)), 'CH4212');
  });

  it('a commit that is refused or waits is known at each, and is approved at any', async () => {
    const broken = mesh.push('services/reports.yaml', (text) => `${text}\nnonsense: 1\n`);
    for (const one of mesh.replicas) {
      await mesh.until(one, 'refused', ({ refused }) => refused?.commit === broken);
    }
    mesh.push('services/reports.yaml', (text) => text.replace('\nnonsense: 1\n', ''));
    for (const one of mesh.replicas) {
      await mesh.until(
        one,
        'mended',
        ({ refused, commit }) => refused === undefined && commit !== '',
      );
    }
  });

  it('a host that joins at one is known at each, wherever it is connected', async () => {
    const token = { host: 'web-1', ttlSeconds: 600, replaces: false, by: 'ann' };
    const made = await ask<JoinTokenReply>(follower, paths.joinTokens, token);
    agent = new LoneAgent(join(mesh.dir, 'web-1'), leader.agentPort);
    writeFileSync(agent.tokenFile, made.token);
    const roots = made.rootSha256.flatMap((root) => ['--root', root]);
    agent.start('--server', `127.0.0.1:${follower.agentPort}`, ...roots);
    for (const one of mesh.replicas) await connected(one);
  });

  it('access beside Git is granted at any, is live on hosts of each, and all know it', async () => {
    const wanted = { who: 'storefront', callee: 'payments', forMs: 600_000, reason: 'INC-1' };
    const said = await ask<BreakglassStepReply>(follower, paths.breakglass, wanted);
    const { id, by } = said.grant;
    assert.equal(by, `uid ${process.getuid?.()}`);
    const { live, hosts, tookMs } = said.reach ?? assert.fail();
    assert.deepEqual([live, hosts], [1, 1]);
    assert.ok(tookMs < 1_000, `it took ${tookMs} ms`);
    for (const one of mesh.replicas) {
      await mesh.until(one, 'granted', ({ warnings }) =>
        warnings.some(({ code, message }) => code === 'CH4231' && message.includes(id)),
      );
      const { grants = [] } = await ask<IntentReply>(one, paths.intent);
      assert.deepEqual(
        grants.map((grant) => grant.id),
        [id],
      );
    }
    assert.equal(await codeOf(ask(follower, `${paths.breakglass}/${id}/approve`, {})), 'CH4234');
    const ended = await ask<BreakglassStepReply>(follower, `${paths.breakglass}/${id}/revoke`, {});
    assert.deepEqual([ended.grant.state.kind, ended.reach?.live], ['revoked', 1]);
    for (const one of mesh.replicas) {
      await mesh.until(one, 'revoked', ({ warnings }) => warnings.length === 0);
      const { grants } = await ask<BreakglassReply>(one, paths.breakglass);
      assert.equal(grants[0]?.grant.state.kind, 'revoked');
    }
  });

  it('the one that leads goes down: another leads at once, from what is in the store', async () => {
    const { commit } = (await follower.status()) ?? assert.fail();
    await leader.end('SIGTERM');
    const startedMs = performance.now();
    const status = await mesh.until(
      follower,
      'led anew',
      (reply) => leaderOf(reply)?.isThis === true,
    );
    assert.ok(performance.now() - startedMs < 4_000, 'it waited for the lease to end');
    assert.equal(status.commit, commit);
    const next = mesh.push('services/reports.yaml', (text) => `${text}\n# 1\n`);
    await mesh.live(follower, next);
    const verdict = await ask<{ verdict: CommitVerdict }>(follower, `${paths.verdicts}/${next}`);
    assert.equal(verdict.verdict.verdict.kind, 'accepted');
    await connected(follower);
    leader.start();
    await mesh.until(
      leader,
      'back',
      (reply) => reply.commit === next && reply.replicas.length === 2,
    );
  });

  it('while none leads, what only a leader may do is refused with the reason, and all else is answered', async () => {
    await mesh.postgres.kill();
    await mesh.until(follower, 'away said', ({ warnings }) =>
      warnings.some(({ code }) => code === 'CH5453'),
    );
    await mesh.until(follower, 'led no more', (reply) => leaderOf(reply) === undefined);
    const step = { step: 'prepare', driven: 'hand', by: 'ann' };
    for (const one of mesh.replicas) {
      assert.equal(await codeOf(ask(one, paths.caSteps, step)), 'CH5451');
    }
    assert.equal((await ask<CaReply>(follower, paths.ca)).rotation.kind, 'none');
    await mesh.postgres.start();
    for (const one of mesh.replicas) {
      await mesh.until(
        one,
        'back by itself',
        (reply) => leaderOf(reply) !== undefined && reply.warnings.length === 0,
      );
    }
  });
});
