/** `npm run bench -- AREA`: figures on standard output, progress on standard error. */
const areas: Readonly<Record<string, () => Promise<{ run: () => Promise<void> }>>> = {
  authz: () => import('./authz.ts'),
  'bad-commits': () => import('./bad-commits.ts'),
  compile: () => import('./compile.ts'),
  identity: () => import('./identity.ts'),
  mesh: () => import('./mesh.ts'),
  neighbours: () => import('./neighbours.ts'),
  xds: () => import('./xds.ts'),
};

const [area = ''] = process.argv.slice(2);
const load = Object.hasOwn(areas, area) ? areas[area] : undefined;
if (load === undefined) {
  process.stderr.write(`usage: npm run bench -- AREA, one of ${Object.keys(areas).join(', ')}\n`);
  process.exit(1);
}
await (await load()).run();
