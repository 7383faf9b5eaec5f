import { realpathSync } from 'node:fs';
import type { JsonValue } from '@bufbuild/protobuf';
import { layoutOf } from '../app/layout.ts';
import { type ResourceKey, resourceId } from '../base/ledger.ts';
import { type FieldChange, fieldChanges } from '../explain/field-changes.ts';
import { resourceJson } from '../explain/resource-json.ts';
import { callApi } from '../serve/api/client.ts';
import type { MadeReply, ProxyReply, ProxyResource } from '../serve/api/ledger-wire.ts';
import { paths } from '../serve/api/wire.ts';
import { parseArguments, usageError } from './arguments.ts';
import type { ExitCode } from './main.ts';
import { momentOf, proxyReply } from './proxy.ts';
import { paint, type Terminal } from './terminal.ts';

const usage = {
  usage: 'diff PROXY[@TIME] PROXY[@TIME] [DIR] [--json]',
  text: [
    'What differs between what two proxies run, or one at two times: each resource with its lines, field by field.',
    '0: nothing; 2: something.',
  ].join('\n'),
  example: 'chancery diff "payments-v1@yesterday 14:02" payments-v1 examples/shop',
};

/** One resource that one side has otherwise, or not at all. */
interface Difference {
  readonly type: string;
  readonly name: string;
  readonly before: ProxyResource | undefined;
  readonly after: ProxyResource | undefined;
  readonly fields: readonly FieldChange[];
}

export async function diff(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const parsed = parseArguments(args, { json: { type: 'boolean' } }, usage);
  if (parsed.help !== undefined) {
    terminal.out(parsed.help);
    return 0;
  }
  const [a, b, dir = '.', ...more] = parsed.positionals;
  if (a === undefined || b === undefined || more.length > 0) {
    throw usageError('diff takes two proxies, each with or without a time', usage);
  }
  const [before, after] = [await side(dir, a), await side(dir, b)];
  const found = await differences(dir, before, after);
  if (parsed.values['json'] === true) terminal.out(JSON.stringify(found));
  else terminal.out(found.length === 0 ? 'they run the same' : textOf(found, terminal));
  return found.length === 0 ? 0 : 2;
}

async function side(dir: string, text: string): Promise<ProxyReply> {
  const at = text.indexOf('@');
  if (at === -1) return proxyReply(dir, text, undefined);
  return proxyReply(dir, text.slice(0, at), momentOf(text.slice(at + 1), 'the time', usage));
}

async function differences(dir: string, a: ProxyReply, b: ProxyReply): Promise<Difference[]> {
  const [old, now] = [taken(a), taken(b)];
  const keys = [...new Set([...old.keys(), ...now.keys()])].sort();
  const found: Difference[] = [];
  for (const key of keys) {
    const [before, after] = [old.get(key), now.get(key)];
    const one = before ?? after;
    if (one === undefined || before?.version === after?.version) continue;
    const bothSides = before !== undefined && after !== undefined;
    const fields = bothSides
      ? fieldChanges(await contentOf(dir, before), await contentOf(dir, after))
      : [];
    found.push({ type: one.type, name: one.name, before, after, fields });
  }
  return found;
}

function taken({ resources }: ProxyReply): ReadonlyMap<string, ProxyResource> {
  const accepted = resources.filter(({ state }) => state === 'accepted');
  return new Map(accepted.map((one) => [`${one.type} ${one.name}`, one]));
}

async function contentOf(dir: string, key: ResourceKey): Promise<JsonValue> {
  const { controlSocket } = layoutOf(realpathSync(dir), process.env);
  const path = `${paths.resources}?${new URLSearchParams({ id: resourceId(key) })}`;
  const made = (await callApi(controlSocket, { method: 'GET', path })) as MadeReply;
  return resourceJson(key.type, Buffer.from(made.bytes, 'base64'));
}

function textOf(found: readonly Difference[], terminal: Terminal): string {
  return found
    .map(({ type, name, before, after, fields }) => {
      const what = before === undefined ? 'only after' : after === undefined ? 'only before' : '';
      const lines = [
        `${paint(terminal, 'bold', `${type} ${name}`)} ${what}`.trimEnd(),
        ...(before === undefined ? [] : [paint(terminal, 'red', `  - ${placeOf(before)}`)]),
        ...(after === undefined ? [] : [paint(terminal, 'green', `  + ${placeOf(after)}`)]),
        ...fields.map(
          (field) => `    ${field.path}: ${shown(field.before)} -> ${shown(field.after)}`,
        ),
        // An endpoint assignment's version also holds its cluster's.
        ...(before !== undefined && after !== undefined && fields.length === 0
          ? ['    the same content, sent again for its cluster']
          : []),
      ];
      return lines.join('\n');
    })
    .join('\n\n');
}

function placeOf({ version, from, commit }: ProxyResource): string {
  const [place] = from;
  const where = place === undefined ? 'made before the ledger' : `${place.file}:${place.line}`;
  return `${version.slice(0, 8)}  ${where}  ${(commit ?? '').slice(0, 12)}`.trimEnd();
}

function shown(value: FieldChange['before']): string {
  return value === undefined ? '(nothing)' : JSON.stringify(value);
}
