import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileRevision } from '../compile/revision.ts';
import { standIns } from '../compile/stand-in.ts';
import { parseIntent } from '../model/parse.ts';
import { type RevisionSide, revisionDiff } from './revision-diff.ts';

const mesh = 'mesh: m\ntrust_domain: m.test\n';
const web = 'service: web\nowner: t\nprotocol: http\nport: 80\n';
const shop = `service: shop\nowner: t\nprotocol: http\nport: 81\nallow:\n  - { from: web, to: GET /** }\n`;

function side(services: Readonly<Record<string, string>>): RevisionSide {
  const texts = Object.entries(services).map(([name, text]) => [`services/${name}.yaml`, text]);
  const files = new Map<string, string>([['mesh.yaml', mesh], ...(texts as [string, string][])]);
  const { intent, findings } = parseIntent(files);
  if (intent === undefined) throw new Error(JSON.stringify(findings));
  return {
    files,
    snapshots: compileRevision(intent, standIns(intent.services.values())).snapshots,
  };
}

describe('what changes from one revision to another', () => {
  it('is nothing between equal ones, whatever the objects are', () => {
    const found = revisionDiff(side({ web, shop }), side({ web, shop }));
    assert.deepEqual(found, {
      proxies: { changed: [], added: [], gone: [], same: 2 },
      resources: [],
    });
  });

  it('is named by proxy, resource and field, with the changed line of both sides', () => {
    const slower = `${shop}routes:\n  - { to: v1, timeout: 7s }\n`;
    const { proxies, resources } = revisionDiff(side({ web, shop }), side({ web, shop: slower }));
    assert.deepEqual(proxies, { changed: ['web-v1'], added: [], gone: [], same: 1 });
    const [routes] = resources.filter(({ type }) => type === 'RouteConfiguration');
    assert.equal(routes?.name, 'egress');
    assert.deepEqual(
      routes?.proxies.map(({ proxy }) => proxy),
      ['web-v1'],
    );
    assert.deepEqual(routes?.after?.at, { file: 'services/shop.yaml', line: 8 });
    assert.equal(routes?.before?.at?.file, 'services/shop.yaml');
    const timeout = routes?.fields.find(({ path }) => path.endsWith('timeout'));
    assert.equal(timeout?.after, '7s');
  });

  it('a service that comes is a new proxy, and only its callers change', () => {
    const more = shop.replaceAll('shop', 'more').replace('81', '82');
    const come = revisionDiff(side({ web, shop }), side({ web, shop, more }));
    assert.deepEqual(come.proxies, { changed: ['web-v1'], added: ['more-v1'], gone: [], same: 1 });
    const cluster = come.resources.find(({ type }) => type === 'Cluster');
    assert.deepEqual([cluster?.name, cluster?.before], ['more/v1', undefined]);
    const left = revisionDiff(side({ web, shop, more }), side({ web, shop }));
    assert.deepEqual(left.proxies.gone, ['more-v1']);
  });

  it('the same change of several proxies is told once', () => {
    const other = web.replace('web', 'other').replace('80', '83');
    const open = shop.replace('from: web', 'from: [web, other]');
    const slower = `${open}routes:\n  - { to: v1, timeout: 7s }\n`;
    const found = revisionDiff(
      side({ web, other, shop: open }),
      side({ web, other, shop: slower }),
    );
    const shared = found.resources.filter(({ proxies }) => proxies.length === 2);
    assert.deepEqual(found.proxies.changed, ['other-v1', 'web-v1']);
    assert.ok(shared.length > 0, JSON.stringify(found.resources));
  });
});
