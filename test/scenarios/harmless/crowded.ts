/** Takes few connections that wait for it, and none for a while if it is asked to. */
export const crowded = `
const http = require('node:http');
let count = 0;
const server = http.createServer((q, s) => {
  if (q.url === '/busy') for (const end = Date.now() + 1300; Date.now() < end;);
  if (q.method === 'POST') count += 1;
  if (q.url === '/hints') s.writeEarlyHints({ link: '</a.css>; rel=preload' });
  if (q.url === '/events') { const timer = setInterval(() => s.write('data: x\\n\\n'), 200); s.on('close', () => clearInterval(timer)); s.flushHeaders(); return; }
  s.end(String(count));
});
server.on('upgrade', (q, socket) => {
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nconnection: upgrade\\r\\nupgrade: websocket\\r\\n\\r\\n');
  socket.pipe(socket);
});
server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 16 });
`;
