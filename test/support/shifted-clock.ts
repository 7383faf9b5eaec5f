/**
 * Preloaded into the processes of a mesh (`--import`): the wall clock of each is off by what a file of its name says, in
 * milliseconds. What time goes by it leaves alone, and so what OpenSSL takes for the time.
 */
import { readFileSync } from 'node:fs';

const folder = process.env['CHANCERY_TEST_CLOCKS'];
const role = process.argv[2] ?? '';

if (folder !== undefined && (role === 'server' || role === 'agent')) {
  const now = Date.now.bind(Date);
  let offMs = 0;
  const look = (): void => {
    try {
      offMs = Number(readFileSync(`${folder}/${role}`, 'utf8'));
    } catch {
      offMs = 0;
    }
  };
  look();
  setInterval(look, 100).unref();
  Date.now = () => now() + offMs;
}
