import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Resource, typeUrls } from '../../compile/resource.ts';
import { Quarantine } from './quarantine.ts';

const resource = (name: string, version: string): Resource => ({
  ...{ typeUrl: typeUrls.cluster, name, version, bytes: new Uint8Array(), from: [] },
});

function refused(quarantine: Quarantine, one: Resource, by: number): boolean[] {
  return Array.from({ length: by }, (_, index) =>
    quarantine.refuse(one, { proxy: `p${index}`, message: 'no', nowMs: index }),
  );
}

describe('the quarantine', () => {
  it('has what three proxies refused, and is empty until then, whatever one of them refuses', () => {
    const quarantine = new Quarantine();
    for (let index = 0; index < 10_000; index += 1) {
      refused(quarantine, resource('a', `${index}`), 2);
    }
    assert.ok(quarantine.isEmpty);
    assert.deepEqual(refused(quarantine, resource('a', 'bad'), 4), [false, false, true, false]);
    assert.ok(!quarantine.isEmpty);
    assert.ok(quarantine.has(resource('a', 'bad')));
    assert.ok(!quarantine.has(resource('a', 'good')));
    assert.ok(!quarantine.has(resource('b', 'bad')));
  });

  it('forgets what was refused longest ago', () => {
    const quarantine = new Quarantine();
    refused(quarantine, resource('a', 'bad'), 3);
    for (let index = 0; index < 4_096; index += 1) {
      assert.ok(quarantine.has(resource('a', 'bad')));
      refused(quarantine, resource('a', `${index}`), 1);
    }
    assert.ok(quarantine.isEmpty);
    assert.ok(!quarantine.has(resource('a', 'bad')));
  });
});
