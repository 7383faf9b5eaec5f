import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChanceryError } from '../base/error.ts';
import { usageError } from './arguments.ts';
import { type Called, command, type ExitCode } from './command.ts';
import { commandText } from './help-text.ts';

const flags = { json: { type: 'boolean' } } as const;

export const init = command({
  usage: 'init DIR [--json]',
  text: [
    'Writes a small intent folder to start from: a mesh of two services. Nothing that exists is overwritten.',
  ],
  examples: [
    'chancery init my-mesh && cd my-mesh && git init && git add . && git commit -m "a mesh"',
  ],
  flags,
  run,
});

const files: Readonly<Record<string, string>> = {
  'mesh.yaml': `mesh: hello
trust_domain: hello.test
`,
  'services/greeter.yaml': `service: greeter
owner: team-hello
protocol: http
port: 8081
health: GET /
run: python3 -m http.server 8081 --bind 127.0.0.1
allow:
  - from: caller
    to: GET /**
tests:
  - { from: caller, request: GET /, expect: allow }
  - { from: caller, request: POST /, expect: deny }
`,
  'services/caller.yaml': `service: caller
owner: team-hello
protocol: http
port: 8080
health: GET /
run: python3 -m http.server 8080 --bind 127.0.0.1
`,
};

async function run({ positionals, values, terminal }: Called<typeof flags>): Promise<ExitCode> {
  const [dir, ...more] = positionals;
  if (dir === undefined || more.length > 0) throw usageError('init takes one folder');
  const taken = Object.keys(files).filter((file) => existsSync(join(dir, file)));
  if (taken.length > 0) {
    throw new ChanceryError({
      code: 'CH5004',
      message: `"${dir}" holds an intent already`,
      found: taken.join(', '),
      help: 'choose another folder',
    });
  }
  mkdirSync(join(dir, 'services'), { recursive: true });
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(dir, file), text, { flag: 'wx' });
  }
  const written = Object.keys(files).map((file) => join(dir, file));
  const next = [
    `git init ${dir} && git -C ${dir} add . && git -C ${dir} commit -m "a mesh"`,
    `chancery up ${dir}`,
  ];
  if (values.json) terminal.out(JSON.stringify({ dir, files: written, next }));
  else terminal.out(writtenText(written, next, terminal.width));
  return 0;
}

function writtenText(written: readonly string[], next: readonly string[], width: number): string {
  return [
    ...written.map((file) => `wrote ${file}`),
    '',
    'next:',
    ...next.map((command) => commandText(command, width)),
  ].join('\n');
}
