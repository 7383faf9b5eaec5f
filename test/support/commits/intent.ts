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
};
export const harmKinds = ['harm', 'fault', 'sour', 'refuse'] as const;

const port = { api: 8_097, web: 8_119 };

export const firstSaid: Said = {
  api: { step: 0, zone: 'ok-0', note: 0, isPicky: false, harm: undefined },
  web: { step: 0, zone: 'ok-0', note: 0, isPicky: false, harm: undefined },
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

function serviceText(name: SimService, { step, zone, note, harm, isPicky }: SaidService): string {
  const from = name === 'api' ? 'web' : 'api';
  const isDenied = harm?.startsWith('harm') === true;
  const isRule = harm !== undefined && !isDenied && !harm.startsWith('sour');
  const where = harm?.startsWith('sour') === true ? harm : zone;
  return [
    `# note ${note}`,
    ...[`service: ${name}`, 'owner: t', 'protocol: http', `port: ${port[name]}`],
    'attributes: { zone: here }',
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
