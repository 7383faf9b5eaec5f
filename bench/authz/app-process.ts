/** The application behind a proxy, with as little work for each request as can be. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

export interface AppFile {
  readonly port: number;
}

const given = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as AppFile;
const headEnd = '\r\n\r\n';
const reply = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: 2${headEnd}ok`);

const app = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  let seen = '';
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1');
    for (let end = seen.indexOf(headEnd); end !== -1; end = seen.indexOf(headEnd)) {
      seen = seen.slice(end + headEnd.length);
      socket.write(reply);
    }
  });
});
await new Promise<void>((done) => app.listen(given.port, '127.0.0.1', done));
process.stdout.write('ready\n');
