import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import type { Migration } from '../../src/store/migrations.ts';
import type { Store } from '../../src/store/store.ts';
import { leaseContract } from './lease-contract.ts';

/** How the suite gets at one backend. */
export interface Backend {
  /** The address of a store that does not exist yet. */
  readonly fresh: () => Promise<string>;
  readonly open: (address: string, steps?: readonly Migration[]) => Promise<Store>;
  /** The module and the function that open this backend, for processes that are killed. */
  readonly opener: { readonly module: string; readonly name: string };
  readonly steps: readonly Migration[];
}

export interface BackendOfCalls {
  readonly fresh: Backend['fresh'];
  readonly open: (address: string) => Promise<Store>;
}

const crashes = 10;
const writersAtOnce = 8;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

/** What every backend of the store promises. */
export function storeContract(backend: Backend): void {
  contractOfCalls(backend);
  migrationContract(backend);
  it('no acknowledged write is lost, whenever the writer is killed', async () => {
    for (let round = 0; round < crashes; round += 1) await crash(backend, round);
  });
}

/** The part that says what the calls do, for whoever stands in for a backend, too. */
export function contractOfCalls(backend: BackendOfCalls): void {
  documentContract(backend);
  ledgerContract(backend);
  queryContract(backend);
  leaseContract(backend);
}

function documentContract({ fresh, open }: BackendOfCalls): void {
  it('a document is written only over the version that the writer saw, and survives a restart', async () => {
    const address = await fresh();
    const first = await open(address);
    assert.equal(await first.put('sealed', 'ca', bytes('a'), 0), 1);
    assert.equal(await first.put('sealed', 'ca', bytes('b'), 0), undefined);
    assert.equal(await first.put('sealed', 'ca', bytes('c'), 7), undefined);
    assert.equal(await first.put('sealed', 'none', bytes('c'), 1), undefined);
    assert.equal(await first.put('sealed', 'ca', bytes('d'), 1), 2);
    assert.equal(await first.put('sealed', 'ca', bytes('e'), undefined), 3);
    assert.equal(await first.put('other', 'new', bytes('f'), undefined), 1);
    await first.close();
    const again = await open(address);
    const found = await again.get('sealed', 'ca');
    assert.deepEqual([found?.version, text(found?.value)], [3, 'e']);
    assert.equal(await again.remove('sealed', 'ca'), true);
    assert.equal(await again.remove('sealed', 'ca'), false);
    assert.equal(await again.get('sealed', 'ca'), undefined);
    await again.close();
  });

  it('documents are listed by kind, in the order of the bytes of their ids', async () => {
    const store = await open(await fresh());
    for (const id of ['b', 'a-1', 'a', 'B', 'a1']) await store.put('k', id, bytes(id), 0);
    await store.put('other', 'x', bytes('x'), 0);
    const found = await store.list('k');
    assert.deepEqual(
      found.map((one) => one.id),
      ['B', 'a', 'a-1', 'a1', 'b'],
    );
    assert.deepEqual(await store.list('nothing'), []);
    await store.close();
  });

  it('any bytes come back as they went, empty ones and large ones too', async () => {
    const store = await open(await fresh());
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    for (const value of [new Uint8Array(0), all, new Uint8Array(2_000_000).fill(0xa5)]) {
      await store.put('k', 'v', value, undefined);
      const found = await store.get('k', 'v');
      assert.ok(Buffer.from(found?.value ?? [1]).equals(value));
    }
    await store.close();
  });

  it('of writers that saw the same version exactly one wins', async () => {
    const address = await fresh();
    const stores = await Promise.all(Array.from({ length: 4 }, () => open(address)));
    await stores[0]?.put('k', 'counter', bytes('0'), 0);
    const increment = async (store: Store): Promise<void> => {
      for (;;) {
        const seen = await store.get('k', 'counter');
        const next = bytes(String(Number(text(seen?.value)) + 1));
        if ((await store.put('k', 'counter', next, seen?.version)) !== undefined) return;
      }
    };
    const turns = stores.flatMap((store) => Array.from({ length: 25 }, () => store));
    await Promise.all(turns.map(increment));
    const end = await stores[0]?.get('k', 'counter');
    assert.deepEqual([text(end?.value), end?.version], ['100', 101]);
    await Promise.all(stores.map((store) => store.close()));
  });
}

function ledgerContract({ fresh, open }: BackendOfCalls): void {
  it('the ledger keeps the order of what was recorded, and is read newest first, by kind', async () => {
    const store = await open(await fresh());
    for (const [index, kind] of (['ack', 'nack', 'ack'] as const).entries())
      store.record({ atMs: index, kind, subject: 's', facts: { n: index, text: `"'\\ü` } });
    const entries = await store.ledger({ kind: 'ack', limit: 10 });
    assert.deepEqual(
      entries.map((entry) => [entry.atMs, entry.facts]),
      [
        [2, { n: 2, text: `"'\\ü` }],
        [0, { n: 0, text: `"'\\ü` }],
      ],
    );
    assert.equal((await store.ledger({ limit: 2 })).length, 2);
    await store.close();
  });

  it('closing writes what was recorded a moment before', async () => {
    const address = await fresh();
    const store = await open(address);
    for (let n = 0; n < 25_000; n += 1)
      store.record({ atMs: n, kind: 'healed', subject: 's', facts: {} });
    await store.close();
    const again = await open(address);
    const entries = await again.ledger({ limit: 30_000 });
    assert.deepEqual([entries.length, entries[0]?.atMs], [25_000, 24_999]);
    await again.close();
  });
}

function queryContract({ fresh, open }: BackendOfCalls): void {
  it('the ledger is asked by subject, kinds and time, and every page together is the whole answer', async () => {
    const store = await open(await fresh());
    const kinds = ['ack', 'nack', 'proxy-connected'] as const;
    const all = Array.from({ length: 300 }, (_, n) => ({
      // Several in one millisecond, and one that came late.
      atMs: n === 200 ? 10 : Math.floor(n / 3),
      kind: kinds[n % 3] ?? 'ack',
      subject: `p${n % 5}`,
      facts: { n },
    }));
    for (const one of all) store.record(one);
    const numbers = (entries: readonly { readonly facts: object }[]): unknown[] =>
      entries.map(({ facts }) => (facts as { n: number }).n);
    for (const query of [
      {},
      { subject: 'p2' },
      { kind: ['ack', 'nack'] },
      { subject: 'p3', kind: 'nack', untilMs: 50 },
      { sinceMs: 7, untilMs: 12 },
      { subject: 'p0', sinceMs: 90 },
      { subject: 'nobody' },
    ]) {
      const wanted = all
        .filter((one) => query.subject === undefined || one.subject === query.subject)
        .filter((one) => query.kind === undefined || [query.kind].flat().includes(one.kind))
        .filter((one) => one.atMs >= (query.sinceMs ?? 0) && one.atMs <= (query.untilMs ?? 1e9))
        .toSorted((a, b) => b.atMs - a.atMs || b.facts.n - a.facts.n);
      const found = [];
      for (;;) {
        const page = await store.ledger({ ...query, limit: 7, before: found.at(-1) });
        found.push(...page);
        if (page.length < 7) break;
      }
      assert.deepEqual(numbers(found), numbers(wanted), JSON.stringify(query));
    }
    await store.close();
  });

  it('a version keeps the commit and the places that first made it, and its bytes, over a restart', async () => {
    const address = await fresh();
    const store = await open(address);
    const made = {
      ...{ type: 'Cluster', name: 'payments v2/a', version: 'abc', atMs: 5, commit: 'c1' },
      from: [{ file: 'services/payments.yaml', line: 3 }],
      bytes: bytes('content'),
    };
    store.keepResource(made);
    store.keepResource({ ...made, atMs: 9, commit: 'c2', from: [] });
    await store.close();
    const again = await open(address);
    again.keepResource({ ...made, atMs: 10, commit: 'c3' });
    await again.touchResources(['Cluster abc payments v2/a', 'Cluster none x'], 11);
    assert.deepEqual(await again.resource('Cluster abc payments v2/a'), made);
    assert.equal(await again.resource('Cluster none x'), undefined);
    await again.close();
  });
}

function migrationContract({ fresh, open, steps }: Backend): void {
  it('many that open a new store at once make one schema', async () => {
    const address = await fresh();
    const stores = await Promise.all(Array.from({ length: writersAtOnce }, () => open(address)));
    await Promise.all(stores.map((store, index) => store.put('k', `${index}`, bytes('v'), 0)));
    assert.equal((await stores[0]?.list('k'))?.length, writersAtOnce);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('a migration runs while replicas of the version before go on writing, and none of their writes fails', async () => {
    const address = await fresh();
    const before = await open(address);
    let writing = true;
    let written = 0;
    const writer = (async () => {
      while (writing) {
        await before.put('k', `${written}`, bytes('v'), 0);
        before.record({ atMs: written, kind: 'healed', subject: 's', facts: {} });
        written += 1;
        await new Promise((wake) => setImmediate(wake));
      }
    })();
    const table = 'CREATE TABLE later (id TEXT PRIMARY KEY)';
    const after = await open(address, [...steps, { sqlite: `${table};`, postgres: table }]);
    assert.equal(await after.put('k', 'after', bytes('v'), 0), 1);
    const untilMore = written + 20;
    while (written < untilMore) await new Promise((wake) => setImmediate(wake));
    writing = false;
    await writer;
    await before.flush();
    assert.equal((await after.list('k')).length, written + 1);
    assert.equal((await after.ledger({ limit: 1_000_000 })).length, written);
    await Promise.all([before.close(), after.close()]);
    await assert.rejects(
      async () => open(address),
      /CH520[01]: .*written by a later version of chancery/,
    );
  });

  it('a migration that fails changes nothing', async () => {
    const address = await fresh();
    const store = await open(address);
    await store.put('k', 'a', bytes('v'), 0);
    await store.close();
    const wrong = 'CREATE TABLE half (id TEXT PRIMARY KEY); SELECT nonsense FROM nowhere';
    const broken = [...steps, { sqlite: `${wrong};`, postgres: wrong }];
    await assert.rejects(async () => open(address, broken), /CH520[01]/);
    const again = await open(address);
    assert.equal((await again.list('k')).length, 1);
    await again.close();
  });
}

/** A process acknowledges each write on its standard output and is killed in the middle of it all. */
async function crash({ fresh, open, opener }: Backend, round: number): Promise<void> {
  const address = await fresh();
  const script = writerScript(opener, address);
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = { documents: 0, entries: 0 };
  const stopAfter = 10 + round * 7;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, count] = line.split(' ');
    if (what === 'document') acknowledged.documents = Number(count);
    if (what === 'entry') acknowledged.entries = Number(count);
    if (acknowledged.documents >= stopAfter) break;
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  const store = await open(address);
  const documents = await store.list('k');
  const entries = await store.ledger({ limit: 1_000_000 });
  assert.ok(documents.length >= acknowledged.documents, `${documents.length} documents`);
  assert.ok(entries.length >= acknowledged.entries, `${entries.length} entries`);
  // Each count was written in one step: what is there is whole and has no gaps.
  assert.deepEqual(
    documents.map((one) => Number(one.id)),
    documents.map((_, index) => index + 1),
  );
  for (const one of documents) assert.equal(text(one.value), `value ${Number(one.id)}`);
  await store.close();
}

function writerScript(opener: Backend['opener'], address: string): string {
  return `
    import { ${opener.name} as open } from ${JSON.stringify(opener.module)};
    const store = await open(${JSON.stringify(address)});
    for (let n = 1; ; n += 1) {
      await store.put('k', String(n).padStart(8, '0'), Buffer.from('value ' + n), 0);
      process.stdout.write('document ' + n + '\\n');
      store.record({ atMs: n, kind: 'healed', subject: 's', facts: { n } });
      await store.flush();
      process.stdout.write('entry ' + n + '\\n');
    }`;
}
