import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

/** Prints every module that importing the agent loads, ours and Node's own. */
const program = `
  import { registerHooks } from 'node:module';
  const urls = [];
  registerHooks({ load(url, context, next) { urls.push(url); return next(url, context); } });
  await import('./src/cli/agent.ts');
  console.log(JSON.stringify([...urls, ...process.moduleLoadList]));
`;

/**
 * What an agent loads it pays for on every host, in memory and in each start. These were half of both: whoever brings one
 * back has imported something that only reads intent, compiles or proves in one certain way.
 */
const unwanted: Readonly<Record<string, RegExp>> = {
  'the YAML parser': /node_modules\/yaml\//,
  'generated descriptors': /src\/gen\//,
  'the reflection of protobuf':
    /@bufbuild\/protobuf\/dist\/esm\/(?:wkt\/index|codegenv2\/index|registry)/,
  'the compiler of resources': /src\/compile\/(?:listeners|clusters|pack)/,
  'the proofs of certain machines': /src\/agent\/prove\/(?:tpm|x509pop|aws)/,
  'the tracing of commits': /node_modules\/@opentelemetry\//,
  'the reader of conditions': /src\/cel\/(?:lex|parse|check)/,
  'the engine of patterns': /@bufbuild\/(?:re2|cel)\//,
  undici: /undici/,
};

describe('what an agent loads when it starts', () => {
  const args = ['--input-type=module', '--eval', program];
  const loaded = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as string[];

  for (const [what, pattern] of Object.entries(unwanted)) {
    it(`not ${what}`, () => {
      assert.deepEqual(
        loaded.filter((url) => pattern.test(url)),
        [],
      );
    });
  }
});
