#!/usr/bin/env node
// Plain JavaScript, so that an old Node says what is wrong instead of failing on the first type.
const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `error[CH5001]: chancery needs Node 24 or later, this is ${process.version}\n` +
      '  help: run it through npm (npm run chancery -- …), which brings its own Node, or install Node 26\n',
  );
  process.exit(1);
}
// Compiled code is kept in the user's own cache folder, so that a start does not compile again; a folder that others may
// write to, such as Node's default, would let them choose what runs.
const { enableCompileCache } = await import('node:module');
const { homedir } = await import('node:os');
const cacheHome = process.env.XDG_CACHE_HOME || `${homedir()}/.cache`;
if (process.env.NODE_COMPILE_CACHE === undefined)
  enableCompileCache(`${cacheHome}/chancery/compiled`);
// A checkout runs its sources; an installed package runs what `npm run build` made of them, because Node strips no
// types below node_modules.
const installed = import.meta.url.includes('/node_modules/');
const { main } = await import(installed ? '../dist/cli/main.js' : '../src/cli/main.ts');
process.exitCode = await main(process.argv.slice(2));
