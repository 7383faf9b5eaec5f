import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readIntent } from '../src/app/read-intent.ts';
import { hasErrors } from '../src/base/finding.ts';
import { type Attempt, attemptsOf, type Files } from './bad-commits/change.ts';
import { goodKinds } from './bad-commits/good-commits.ts';
import { meshFiles } from './bad-commits/mesh-files.ts';
import { readKinds } from './bad-commits/read-kinds.ts';
import { trafficKinds } from './bad-commits/traffic-kinds.ts';

function filesOf({ change }: Attempt): Files {
  const files = { ...meshFiles };
  change(files);
  return files;
}

function isRead(files: Files): boolean {
  const yaml = Object.entries(files).filter(([name]) => name.endsWith('.yaml'));
  const { intent, findings } = readIntent(new Map(yaml), 0);
  return intent !== undefined && !hasErrors(findings);
}

describe('the bench of bad commits', () => {
  const bad = attemptsOf({ ...readKinds, ...trafficKinds });
  const good = attemptsOf(goodKinds);

  it('has 100 of 20 kinds at least, no two alike, and 20 good ones', () => {
    const contents = [...bad, ...good].map((one) => JSON.stringify(filesOf(one)));
    assert.equal(new Set([...contents, JSON.stringify(meshFiles)]).size, contents.length + 1);
    assert.ok(bad.length >= 100, `${bad.length} bad commits`);
    assert.ok(new Set(bad.map(({ kind }) => kind)).size >= 20);
    assert.ok(good.length >= 20, `${good.length} good commits`);
  });

  it('has only such for requests to tell as reading lets through', () => {
    const wrong = [...attemptsOf(trafficKinds), ...good].filter((one) => !isRead(filesOf(one)));
    assert.deepEqual(wrong, []);
    assert.ok(isRead(meshFiles));
  });
});
