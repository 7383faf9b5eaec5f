import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  candidateOf,
  type Files,
  meshFile,
  serviceFile,
  workloadOf,
} from '../../../test/support/gate-world.ts';
import type { WorkloadId } from '../../compile/inventory.ts';
import type { Selector } from '../../model/types.ts';
import { hostFindings, trustDomainFindings } from './identities.ts';

const inventory = [workloadOf('web'), { ...workloadOf('web'), id: 'web-v2' as WorkloadId }];
const files = (web = '', mesh = meshFile): Files => ({
  'mesh.yaml': mesh,
  'services/web.yaml': serviceFile('web', web),
});

describe('the identities of a commit', () => {
  it('the trust domain of a mesh that runs stays; a mesh that begins may have any', () => {
    const other = files('', meshFile.replace(/trust_domain: .*/, 'trust_domain: other.test'));
    const [finding, ...more] = trustDomainFindings(candidateOf(files(), other, inventory));
    assert.deepEqual([finding?.code, finding?.at?.file, more], ['CH4217', 'mesh.yaml', []]);
    assert.deepEqual(trustDomainFindings(candidateOf(files(), files(), inventory)), []);
    assert.deepEqual(trustDomainFindings(candidateOf(undefined, other, inventory)), []);
  });

  it('a service is held where it runs on a host that may not run it any more', () => {
    const shows = (): readonly Selector[] => [
      { kind: 'host:name', value: inventory[0]?.host ?? '' },
    ];
    const found = (name: string) =>
      hostFindings(
        candidateOf(files(), files(`identity: { host: { name: ${name} } }\n`), inventory),
        shows,
      );
    const [finding, ...more] = found('elsewhere');
    assert.deepEqual([finding?.code, finding?.at?.file, more], ['CH4218', 'services/web.yaml', []]);
    assert.match(finding?.message ?? '', /1 more of its workloads/);
    assert.deepEqual(found(inventory[0]?.host ?? ''), []);
  });

  it('of a host that was never admitted nothing is said', () => {
    const after = files('identity: { host: { name: elsewhere } }\n');
    assert.deepEqual(
      hostFindings(candidateOf(files(), after, inventory), () => undefined),
      [],
    );
  });
});
