import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Real SPIFFE clients, fetched and built once into this folder. */
const cache = resolve('node_modules/.cache/interop');
const buildTimeoutMs = 240_000;

export type Built =
  | { readonly kind: 'built'; readonly command: readonly string[] }
  | { readonly kind: 'missing'; readonly reason: string };

/** go-spiffe, driven by the program in test/interop/go. */
export function goClient(): Built {
  const target = join(cache, 'go-client');
  const source = resolve('test/interop/go');
  return built('go', [target], () => run('go', ['build', '-o', target, '.'], source));
}

/** go-spiffe's federation, client and server, driven by the program in test/interop/go/federation. */
export function goFederation(): Built {
  const target = join(cache, 'go-federation');
  const source = resolve('test/interop/go');
  return built('go', [target], () => run('go', ['build', '-o', target, './federation'], source));
}

/** spiffe-helper 0.11.0, as its authors tagged it; go.mod and go.sum in test/interop/spiffe-helper pin all of it. */
export function spiffeHelper(): Built {
  const target = join(cache, 'spiffe-helper');
  const program = 'github.com/spiffe/spiffe-helper/cmd/spiffe-helper';
  const source = resolve('test/interop/spiffe-helper');
  return built('go', [target], () => run('go', ['build', '-o', target, program], source));
}

/** py-spiffe, driven by the program in test/interop/python. The interpreter is a link: each copy is a program of its own. */
export function pythonClient(): Built {
  const python = join(cache, 'venv', 'bin', 'python');
  const script = resolve('test/interop/python/client.py');
  return built('python3', [python, script], () => {
    if (existsSync(join(cache, 'venv', 'ready'))) return;
    run('python3', ['-m', 'venv', '--copies', join(cache, 'venv')], cache);
    run(python, ['-m', 'pip', 'install', '--quiet', 'spiffe==0.3.2'], cache);
    mkdirSync(join(cache, 'venv', 'ready'));
  });
}

function built(tool: string, command: readonly string[], build: () => void): Built {
  if (spawnSync('which', [tool]).status !== 0) {
    return { kind: 'missing', reason: `${tool} is not installed` };
  }
  mkdirSync(cache, { recursive: true });
  try {
    build();
    return { kind: 'built', command };
  } catch (error) {
    const [line = ''] = String((error as { stderr?: unknown }).stderr ?? error).split('\n');
    return { kind: 'missing', reason: `it cannot be fetched or built: ${line}` };
  }
}

function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): void {
  execFileSync(program, args, {
    cwd,
    stdio: 'pipe',
    timeout: buildTimeoutMs,
    env: { ...process.env, ...env },
  });
}
