import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommitReply, CommitVerdict, Rollout } from '../client/gen/api.ts';
import { next, type Step } from './wait-step.ts';

const commit = 'c2c2c2c2c2c2';
const newer = 'c3c3c3c3c3c3';
const finding = { code: 'CH4206', severity: 'error', message: 'it takes away' } as const;

function verdictOf(id: string, verdict: object, liveMs?: number): CommitVerdict {
  const rest = { subject: 's', seenMs: 0, gates: [], sources: {}, liveMs };
  return { commit: id, ...rest, verdict } as unknown as CommitVerdict;
}

const accepted = { kind: 'accepted', atMs: 1, warnings: [] };
const refused = { kind: 'refused', atMs: 1, findings: [finding] };
const superseded = { kind: 'superseded', atMs: 1, by: newer };

const reply = {
  verdict: verdictOf(commit, accepted, 600),
  ...{ running: { commit, subject: 's' }, live: true, carried: 'contained' },
  proxies: { inSync: 7, total: 7, behind: [], converging: 0 },
} as unknown as CommitReply;

/** Another one runs. */
const replaced = { ...reply, running: { commit: newer, subject: 't' } };

function rollout(state: Rollout['state'], id = commit): Rollout {
  const waves = [['web-1', 'api-1'], ['web-2']];
  return { commit: id, subject: 's', base: 'c1c1c1c1c1c1', startedMs: 0, waves, state } as Rollout;
}

const pushing = (wave = 0, id = commit) => rollout({ kind: 'pushing', wave, sinceMs: 0 }, id);
const live = (id = commit) => rollout({ kind: 'live', sinceMs: 0 }, id);

/** The code and what is said last, or what is waited for. */
function ends(given: CommitReply): readonly [code: number, text: string] | string {
  return endOf(next(given, commit));
}

function endOf(step: Step): readonly [code: number, text: string] | string {
  if ('waitsFor' in step) return step.waitsFor;
  const lines: string[] = [];
  const out = (line: string) => lines.push(line);
  const findings = (all: readonly { readonly code: string }[]) =>
    out(all.map(({ code }) => code).join());
  step.end('', { out, findings, width: Number.POSITIVE_INFINITY } as never);
  return [step.code, lines.join('\n')];
}

describe('waiting for a commit', () => {
  it('all have it, and it is waited on for as long as it may be taken back for what it does', () => {
    const watching = rollout({ kind: 'watching', wave: 1, sinceMs: 0 });
    assert.equal(
      ends({ ...reply, runningRollout: watching }),
      'c2c2c2c2c2c2 is accepted; 3 of the 3 proxies that it changes have it; wave 2 of 2 is watched',
    );
    const halted = rollout({ kind: 'halted', wave: 0, sinceMs: 0, by: 'ann' });
    assert.match(
      String(ends({ ...reply, runningRollout: halted })),
      /halted at wave 1 of 2 by ann$/,
    );
    const said = [0, 'c2c2c2c2c2c2 is live on 7 of 7 proxies in 0.6 s'];
    assert.deepEqual(ends({ ...reply, runningRollout: live() }), said);
    // One of before a restart, and the first of all, have none.
    assert.deepEqual(ends(reply), said);
  });

  it('proxies whose wave has not come are not counted as having it', () => {
    const proxies = { inSync: 6, total: 7, behind: ['api-1'], converging: 1 };
    const given = { ...reply, live: false, proxies, runningRollout: pushing() };
    assert.equal(
      ends(given),
      'c2c2c2c2c2c2 is accepted; 0 of the 3 proxies that it changes have it; wave 1 of 2 is taking it: api-1',
    );
    assert.match(
      String(ends({ ...given, runningRollout: pushing(1) })),
      /; 2 of the 3 .* wave 2 of 2/,
    );
  });

  it('where all have it and take endpoints that it brought, a moment is waited and no more', () => {
    const proxies = { inSync: 4, total: 7, behind: ['web-1', 'web-2', 'api-1'], converging: 3 };
    const step = next({ ...reply, proxies, runningRollout: live() }, commit);
    assert.equal(endOf(step), 'c2c2c2c2c2c2 is live; 3 of 7 proxies are taking what changed since');
    assert.ok('waitsFor' in step && step.inAMoment !== undefined && 'end' in step.inAMoment);
    assert.deepEqual(endOf(step.inAMoment), [
      0,
      'c2c2c2c2c2c2 is live on 4 of 7 proxies in 0.6 s; not in sync: web-1, web-2, api-1',
    ]);
    // Who is away is not waited for.
    const away = { inSync: 6, total: 7, behind: ['web-1'], converging: 0 };
    assert.match(String(ends({ ...reply, proxies: away })), /^0,.*not in sync: web-1$/);
  });

  it('one that was taken back is no success, and what runs in its place is said', () => {
    const branch = { kind: 'written', commit: newer, filesLeft: false } as const;
    const state = { kind: 'taken-back', sinceMs: 0, reason: 'web-1 hurts', branch } as const;
    assert.deepEqual(ends({ ...replaced, carried: 'reverted', rollout: rollout(state) }), [
      2,
      'c2c2c2c2c2c2 was taken back: web-1 hurts; on the branch it is taken back by c3c3c3c3c3c3\n' +
        'c3c3c3c3c3c3 is live on 7 of 7 proxies',
    ]);
  });

  it('one that was refused ends with 2, and what goes on is said', () => {
    const [code, text] = ends({ ...replaced, verdict: verdictOf(commit, refused) });
    assert.equal(code, 2);
    assert.match(String(text), /^CH4206\nrefused: c2.*\nc3c3c3c3c3c3 is live on 7 of 7 proxies$/);
  });
});

describe('waiting for a commit that another one has replaced', () => {
  it('it was live: the one that is live has what it changed', () => {
    const said = [0, 'c2c2c2c2c2c2 is in c3c3c3c3c3c3, which is live on 7 of 7 proxies'];
    assert.deepEqual(ends({ ...replaced, rollout: live(), runningRollout: live(newer) }), said);
    // After a restart nothing is known of rollouts.
    assert.deepEqual(ends(replaced), said);
  });

  it('it was live: it still is while the newer one is on its way', () => {
    const onItsWay = { ...replaced, live: false, runningRollout: pushing(0, newer) };
    const given = { ...onItsWay, rollout: live(), carriedByBase: 'contained' } as const;
    const [code, text] = ends(given);
    assert.equal(code, 0);
    assert.match(
      String(text),
      /^c2c2c2c2c2c2 is live; c3c3c3c3c3c3, which contains it, is accepted; 0 of the 3/,
    );
  });

  it('it was live, and what ran since has it not: the newer one, which brings it back, is waited for', () => {
    const onItsWay = { ...replaced, live: false, runningRollout: pushing(0, newer) };
    const given = { ...onItsWay, rollout: live(), carriedByBase: 'missing' } as const;
    assert.match(String(ends(given)), /^c2c2c2c2c2c2 is in c3c3c3c3c3c3, which is accepted; 0 of/);
  });

  it('it never was live: the newer one is waited for, and is what is live', () => {
    const verdict = verdictOf(commit, superseded);
    const successor = verdictOf(newer, accepted);
    const given = { ...replaced, verdict, successor, rollout: pushing() };
    const onItsWay = { ...given, live: false, runningRollout: pushing(1, newer) };
    assert.match(
      String(ends(onItsWay)),
      /^c2c2c2c2c2c2 is in c3c3c3c3c3c3, which is accepted; 2 of the 3/,
    );
    assert.deepEqual(ends({ ...given, runningRollout: live(newer) }), [
      0,
      'c2c2c2c2c2c2 is in c3c3c3c3c3c3, which is live on 7 of 7 proxies',
    ]);
  });

  it('the newer one is being checked, or nothing is known of it yet: it is waited for', () => {
    const verdict = verdictOf(commit, superseded);
    const base = { ...reply, verdict, running: { commit: 'c1c1c1c1c1c1', subject: 'r' } };
    const missing = { ...base, carried: 'missing' as const };
    const successor = verdictOf(newer, { kind: 'checking' });
    assert.equal(
      ends({ ...missing, successor }),
      'c2c2c2c2c2c2 was superseded by c3c3c3c3c3c3, which is being checked',
    );
    assert.equal(ends(missing), 'c2c2c2c2c2c2 was superseded by c3c3c3c3c3c3');
  });

  it('the newer one is refused, taken back or waits for approval: so does this one', () => {
    const base = { ...reply, running: { commit: 'c1c1c1c1c1c1', subject: 'r' } };
    const missing = { ...base, carried: 'missing' as const, rollout: pushing() };
    for (const [kind, word] of [
      ['refused', 'refused'],
      ['waiting', 'waits for approval'],
    ] as const) {
      const successor = verdictOf(newer, { kind, atMs: 1, findings: [finding] });
      const [code, text] = ends({ ...missing, verdict: verdictOf(commit, superseded), successor });
      assert.equal(code, 2);
      const first = '^c2c2c2c2c2c2 was superseded by c3c3c3c3c3c3\nCH4206\n';
      assert.match(String(text), new RegExp(`${first}${word}: c3.*c1c1c1c1c1c1 is live on 7`, 's'));
    }
  });

  it('its change was taken out again: that is no success, once it is live', () => {
    const reverted = { ...replaced, carried: 'reverted' as const };
    assert.deepEqual(ends(reverted), [
      2,
      'c2c2c2c2c2c2 is taken out again: c3c3c3c3c3c3 is live on 7 of 7 proxies, without what it changed',
    ]);
    const given = { ...reverted, live: false, runningRollout: pushing(0, newer) };
    assert.match(
      String(ends(given)),
      /^c2c2c2c2c2c2 is not what runs: c3c3c3c3c3c3 is accepted; 0 of/,
    );
  });

  it('what runs does not stand on it, or nobody can tell: that is no success', () => {
    assert.deepEqual(ends({ ...replaced, carried: 'missing' }), [
      2,
      'c2c2c2c2c2c2 does not run: c3c3c3c3c3c3 is live on 7 of 7 proxies, and does not contain it',
    ]);
    // A replica that follows hears of the verdict first.
    assert.match(
      String(ends({ ...replaced, carried: 'missing', live: false })),
      /^c2.*is accepted;/,
    );
    const { carried: _, ...unknown } = replaced;
    const [code, text] = ends(unknown);
    assert.equal(code, 1);
    assert.match(String(text), /^c3c3c3c3c3c3 is live on .*; whether it has what c2c2c2c2c2c2/);
  });
});

describe('waiting for a commit that was never read', () => {
  const place = { follows: 'main of hub', standing: 'beneath', head: newer } as const;
  const { verdict: _, ...unread } = replaced;

  it('it is in the newest: that one is waited for, and decides', () => {
    assert.deepEqual(ends({ ...unread, place }), [
      0,
      'c2c2c2c2c2c2 is in c3c3c3c3c3c3, which is live on 7 of 7 proxies',
    ]);
    const base = { ...unread, place, running: { commit: 'c1c1c1c1c1c1', subject: 'r' } };
    const missing = { ...base, carried: 'missing' as const };
    const checking = verdictOf(newer, { kind: 'checking' });
    assert.equal(
      ends({ ...missing, successor: checking }),
      'c2c2c2c2c2c2 is in c3c3c3c3c3c3, which is being checked',
    );
    const [code, text] = ends({ ...missing, successor: verdictOf(newer, refused) });
    assert.equal(code, 2);
    assert.match(String(text), /^c2c2c2c2c2c2 is in c3c3c3c3c3c3\nCH4206\nrefused: c3/);
  });

  it('it is elsewhere: it does not come, if that lasts', () => {
    const { carried: _carried, ...unknown } = unread;
    const step = next({ ...unknown, place: { ...place, standing: 'elsewhere' } }, commit);
    assert.ok('waitsFor' in step && step.inAMoment !== undefined && 'code' in step.inAMoment);
    assert.equal(step.inAMoment.code, 'CH4213');
  });

  it('it is beneath what is not read yet: that is waited for, however long it is in line', () => {
    const { carried: _carried, successor: _successor, ...unknown } = unread;
    const step = next({ ...unknown, place }, commit);
    assert.ok('waitsFor' in step && step.inAMoment === undefined);
    assert.match(
      step.waitsFor,
      /^c2c2c2c2c2c2 is beneath what is about to be read: main of hub is at c3/,
    );
  });
});
