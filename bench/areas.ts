import type { AreaName } from './metrics.ts';

/** A flag with a value; every one has a value unless it is given. */
export interface AreaOption {
  /** What the value is, such as `MS`. */
  readonly value: string;
  readonly text: string;
  readonly unlessSaid: string;
  /** What is wrong with a value; undefined: nothing. */
  readonly problem: (value: string) => string | undefined;
}

export type OptionValues = Readonly<Record<string, string>>;

export interface Area {
  readonly text: readonly string[];
  readonly options: Readonly<Record<string, AreaOption>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly load: () => Promise<{ run: (values: OptionValues) => Promise<void> }>;
}

const plain = { options: {}, environment: {} } as const;

/** Nothing of an area is loaded before it runs. */
export const areas: Readonly<Record<AreaName, Area>> = {
  authz: {
    ...plain,
    text: [
      'Decisions of the engine, calls to a desk over its socket, and requests through a real Envoy that decides by',
      'itself, that asks a desk, and that does neither.',
    ],
    environment: { AUTHZ_BENCH_PROFILES: 'a folder for CPU profiles of the desk' },
    load: () => import('./authz.ts'),
  },
  'bad-commits': {
    ...plain,
    text: ['Bad commits, each by itself on a mesh under load; then good ones.'],
    options: {
      watch: {
        value: 'MS',
        text: 'how long each wave is looked at',
        unlessSaid: '4000',
        problem: (text) => (/^[1-9]\d*$/.test(text) ? undefined : 'is a number of milliseconds'),
      },
      only: {
        value: 'PATTERN',
        text: 'the kinds whose name matches this regular expression; all unless said',
        unlessSaid: '',
        problem: (text) => (isPattern(text) ? undefined : 'is a regular expression'),
      },
    },
    load: () => import('./bad-commits.ts'),
  },
  compile: {
    ...plain,
    text: ['Parse and compile of a large mesh: the whole of it, and what one change costs.'],
    load: () => import('./compile.ts'),
  },
  identity: {
    ...plain,
    text: [
      'Signing over the API of hosts, and how long a workload waits for its first SVID, for a new entry and for a step',
      'of the CA.',
    ],
    load: () => import('./identity.ts'),
  },
  mesh: {
    ...plain,
    text: [
      'A mesh of two services: start, requests beside a minimal pair of Envoys, commits, memory.',
    ],
    load: () => import('./mesh.ts'),
  },
  neighbours: {
    ...plain,
    text: [
      'What one bad sidecar does to how fast a thousand others have a change, against the same without it.',
    ],
    environment: { NEIGHBOURS_CYCLES: 'how often the cases take turns; 4 unless said', ...tools() },
    load: () => import('./neighbours.ts'),
  },
  soak: {
    ...plain,
    text: [
      'Commits, canaries, applications that are replaced or crash, versions that come and go, on a mesh of ten proxies',
      'under load: what failed, and what has grown since a third of the time.',
    ],
    options: {
      seconds: {
        value: 'SECONDS',
        text: 'how long it is changed',
        unlessSaid: '20',
        problem: (text) => (/^[1-9]\d*$/.test(text) ? undefined : 'is a number of seconds'),
      },
    },
    load: () => import('./soak.ts'),
  },
  xds: {
    ...plain,
    text: [
      'The xDS server against a baseline: first connection, changes, storms of reconnections.',
    ],
    environment: {
      XDS_BENCH_ROUNDS: 'rounds that count; 5 unless said',
      XDS_BENCH_INSTANCES: 'instances of each service; 1 unless said',
      ...tools(),
    },
    load: () => import('./xds.ts'),
  },
};

function tools(): Area['environment'] {
  return { XDS_BENCH_TOOLS: 'where the sources of the swarm and the baseline lie' };
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}
