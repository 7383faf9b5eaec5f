/** `npm run generate`: writes src/gen from the descriptors inside the pinned Envoy. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { resolveEnvoy } from '../src/envoy/resolve.ts';
import { generate } from './generate/generate.ts';

const target = 'src/gen';
const note = (text: string): void => void process.stderr.write(`${text}\n`);
const envoy = await resolveEnvoy({ env: process.env, onProgress: note });
const files = generate(envoy.path);
// Files of types that are no longer used go with the rest.
rmSync(target, { recursive: true, force: true });
for (const [name, content] of files) {
  const path = join(target, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
note(`wrote ${files.size} files to ${target}`);
