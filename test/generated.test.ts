import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { resolveEnvoy } from '../src/envoy/resolve.ts';
import { generate, header } from '../tools/generate/generate.ts';

const folder = 'src/gen/';

describe('generated code', () => {
  let present: string[] = [];
  let wanted: ReadonlyMap<string, string> = new Map();

  before(async () => {
    const envoy = await resolveEnvoy({ env: process.env, onProgress: () => {} });
    wanted = generate(envoy.path);
    present = globSync(`${folder}**`)
      .filter((path) => statSync(path).isFile())
      .map((path) => path.slice(folder.length))
      .sort();
  });

  it('is there for every type that is used, and nothing else is', () => {
    assert.deepEqual(present, [...wanted.keys()].sort(), 'run: npm run generate');
  });

  it('is what the generator makes of the pinned Envoy, byte for byte', () => {
    const first = present
      .map((name) => firstDifference(name, readFileSync(folder + name, 'utf8')))
      .find((difference) => difference !== undefined);
    assert.equal(first, undefined, `${first}; run: npm run generate`);
  });

  it('says in the first line of each file that it is not to be edited', () => {
    const silent = present
      .filter((name) => name !== 'README.md')
      .filter((name) => !readFileSync(folder + name, 'utf8').startsWith(header));
    assert.deepEqual(silent, []);
  });

  function firstDifference(name: string, text: string): string | undefined {
    const other = wanted.get(name);
    if (other === undefined || other === text) return undefined;
    const lines = text.split('\n');
    const otherLines = other.split('\n');
    const at = otherLines.findIndex((line, index) => line !== lines[index]);
    return `${folder}${name}:${(at < 0 ? otherLines.length : at) + 1} differs`;
  }
});
