import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertHolds,
  assertPruned,
  companyUpstream,
  dayMs,
  hourMs,
  startMs,
  svidTtlSeconds,
  World,
  withHosts,
} from '../../test/support/ca-world.ts';
import { type CompanyCa, companyCa } from '../identity/company-ca.fixture.ts';

/** Every three hours, with hosts that are away for up to three weeks. Counts the roots that were trusted. */
async function live(world: World, days: number, each?: (day: number) => Promise<void>) {
  const roots = new Set<string>();
  let seed = 7;
  const below = (limit: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  const endMs = world.nowMs + days * dayMs;
  for (let hour = 0; world.nowMs < endMs; hour += 3) {
    if (hour % 24 === 0) await each?.(hour / 24);
    if (below(600) === 0) await world.boot();
    for (const one of world.hosts.values()) {
      if (world.nowMs >= one.awayUntilMs && below(500) === 0) {
        one.awayUntilMs = world.nowMs + below(21) * dayMs;
      }
    }
    await world.report();
    const issued = world.issue();
    assert.ok(issued.ok, `nothing signs at ${new Date(world.nowMs).toISOString()}`);
    assertHolds(world, issued.value.chainPem);
    const leftMs = issued.value.notAfterMs - world.nowMs;
    assert.equal(leftMs, svidTtlSeconds * 1_000, 'a certificate is cut short by its issuer');
    assertPruned(world);
    const { createdMs, intermediate } = world.authority.state.active;
    const lifeMs = intermediate.notAfterMs - createdMs;
    assert.ok(lifeMs >= 50 * dayMs - 1_000, 'an intermediate is cut short by its root');
    for (const root of world.authority.news.bundle.x509Roots) roots.add(root);
    await world.pass(3 * hourMs);
  }
  return roots;
}

describe('the schedule of the CA over two years', () => {
  it('always signs, never beyond its issuer, and drops roots that have ended', async () => {
    const world = withHosts(new World());
    await world.boot();
    const roots = await live(world, 730);
    assert.ok(roots.size >= 3 && roots.size <= 6, `${roots.size} roots in two years`);
    assert.deepEqual(world.ca.findings, []);
  });

  it('with lifetimes of days, which change on the way', async () => {
    const world = withHosts(new World());
    world.lifetimes = { rootTtlSeconds: 120 * 86_400, intermediateTtlSeconds: 50 * 86_400 };
    await world.boot();
    await live(world, 365, async (day) => {
      if (day === 200) {
        world.lifetimes = { rootTtlSeconds: 300 * 86_400, intermediateTtlSeconds: 60 * 86_400 };
      }
    });
  });

  it("below a company's CA, which changes its root", async () => {
    const world = withHosts(new World());
    const roots = [startMs, startMs + 300 * dayMs].map((nowMs) => companyCa({ nowMs, days: 600 }));
    const current = () => roots[world.nowMs < startMs + 301 * dayMs ? 0 : 1] as CompanyCa;
    world.upstream = companyUpstream(current, world);
    await world.boot();
    const seen = await live(world, 365);
    assert.deepEqual(
      [...seen],
      roots.map(({ der }) => Buffer.from(der).toString('base64')),
    );
  });

  it('a rotation that a person began and left moves by itself before what signs has ended', async () => {
    const world = withHosts(new World());
    await world.boot();
    await world.ca.step({ step: 'prepare', driven: 'hand', by: 'test' });
    // Before the time in which it would wait for nobody.
    await live(world, 80);
    assert.equal(world.authority.state.rotation.kind, 'none');
  });

  it('does not wait for ever for a host that does not come back', async () => {
    const world = withHosts(new World());
    await world.boot();
    world.hosts.set('gone', { awayUntilMs: Number.MAX_SAFE_INTEGER, issuerKeyId: '' });
    await live(world, 200);
  });
});
