import http from 'node:http';

/** What a GET at a unix socket answers, whatever its status. */
export function socketText(socketPath: string, path: string): Promise<string> {
  return new Promise((done, reject) => {
    const call = http.get({ socketPath, path }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => done(text));
    });
    call.once('error', reject);
  });
}
