import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';

/** Which folder may import which; `secrets` and `flow` come with their parts. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: [],
  client: ['base'],
  cel: ['base'],
  model: ['base', 'cel'],
  policy: ['base', 'model', 'cel'],
  breakglass: ['base', 'cel', 'model'],
  identity: ['base', 'model'],
  tokens: ['base', 'cel', 'model', 'policy', 'identity'],
  compile: ['base', 'cel', 'model', 'policy', 'identity', 'gen'],
  rollout: ['base', 'model', 'compile'],
  replica: ['base', 'compile', 'rollout'],
  explain: ['base', 'cel', 'model', 'policy', 'identity', 'compile', 'rollout', 'gen'],
  store: ['base', 'model', 'identity'],
  git: ['base', 'model'],
  envoy: ['base', 'gen'],
  'serve/grpc': ['base', 'gen'],
  'serve/xds': ['base', 'compile', 'serve/grpc', 'gen'],
  'serve/authz': ['base', 'model', 'policy', 'tokens', 'serve/grpc', 'gen'],
  'serve/api': [
    'base',
    'breakglass',
    'client',
    'compile',
    'identity',
    'policy',
    'model',
    'rollout',
    'serve/grpc',
  ],
  'serve/workload': ['base', 'identity', 'model', 'serve/grpc', 'gen'],
  agent: ['*'],
  app: ['*'],
  cli: ['*'],
};

/** The wiring may import everything but what wires it. */
const wiring: Readonly<Record<string, readonly string[]>> = {
  agent: ['app', 'cli'],
  app: ['cli'],
  cli: [],
};

/** Layers that do no I/O, read no clock and draw no random numbers. */
const pure = [
  'base',
  'client',
  'cel',
  'model',
  'policy',
  'breakglass',
  'identity',
  'tokens',
  'compile',
  'rollout',
  'replica',
  'explain',
];
const pureNodeModules = ['node:crypto', 'node:buffer', 'node:util'];

/**
 * Where the outside world comes in as a value; the only files of pure layers that may touch it. `regex.ts` loads a library when
 * it is first asked for.
 */
const borders = ['src/base/clock.ts', 'src/base/random.ts', 'src/cel/regex.ts'];

/** A banned call, where it may stand all the same, and what to use. */
const banned: readonly { call: RegExp; except: readonly string[]; use: string }[] = [
  { call: /\bDate\.now\(/, except: ['src/base/clock.ts'], use: 'clock.nowMs()' },
  { call: /\bnew Date\(\)/, except: [], use: 'clock.nowMs()' },
  { call: /\bMath\.random\(/, except: [], use: 'random.fraction()' },
  { call: /\bconsole\./, except: [], use: 'a Terminal or a Log' },
  { call: /\bas any\b/, except: [], use: 'a parser at the border' },
  {
    call: /^import (?!type ).*'node:https?';$/m,
    except: [],
    use: 'src/serve/api/node-http.ts, which does not load undici',
  },
];

const lineCountMax = 400;
const functionLinesMax = 70;

const generated = ['src/gen/', 'src/client/gen/'];
const sources = globSync('src/**/*.ts').filter(
  (path) => !generated.some((folder) => path.startsWith(folder)),
);
const production = sources.filter((path) => !path.endsWith('.test.ts'));
const everything = [
  ...sources,
  ...globSync(['test/**/*.ts', 'tools/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts']),
];

function folderOf(path: string): string {
  const parts = path.split('/').slice(1, -1);
  return parts[0] === 'serve' ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function importsOf(path: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(path, 'utf8'), true, true);
  return importedFiles.map((file) => file.fileName);
}

function targetOf(path: string, specifier: string): string {
  return normalize(join(dirname(path), specifier));
}

describe('repository', () => {
  it('imports go down the layers only', () => {
    const wrong = production.flatMap((path) =>
      importsOf(path)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => targetOf(path, specifier))
        .filter((target) => target.startsWith('src/'))
        .filter((target) => !isAllowed(folderOf(path), folderOf(target)))
        .map((target) => `${path} imports ${target}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('the pure layers import no I/O', () => {
    const wrong = production
      .filter((path) => pure.includes(folderOf(path)) && !borders.includes(path))
      .flatMap((path) =>
        importsOf(path)
          .filter((name) => name.startsWith('node:') && !pureNodeModules.includes(name))
          .map((name) => `${path} imports ${name}`),
      );
    assert.deepEqual(wrong, []);
  });

  it('no file is longer than the limit', () => {
    const long = everything
      .map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > lineCountMax)
      .map(({ path, lines }) => `${path}: ${lines} lines, at most ${lineCountMax}`);
    assert.deepEqual(long, []);
  });

  it('no function is longer than the limit', () => {
    assert.deepEqual(production.flatMap(longFunctions), []);
  });

  it('no banned call stands in the sources', () => {
    const wrong = production.flatMap((path) => {
      const text = readFileSync(path, 'utf8');
      return banned
        .filter(({ call, except }) => call.test(text) && !except.includes(path))
        .map(({ call, use }) => `${path}: ${call.source} is banned, use ${use}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('every source file is used', () => {
    const used = new Set(
      [...everything, 'bin/chancery.js'].flatMap((path) =>
        importsOf(path)
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => targetOf(path, specifier)),
      ),
    );
    const dead = production.filter((path) => !used.has(path));
    assert.deepEqual(dead, []);
  });

  it('every code has a page and every page a code', () => {
    const codes = new Set(
      production.flatMap((path) => readFileSync(path, 'utf8').match(/\bCH\d{4}\b/g) ?? []),
    );
    const pages = new Set(globSync('docs/codes/CH*.md').map((path) => path.slice(11, 17)));
    assert.deepEqual(
      [...codes].filter((code) => !pages.has(code)).sort(),
      [],
      'codes without a page',
    );
    assert.deepEqual(
      [...pages].filter((page) => !codes.has(page)).sort(),
      [],
      'pages without a code',
    );
  });

  it('every page of a code starts with its title', () => {
    const wrong = globSync('docs/codes/CH*.md').filter(
      (path) => !readFileSync(path, 'utf8').startsWith(`# ${path.slice(11, 17)}: `),
    );
    assert.deepEqual(wrong, []);
  });

  it('every runtime dependency has its reason in ARCHITECTURE.md', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const text = existsSync('ARCHITECTURE.md') ? readFileSync('ARCHITECTURE.md', 'utf8') : '';
    const silent = Object.keys(manifest.dependencies).filter(
      (name) => !text.includes(`\`${name}\``),
    );
    assert.deepEqual(silent, []);
  });
});

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true;
  const allowed = mayImport[from] ?? [];
  if (allowed.includes('*')) return !(wiring[from] ?? []).includes(to);
  return allowed.includes(to);
}

function longFunctions(path: string): string[] {
  const source = ts.createSourceFile(
    path,
    readFileSync(path, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const long: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const start = source.getLineAndCharacterOfPosition(node.getStart()).line;
      const lines = source.getLineAndCharacterOfPosition(node.end).line - start + 1;
      if (lines > functionLinesMax)
        long.push(`${path}:${start + 1}: ${lines} lines, at most ${functionLinesMax}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return long;
}
