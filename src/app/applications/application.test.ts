import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../../test/xds/fake-clock.ts';
import type { ProbeResult } from '../../agent/health.ts';
import { type WorkloadId, workloadIdOf } from '../../compile/inventory.ts';
import type { HealthCheck, ServiceName, VersionName } from '../../model/types.ts';
import type { Child, ChildSpec, ChildState } from '../child.ts';
import type { PlannedWorkload } from '../host-plan.ts';
import { Application } from './application.ts';

const spare = 15_201;
const own = 8_000;

/** A process that is started, ends and writes as the test says. */
interface FakeChild extends Child {
  state: ChildState;
  output: string;
  readonly port: number;
  end(reason: string, output?: string): void;
}

function fixture() {
  const clock = new FakeClock();
  const children: FakeChild[] = [];
  /** Ports on which a health check passes. */
  const healthy = new Set<number>();
  let isTold = true;
  const application = new Application(planned('old', 'c1'), {
    clock,
    spec: ({ command }, port) =>
      ({ name: '', command: [...command, String(port)] }) as unknown as ChildSpec,
    createChild: (spec, { onChange }) => {
      const child: FakeChild = {
        ...{ spec, state: { kind: 'stopped' }, output: '', port: Number(spec.command.at(-1)) },
        start: () => move({ kind: 'running', pid: 1, sinceMs: 0 }),
        stop: async () => move({ kind: 'stopped' }),
        end: (reason, output = '') => {
          child.output = output;
          move({ kind: 'waiting', reason, restarts: 1, retryAtMs: 0 });
        },
      };
      const move = (state: ChildState): void => {
        const before = child.state;
        child.state = state;
        onChange(child, before);
      };
      children.push(child);
      return child;
    },
    probe: async (check: HealthCheck, port): Promise<ProbeResult> =>
      healthy.has(port) && !('path' in check && check.path === '/nowhere')
        ? { ok: true }
        : { ok: false, reason: 'refused' },
    isTold: async () => isTold,
    onChild: () => {},
    onChange: () => {},
    freePort: (wish) => wish ?? spare,
  });
  const pass = async (ms = 200): Promise<void> => {
    for (let passedMs = 0; passedMs <= ms; passedMs += 100) {
      clock.advance(100);
      await new Promise((done) => setImmediate(done));
    }
  };
  const up = async (): Promise<void> => {
    application.start();
    healthy.add(own);
    await pass();
    assert.deepEqual([application.state.kind, application.port], ['running', own]);
  };
  const tell = (is: boolean): void => {
    isTold = is;
  };
  const child = (index: number): FakeChild => children[index] as FakeChild;
  return { application, children, child, healthy, pass, up, tell };
}

function planned(
  command: string,
  commit: string,
  more: Partial<PlannedWorkload> = {},
): PlannedWorkload {
  const [service, version] = ['web' as ServiceName, 'v1' as VersionName];
  const workload = { id: workloadIdOf(service, version) as WorkloadId, service, version };
  return {
    workload: { ...workload, appPort: own } as PlannedWorkload['workload'],
    ...{
      commit,
      declaredPort: own,
      isPortFixed: false,
      health: undefined,
      command: [command],
      env: new Map(),
    },
    ...more,
  };
}

describe('application of a workload', () => {
  it('another command takes the place of what serves when it is healthy, on a port of its own', async () => {
    const { application, children, child, healthy, pass, up } = fixture();
    await up();
    application.use(planned('new', 'c2'));
    await pass();
    assert.deepEqual([application.state.kind, application.port], ['starting', own]);
    healthy.add(spare);
    await pass();
    assert.deepEqual([application.state.kind, application.port], ['running', spare]);
    await pass(2_000);
    assert.deepEqual(
      children.map(({ state }) => state.kind),
      ['stopped', 'running'],
    );
    // The next one has the port of the first again.
    healthy.delete(own);
    application.use(planned('newer', 'c3'));
    assert.equal(child(2).port, own);
  });

  it('what served is ended only when its proxy sends nothing to it any more', async () => {
    const { application, child, healthy, pass, up, tell } = fixture();
    await up();
    tell(false);
    healthy.add(spare);
    application.use(planned('new', 'c2'));
    await pass(5_000);
    assert.equal(child(0).state.kind, 'running');
    tell(true);
    await pass(2_000);
    assert.equal(child(0).state.kind, 'stopped');
  });

  it('a command that ends at once replaces nothing, and the old one is as it was when it is wanted again', async () => {
    const { application, children, child, pass, up } = fixture();
    await up();
    application.use(planned('bad', 'c2'));
    child(1).end('exited with 1', 'Error: no such module\n    at x.js:1\n');
    const { state, port, commit } = application;
    assert.deepEqual(state, { kind: 'failed', reason: 'exited with 1: Error: no such module' });
    assert.deepEqual([port, commit, child(0).state.kind], [own, 'c2', 'running']);
    assert.equal(child(1).state.kind, 'stopped');
    application.use(planned('old', 'c1'));
    assert.deepEqual([application.state.kind, application.commit], ['running', 'c1']);
    await pass(2_000);
    assert.equal(children.length, 2);
  });

  it('one that is not healthy in time has failed, and is ended', async () => {
    const { application, child, pass, up } = fixture();
    await up();
    application.use(planned('mute', 'c2'));
    await pass(31_000);
    const { state } = application;
    assert.match(state.kind === 'failed' ? state.reason : '', /not healthy within 30 s: refused/);
    assert.deepEqual([child(0).state.kind, child(1).state.kind], ['running', 'stopped']);
  });

  it('only one that insists on the port that is taken is started in place of what serves', async () => {
    const { application, child, pass, up } = fixture();
    await up();
    application.use(planned('fixed', 'c2'));
    child(1).end('exited with 1', 'Error: listen EADDRINUSE: address already in use :::8000');
    assert.equal(application.state.kind, 'restarting');
    await pass();
    assert.deepEqual([child(0).state.kind, child(2).port], ['stopped', own]);
    assert.equal(application.state.kind, 'running');
  });

  it('one whose port is fixed is never tried on another, and the old one is started at once when it fails', async () => {
    const { application, child, pass, up } = fixture();
    await up();
    application.use(planned('alone', 'c2', { isPortFixed: true }));
    await pass(0);
    assert.deepEqual([child(0).state.kind, child(1).port], ['stopped', own]);
    child(1).end('exited with 1');
    assert.equal(application.state.kind, 'failed');
    application.use(planned('old', 'c1', { isPortFixed: true }));
    await pass();
    assert.deepEqual([application.state.kind, child(2).spec.command[0]], ['running', 'old']);
  });

  it('the old command runs again at once where the new one has ended after it came up', async () => {
    const { application, child, healthy, pass, up } = fixture();
    await up();
    healthy.add(spare);
    application.use(planned('new', 'c2'));
    await pass(3_000);
    child(1).end('killed by SIGSEGV');
    assert.deepEqual(application.state, { kind: 'failed', reason: 'killed by SIGSEGV' });
    application.use(planned('old', 'c1'));
    await pass(0);
    assert.deepEqual([child(2).spec.command[0], child(2).state.kind], ['old', 'running']);
    await pass();
    assert.equal(application.state.kind, 'running');
  });

  it('another health check alone restarts nothing, and counts when the process passes it', async () => {
    const { application, children, pass, up } = fixture();
    await up();
    const health = { kind: 'http', method: 'GET', path: '/nowhere' } as const;
    application.use(planned('old', 'c2', { health }));
    await pass(6_000);
    assert.deepEqual([application.state.kind, application.health], ['failed', undefined]);
    const good = { ...health, path: '/' };
    application.use(planned('old', 'c3', { health: good }));
    await pass();
    assert.deepEqual([application.state.kind, application.health], ['running', good]);
    assert.equal(children.length, 1);
  });

  it('the same again for another commit changes nothing but the commit', async () => {
    const { application, children, pass, up } = fixture();
    await up();
    application.use(planned('old', 'c2'));
    await pass();
    const { state, commit } = application;
    assert.deepEqual([state.kind, commit, children.length], ['running', 'c2', 1]);
  });
});
