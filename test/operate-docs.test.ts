import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agentFlags } from '../src/cli/agent.ts';
import { authzFlags } from '../src/cli/authz.ts';
import { serverFlags } from '../src/cli/server.ts';

const page = readFileSync('docs/operate.md', 'utf8');

function flagsIn(heading: string): readonly string[] {
  const section = page.split(/^## /m).find((one) => one.startsWith(heading)) ?? '';
  return [...section.matchAll(/^\| `--([a-z-]+)/gm)].map(([, flag]) => flag ?? '');
}

describe('docs/operate.md', () => {
  for (const [heading, options] of [
    ['The control plane:', serverFlags],
    ['The agent:', agentFlags],
    ['Policy desks of a pool:', authzFlags],
  ] as const) {
    it(`${heading} has each flag once, and no other`, () => {
      assert.deepEqual([...flagsIn(heading)].sort(), Object.keys(options).sort());
    });
  }
});

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

describe('variables', () => {
  it('each that is read is in docs/operate.md', () => {
    const sources = globSync('src/**/*.ts').filter((file) => !/\.(test|fixture)\.ts$/.test(file));
    const name =
      /'((?:CHANCERY|XDG|TPM2TOOLS|SSH|NO)_[A-Z0-9_]+)'|\.((?:CHANCERY|XDG)_[A-Z0-9_]+)/g;
    const read = sources.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(name)].map(([, quoted, named]) => quoted ?? named),
    );
    const missing = [...new Set(read)].filter((one) => !page.includes(`\`${one}\``));
    assert.deepEqual(missing, []);
  });
});

describe('packaging', () => {
  it('the control plane may write where its state and the commits of its branch go, and keep an Envoy', () => {
    const unit = readFileSync('packaging/chancery-server.service', 'utf8');
    const [, dir] = /--dir (\S+)/.exec(unit) ?? [];
    assert.ok(unit.includes(`ReadWritePaths=${dir}\n`));
    const [, cache] = /^CacheDirectory=(\S+)$/m.exec(unit) ?? [];
    assert.ok(unit.includes(`Environment=XDG_CACHE_HOME=/var/cache/${cache}\n`));
  });

  it('the image has what repositories by https and ssh, and signatures, need', () => {
    const image = readFileSync('packaging/Containerfile', 'utf8');
    for (const one of ['ca-certificates', 'git', 'gnupg', 'openssh-client']) {
      assert.match(image, new RegExp(`install .* ${one}\\b`));
    }
  });

  for (const [name, options] of [
    ['chancery-server', serverFlags],
    ['chancery-agent', agentFlags],
    ['chancery-authz', authzFlags],
  ] as const) {
    const text = readFileSync(`packaging/${name}.service`, 'utf8');

    it(`${name} starts with flags that there are`, () => {
      const line = /^ExecStart=(.*)$/m.exec(text)?.[1] ?? '';
      const flags = [...line.matchAll(/--([a-z-]+)/g)].map(([, flag]) => flag ?? '');
      assert.ok(flags.length > 0);
      assert.deepEqual(
        flags.filter((flag) => !Object.hasOwn(options, flag)),
        [],
      );
    });

    it(`${name} is a unit that systemd takes`, {
      skip: !hasSystemd && 'needs systemd-analyze',
    }, () => {
      const dir = mkdtempSync(join(tmpdir(), 'unit-'));
      // The program and its user are of the machine where it is installed.
      const here = text
        .replaceAll('/usr/bin/chancery', '/bin/true')
        .replace(/^(User|Group)=chancery$/gm, '$1=root');
      writeFileSync(join(dir, `${name}.service`), here);
      const { stderr } = spawnSync('systemd-analyze', ['verify', join(dir, `${name}.service`)], {
        encoding: 'utf8',
      });
      rmSync(dir, { recursive: true });
      const own = stderr.split('\n').filter((line) => line.includes(name));
      assert.deepEqual(own, []);
    });
  }
});
