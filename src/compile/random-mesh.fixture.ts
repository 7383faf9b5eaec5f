import { seeded } from '../base/seeded.fixture.ts';
import { type Inventory, sortInventory, type Workload, type WorkloadId } from './inventory.ts';

/** A whole number below the one given. */
export type Draw = (below: number) => number;

export function drawFrom(seed: number): Draw {
  const random = seeded(seed);
  return (below) => Math.floor(random() * below);
}

const names = ['a', 'a-b', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
const roles = ['one', 'two'];

/** A small tree with everything in it that one file may say about another; often whole, at times refused. */
export function randomFiles(draw: Draw): Map<string, string> {
  const files = new Map([['mesh.yaml', meshText(draw)]]);
  for (const name of names) {
    if (draw(4) > 0) files.set(`services/${name}.yaml`, serviceText(name, draw));
  }
  return files;
}

/** One to three files changed, added or removed. */
export function editFiles(files: ReadonlyMap<string, string>, draw: Draw): Map<string, string> {
  const edited = new Map(files);
  for (let count = 1 + draw(3); count > 0; count -= 1) {
    const name = pick(names, draw);
    const path = `services/${name}.yaml`;
    const way = draw(12);
    if (way === 0) edited.set('mesh.yaml', meshText(draw));
    else if (way === 1) edited.delete(path);
    else if (way === 2) edited.set(path, `\n${edited.get(path) ?? serviceText(name, draw)}`);
    else edited.set(path, serviceText(name, draw));
  }
  return edited;
}

const pool = 'defaults: { desk: pool }\ndesk: { pool: { desk-1: 127.0.0.1:9500 } }\n';

function meshText(draw: Draw): string {
  const way = draw(3);
  const defaults = way === 0 ? `defaults: { timeout: ${1 + draw(3)}s }\n` : way === 1 ? pool : '';
  const members = roles.map((role) => `  ${role}: [${pick(names, draw)}, ${pick(names, draw)}]\n`);
  return `mesh: m\ntrust_domain: ${draw(8) === 0 ? 'other' : 'mesh'}.test\n${defaults}roles:\n${members.join('')}`;
}

function serviceText(name: string, draw: Draw): string {
  const isTcp = name === 'c' || name === 'd' ? draw(8) > 0 : draw(10) === 0;
  const lines = [
    `service: ${name}`,
    'owner: o',
    `protocol: ${isTcp ? 'tcp' : pick(['http', 'grpc'], draw)}`,
    `port: ${9_000 + names.indexOf(name) - (draw(40) === 0 ? 1 : 0)}`,
    'allow:',
    ...ruleLines(draw),
  ];
  if (draw(3) === 0) lines.push('deny:', `  - from: ${caller(draw)}`);
  if (draw(3) === 0) lines.push('routes:', '  - split: { v1: 50, v2: 50 }');
  if (draw(4) === 0) {
    const port = 8_000 + names.indexOf(name);
    lines.push('calls:', `  - { service: ${pick(['c', 'd'], draw)}, local_port: ${port} }`);
  }
  return `${lines.join('\n')}\n`;
}

function ruleLines(draw: Draw): string[] {
  const rules = Array.from({ length: 1 + draw(3) }, () => `  - from: [${caller(draw)}]`);
  return [...new Set(rules)];
}

function caller(draw: Draw): string {
  if (draw(8) === 0) return '"*"';
  return draw(5) === 0 ? `role:${pick(roles, draw)}` : pick(names, draw);
}

function pick<T>(items: readonly T[], draw: Draw): T {
  const item = items[draw(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Ids may stand twice, and services may be unknown: hosts report what they run. */
export function editInventory(inventory: Inventory, draw: Draw): Inventory {
  const next = [...inventory];
  for (let count = 1 + draw(3); count > 0; count -= 1) {
    const index = draw(next.length + 1);
    if (draw(3) === 0 || next[index] === undefined) next.push(randomWorkload(draw));
    else if (draw(2) === 0) next.splice(index, 1);
    else next[index] = { ...next[index], state: pick(['ready', 'unhealthy', 'draining'], draw) };
  }
  return sortInventory(next.map((one) => (draw(4) === 0 ? { ...one } : one)));
}

function randomWorkload(draw: Draw): Workload {
  const service = pick([...names, 'stranger'], draw);
  return {
    id: `${draw(12) === 0 ? 'twin' : service}-${draw(4)}` as WorkloadId,
    service: service as Workload['service'],
    version: pick(['v1', 'v2'], draw) as Workload['version'],
    host: `host-${draw(3)}`,
    address: `127.0.0.${1 + draw(3)}`,
    ingressPort: 20_000 + draw(5),
    egressPort: 21_000 + draw(5),
    appPort: 22_000 + draw(3),
    state: 'ready',
  };
}
