import type { JsonValue } from '@bufbuild/protobuf';
import { type ResourceKey, resourceId } from '../base/ledger.ts';
import type { ApiClient } from '../client/client.ts';
import type { ProxyReply, ProxyResource } from '../client/gen/api.ts';
import { fieldChanges } from '../explain/field-changes.ts';
import { resourceJson } from '../explain/resource-json.ts';
import type { ResourceChange, ResourceSide } from '../explain/revision-diff.ts';
import type { ExitCode } from './command.ts';
import { changeText, count } from './diff-text.ts';
import { momentOf } from './moment-flag.ts';
import { proxyReply } from './proxy.ts';
import type { Terminal } from './terminal.ts';

/** What differs between what two proxies run or ran. Each is `PROXY` or `PROXY@TIME`. */
export async function diffProxies(
  api: ApiClient,
  names: readonly [string, string],
  more: { readonly json: boolean; readonly terminal: Terminal },
): Promise<ExitCode> {
  const { json, terminal } = more;
  const [before, after] = [await side(api, names[0]), await side(api, names[1])];
  const found = await changesBetween(api, before, after);
  if (json) terminal.out(JSON.stringify(found));
  else if (found.length === 0) terminal.out('they run the same');
  else {
    const texts = found.map((one) => changeText(one, '', terminal));
    terminal.out(
      [`${count(found.length, 'resource differs', 'resources differ')}`, ...texts].join('\n\n'),
    );
  }
  return found.length === 0 ? 0 : 2;
}

async function side(api: ApiClient, text: string): Promise<ProxyReply> {
  const at = text.indexOf('@');
  if (at === -1) return proxyReply(api, text, undefined);
  return proxyReply(api, text.slice(0, at), momentOf(text.slice(at + 1), 'the time'));
}

async function changesBetween(
  api: ApiClient,
  a: ProxyReply,
  b: ProxyReply,
): Promise<ResourceChange[]> {
  const [old, now] = [taken(a), taken(b)];
  const keys = [...new Set([...old.keys(), ...now.keys()])].sort();
  const found: ResourceChange[] = [];
  for (const key of keys) {
    const [before, after] = [old.get(key), now.get(key)];
    const one = before ?? after;
    if (one === undefined || before?.version === after?.version) continue;
    const bothSides = before !== undefined && after !== undefined;
    const fields = bothSides
      ? fieldChanges(await contentOf(api, before), await contentOf(api, after))
      : [];
    const { type, name } = one;
    found.push({ type, name, before: sideOf(before), after: sideOf(after), fields });
  }
  return found;
}

function sideOf(resource: ProxyResource | undefined): ResourceSide | undefined {
  return (
    resource && { version: resource.version, at: resource.from[0], commit: resource.commit ?? '' }
  );
}

function taken({ resources }: ProxyReply): ReadonlyMap<string, ProxyResource> {
  const accepted = resources.filter(({ state }) => state === 'accepted');
  return new Map(accepted.map((one) => [`${one.type} ${one.name}`, one]));
}

async function contentOf(api: ApiClient, key: ResourceKey): Promise<JsonValue> {
  const made = await api.get('/v1/resources', { query: { id: resourceId(key) } });
  return resourceJson(key.type, Buffer.from(made.bytes, 'base64'));
}
