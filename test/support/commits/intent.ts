/** What one commit of a simulated history says; each part is in the text of one file. */
export interface Said {
  readonly api: SaidService;
  readonly web: SaidService;
  /** Shorter than what runs, it waits for a person. */
  readonly ttlSeconds: number;
  /** How many operators it takes to grant access beside Git. */
  readonly approvals: number;
  /** It cannot be read at all. */
  readonly isBroken: boolean;
}

export interface SaidService {
  readonly step: number;
  /** Read by desks only, in a condition. */
  readonly zone: string;
  readonly note: number;
  readonly isPicky: boolean;
  /** Its route takes so long at most. */
  readonly timeoutMs: number;
  /** Which application it runs. */
  readonly run: number;
  /** The share of version v2; undefined: there is none. */
  readonly v2: number | undefined;
  /** What it does to whoever has it; undefined: nothing bad. */
  readonly harm: string | undefined;
}

export const services = ['api', 'web'] as const;
export type SimService = (typeof services)[number];

/** What proxies and desks do that find one of these in what they have; `*` is the service. */
export const harms = {
  ...{ denies: ['harm-*'], fails: ['fault-*', 'sour-*'], refuses: ['refuse-'] },
  /** Only a proxy of another version refuses it. */
  picky: 'picky-',
  /** An application whose command holds it does not come up. */
  ends: 'ends-',
};
export const harmKinds = ['harm', 'fault', 'sour', 'refuse', 'ends'] as const;

const port = { api: 8_097, web: 8_119 };

const plain: SaidService = {
  ...{ step: 0, zone: 'ok-0', note: 0, isPicky: false, timeoutMs: 2_000, run: 0 },
  ...{ v2: undefined, harm: undefined },
};

export const firstSaid: Said = {
  api: { ...plain },
  web: { ...plain },
  ...{ ttlSeconds: 580, approvals: 1, isBroken: false },
};

export function filesOf(said: Said): ReadonlyMap<string, string> {
  const { ttlSeconds, approvals, isBroken } = said;
  const mesh = `mesh: m\ntrust_domain: m.test\nattributes: { zone: string }\ndefaults: { svid_ttl: ${ttlSeconds}s }\nbreakglass: { approvals: ${approvals} }\n`;
  return new Map([
    ['mesh.yaml', `${mesh}${isBroken ? 'nonsense: [\n' : ''}`],
    ...services.map((name) => [`services/${name}.yaml`, serviceText(name, said[name])] as const),
  ]);
}

/** What a version of a service runs. */
export function commandOf({ run, harm }: SaidService, version: string): string {
  return version === 'v1' && harm?.startsWith(harms.ends) === true
    ? `node ${harm}.js`
    : `node app-${version}-${run}.js`;
}

function runText(said: SaidService, name: SimService): readonly string[] {
  const { v2, timeoutMs } = said;
  const split = v2 === undefined ? 'to: v1' : `split: { v1: ${100 - v2}, v2: ${v2} }`;
  return [
    ...['routes:', `  - ${split}`, `    timeout: ${timeoutMs}ms`],
    ...['run:', `  v1: ${commandOf(said, 'v1')}`],
    ...(v2 === undefined
      ? []
      : ['  v2:', `    command: ${commandOf(said, 'v2')}`, `    port: ${port[name] + 1}`]),
  ];
}

function serviceText(name: SimService, said: SaidService): string {
  const { step, zone, note, harm, isPicky } = said;
  const from = name === 'api' ? 'web' : 'api';
  const isDenied = harm?.startsWith('harm') === true;
  const isRule = harm !== undefined && /^(fault|refuse)-/.test(harm);
  const where = harm?.startsWith('sour') === true ? harm : zone;
  return [
    `# note ${note}`,
    ...[`service: ${name}`, 'owner: t', 'protocol: http', `port: ${port[name]}`],
    'attributes: { zone: here }',
    ...runText(said, name),
    ...(isDenied ? ['deny:', `  - { id: ${harm}, from: "*", to: GET /harm }`] : []),
    'allow:',
    `  - { id: all, from: ${from}, to: GET /** }`,
    `  - { id: ${isPicky ? 'picky' : 'step'}-${step}, from: ${from}, to: POST /step-${step} }`,
    ...(isRule ? [`  - { id: ${harm}, from: ${from}, to: DELETE /x }`] : []),
    `  - { id: when, from: ${from}, to: PUT /when, when: source.zone == "${where}" }`,
    '',
  ].join('\n');
}

export function isBad({ api, web }: Said): boolean {
  return api.harm !== undefined || web.harm !== undefined;
}
