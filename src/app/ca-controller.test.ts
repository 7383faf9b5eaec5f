import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertHolds,
  assertPruned,
  companyUpstream,
  dayMs,
  hourMs,
  startMs,
  trustDomain,
  World,
  withHosts,
} from '../../test/support/ca-world.ts';
import { systemRandom as random } from '../base/random.ts';
import { ok } from '../base/result.ts';
import { companyCa } from '../identity/company-ca.fixture.ts';
import { readCsr } from '../identity/csr.ts';
import { toPem } from '../identity/pem.ts';
import { verifyRootLinks } from '../identity/root-link.ts';

describe('a CA that has ended', () => {
  const steps = ['prepare', 'activate', 'taint'] as const;
  for (const count of [0, 1, 2, 3]) {
    for (const days of [100, 400]) {
      it(`signs at once when it starts ${days} days later, after ${count} steps of a rotation by hand`, async () => {
        const world = withHosts(new World());
        await world.boot();
        for (const step of steps.slice(0, count)) {
          const done = await world.ca.step({ step, driven: 'hand', force: true, by: 'test' });
          assert.ok(done.ok, JSON.stringify(done));
        }
        const known = [...world.authority.news.bundle.x509Roots];
        const rootLinks = () => world.authority.state.rootLinks;
        world.clock.advance(days * dayMs);
        await world.boot();
        const issued = world.issue();
        assert.ok(issued.ok, 'nothing signs');
        assertHolds(world, issued.value.chainPem);
        assertPruned(world);
        assert.deepEqual(world.ca.findings, []);
        assert.equal(world.authority.state.rotation.kind, 'none');
        if (days < 365) return;
        const reached = verifyRootLinks(rootLinks(), {
          ...{ trustDomain, nowMs: world.nowMs, awayMsMax: 90 * dayMs },
          known: known.map((root) => Buffer.from(root, 'base64')),
        });
        assert.ok(reached.ok, JSON.stringify(reached));
        assert.deepEqual(
          reached.value.map((root) => Buffer.from(root).toString('base64')),
          world.authority.news.bundle.x509Roots,
        );
      });
    }
  }

  it('waits for hosts again as soon as what is leaving is good', async () => {
    const world = withHosts(new World());
    await world.boot();
    world.clock.advance(100 * dayMs);
    await world.boot();
    await world.ca.step({ step: 'prepare', driven: 'auto', by: 'test' });
    await world.ca.look();
    assert.equal(world.authority.state.rotation.kind, 'prepared');
    assert.equal(world.ca.reply.waitingFor.length, 3);
  });

  it('does not sign while the clock is behind, and does when it is right again', async () => {
    const world = new World();
    await world.boot();
    const { id } = world.authority.state.active;
    const { store } = world;
    const late = Object.assign(new World(), { store });
    late.clock.advance(-300 * dayMs);
    await late.boot();
    assert.ok(!late.issue().ok);
    assert.deepEqual(
      late.ca.findings.map(({ code }) => code),
      ['CH3014'],
    );
    late.clock.advance(301 * dayMs);
    await late.ca.look();
    assert.ok(late.issue().ok);
    assert.equal(late.authority.state.active.id, id);
  });

  it('that was made by a clock that was ahead is replaced when a person says that the clock is right', async () => {
    const world = new World();
    world.clock.advance(800 * dayMs);
    await world.boot();
    const { store } = world;
    const now = Object.assign(new World(), { store });
    await now.boot();
    assert.ok(!now.issue().ok);
    const done = await now.ca.step({ step: 'prepare', driven: 'auto', by: 'test' });
    assert.ok(done.ok);
    await now.ca.look();
    const issued = now.issue();
    assert.ok(issued.ok);
    assertHolds(now, issued.value.chainPem);
    assert.equal(now.authority.state.rotation.kind, 'none');
  });
});

describe("a company's CA by files", () => {
  const root = companyCa({ nowMs: startMs, days: 3_650 });

  async function requested(world: World, days = 90) {
    const request = await world.ca.request({ by: 'test', replace: false });
    assert.ok(request.ok, JSON.stringify(request));
    const csr = readCsr(request.value.csrDer);
    assert.ok(csr.ok);
    const { publicKeySpki } = csr.value;
    const signed = companyCa({ issuer: root, nowMs: world.nowMs, days, publicKeySpki });
    const certificatesDer = [signed.der];
    return { certificatesDer, rootsDer: [root.der], privateKeyPem: undefined };
  }

  it('a request survives the control plane, and another one replaces it only when that is said', async () => {
    const world = new World();
    await world.boot();
    const given = await requested(world);
    await world.boot();
    const second = await world.ca.request({ by: 'other', replace: false });
    assert.ok(!second.ok && second.error.code === 'CH3016');
    const done = await world.ca.import(given, { by: 'test', driven: 'hand' });
    assert.ok(done.ok, JSON.stringify(done));
    assert.equal(done.value.rotation.kind, 'prepared');
    assert.equal(world.ca.reply.request, undefined);
    const replaced = await world.ca.request({ by: 'other', replace: false });
    assert.ok(replaced.ok);
  });

  it('what was signed for a request that was replaced is refused', async () => {
    const world = new World();
    await world.boot();
    const given = await requested(world);
    assert.ok((await world.ca.request({ by: 'test', replace: true })).ok);
    const done = await world.ca.import(given, { by: 'test', driven: 'hand' });
    assert.ok(!done.ok && done.error.code === 'CH3013');
    assert.match(done.error.notes?.join() ?? '', /none of the certificates is for the key/);
  });

  it('an import goes through the gates, and its root into the bundle', async () => {
    const world = withHosts(new World());
    await world.boot();
    await world.report();
    const done = await world.ca.import(await requested(world), { by: 'test', driven: 'auto' });
    assert.ok(done.ok, JSON.stringify(done));
    await world.ca.look();
    assert.equal(world.authority.state.rotation.kind, 'prepared');
    for (let hour = 0; hour < 3; hour += 1) {
      await world.report();
      await world.pass(hourMs);
    }
    const state = world.authority.state;
    assert.equal(state.rotation.kind, 'none');
    assert.deepEqual(world.authority.news.bundle.x509Roots, [
      Buffer.from(root.der).toString('base64'),
    ]);
    const issued = world.issue();
    assert.ok(issued.ok);
    assertHolds(world, issued.value.chainPem);
    assert.equal(state.rootLinks.length, 1, 'our own root says what comes after it');
  });

  it('cannot be renewed by schedule: the warning comes at a third of its life, with the commands', async () => {
    const world = new World();
    await world.boot();
    await world.ca.import(await requested(world), { by: 'test', driven: 'auto' });
    await world.ca.look();
    await world.pass(59 * dayMs);
    assert.equal(world.ca.findings.length, 0);
    await world.pass(2 * dayMs);
    const { findings } = world.ca;
    assert.equal(findings.length, 1);
    const [warning] = findings;
    assert.equal(warning?.code, 'CH3011');
    assert.match(warning?.help ?? '', /ca request DIR --out FILE.*ca import DIR --chain FILE/);
    const refused = await world.ca.step({ step: 'prepare', by: 'test' });
    assert.ok(!refused.ok);
    assert.match(refused.error.help ?? '', /ca request/);
  });

  it('takes effect at once when it has ended', async () => {
    const world = withHosts(new World());
    await world.boot();
    await world.report();
    await world.ca.import(await requested(world), { by: 'test', driven: 'auto' });
    await world.report();
    await world.report();
    world.clock.advance(200 * dayMs);
    await world.boot();
    assert.ok(!world.issue().ok);
    assert.deepEqual(
      world.ca.findings.map(({ code }) => code),
      ['CH3014', 'CH3012'],
    );
    const done = await world.ca.import(await requested(world), { by: 'test', driven: 'auto' });
    assert.ok(done.ok, JSON.stringify(done));
    await world.ca.look();
    const issued = world.issue();
    assert.ok(issued.ok);
    assertHolds(world, issued.value.chainPem);
    assert.equal(world.authority.state.rotation.kind, 'none');
  });

  it('may hand out the key as well, but not the one that signs already', async () => {
    const world = new World();
    await world.boot();
    const made = companyCa({ issuer: root, nowMs: world.nowMs, days: 90 });
    const privateKeyPem = made.key.export({ type: 'pkcs8', format: 'pem' }).toString();
    const given = { certificatesDer: [made.der], rootsDer: [root.der], privateKeyPem };
    assert.ok((await world.ca.import(given, { by: 'test', driven: 'auto' })).ok);
    await world.ca.look();
    assert.ok(world.issue().ok);
    const again = await world.ca.import(given, { by: 'test', driven: 'auto' });
    assert.ok(!again.ok);
    assert.match(again.error.notes?.join() ?? '', /needs a new key/);
    const broken = { ...given, privateKeyPem: toPem('PRIVATE KEY', random.bytes(40)) };
    assert.ok(!(await world.ca.import(broken, { by: 'test', driven: 'auto' })).ok);
  });

  it('is left for a root of our own only when that is said', async () => {
    const world = new World();
    await world.boot();
    await world.ca.import(await requested(world), { by: 'test', driven: 'auto' });
    await world.ca.look();
    assert.ok(!(await world.ca.step({ step: 'prepare', what: 'root', by: 'test' })).ok);
    assert.ok((await world.ca.step({ step: 'prepare', what: 'own-root', by: 'test' })).ok);
  });
});

describe("a company's CA that is plugged in", () => {
  it('takes over a mesh that had a root of its own, through the gates', async () => {
    const world = withHosts(new World());
    await world.boot();
    const root = companyCa({ nowMs: startMs, days: 3_650 });
    world.upstream = companyUpstream(() => root, world);
    await world.boot();
    assert.equal(world.authority.state.rotation.kind, 'prepared');
    for (let hour = 0; hour < 4; hour += 1) {
      await world.report();
      await world.pass(hourMs);
    }
    assert.deepEqual(world.authority.news.bundle.x509Roots, [
      Buffer.from(root.der).toString('base64'),
    ]);
  });

  it('that does not sign is said, and what signs goes on; it is asked again', async () => {
    const world = new World();
    const root = companyCa({ nowMs: startMs, days: 3_650 });
    const good = companyUpstream(() => root, world);
    let isBroken = false;
    world.upstream = {
      ...good,
      look: () => (isBroken ? Promise.reject(new Error('the file is gone')) : good.look()),
      sign: (request) => (isBroken ? Promise.reject(new Error('gone')) : good.sign(request)),
    };
    await world.boot();
    const { id } = world.authority.state.active;
    isBroken = true;
    await world.pass(46 * dayMs);
    await world.pass(hourMs);
    assert.deepEqual(
      world.ca.findings.map(({ code }) => code),
      ['CH3015'],
    );
    assert.ok(world.issue().ok);
    isBroken = false;
    for (let hour = 0; hour < 3; hour += 1) await world.pass(hourMs);
    assert.deepEqual(world.ca.findings, []);
    assert.notEqual(world.authority.state.active.id, id);
  });

  it('that gives what does not hold is refused like any import', async () => {
    const world = new World();
    const root = companyCa({ nowMs: startMs, days: 3_650 });
    const good = companyUpstream(() => root, world);
    await world.boot();
    world.upstream = {
      ...good,
      sign: async () =>
        ok({
          certificatesDer: [companyCa({ issuer: root, nowMs: startMs }).der],
          rootsDer: [root.der],
        }),
    };
    await world.boot();
    const done = await world.ca.step({ step: 'prepare', by: 'test' });
    assert.ok(!done.ok && done.error.code === 'CH3015');
    assert.match(done.error.message, /none of the certificates is for the key/);
  });
});
